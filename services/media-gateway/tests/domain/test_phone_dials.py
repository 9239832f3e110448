"""A call that an agent's phone begins by an INVITE of its own: it is not rung, and is answered when the callee has answered."""

import pytest

from callstream.contracts.call_events import CallEnded
from callstream.contracts.control_events import AgentWanted
from callstream.contracts.states import Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.controls import Situation
from callstream_media_gateway.domain.sip_status import PROCESS_LOST
from callstream_media_gateway.domain.situation import situation

from . import story
from .story import CUSTOMER, OWN, SECOND, Story, all_of, hears


def calling() -> Story:
    """The callee is being rung, and has not been heard of."""
    return story.dialled(calls=True).steps(on.LegOpened(leg_id=CUSTOMER))


def internal() -> Story:
    told = story.dialled(Purpose.INTERNAL, "1002", calls=True)
    request = told.last(AgentWanted).request_id
    return told.steps(on.Offered(offer_id="second", request_id=request, agent_id="1002"), on.LegOpened(leg_id=SECOND))


def without_mix(effects: list[do.Effect]) -> list[do.Effect]:
    return [effect for effect in effects if not isinstance(effect, do.Mix | do.Record)]


def test_the_callee_is_rung_at_once_and_the_phone_is_not() -> None:
    call = story.dialled(calls=True)
    assert call.names == ["dialled", "leg-started", "leg-answered"]
    assert call.call.hops == 69
    assert situation(call.call, "1001") is Situation.DIALLING
    assert call.step(on.LegOpened(leg_id=CUSTOMER))[0] == do.InvitePhone(CUSTOMER, "")
    assert call.timers.keys() == {f"ring:{CUSTOMER}"}, "nobody waits for the phone"


def test_the_phone_rings_with_the_callee_and_is_answered_with_it() -> None:
    call = calling()
    assert call.step(on.PhoneRings(leg_id=CUSTOMER)) == [do.RingPhone(OWN)]
    assert call.step(on.PhoneRings(leg_id=CUSTOMER)) == []
    early = call.step(on.PhoneRings(leg_id=CUSTOMER, early=True))
    assert without_mix(early) == [do.RingPhone(OWN, early=True)]
    assert hears(call) == {(OWN, CUSTOMER)}
    assert call.tunes == {}, "the phone has a ring tone of its own"
    answered = without_mix(call.step(on.PhoneAnswered(leg_id=CUSTOMER)))
    assert answered == [do.WatchLeg(CUSTOMER), do.AnswerPhone(OWN), do.WatchLeg(OWN)]
    assert hears(call) == all_of(OWN, CUSTOMER)
    assert "bridged" in call.names


def test_another_agent_is_called_through_routing() -> None:
    call = internal()
    assert call.tunes == {}
    assert call.step(on.PhoneRings(leg_id=SECOND)) == [do.RingPhone(OWN)]
    call.step(on.PhoneAnswered(leg_id=SECOND))
    assert do.AnswerPhone(OWN) in call.step(on.AnswerLogged(offer_id="second"))
    assert hears(call) == all_of(OWN, SECOND)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [(486, 486, Reason.BUSY), (603, 603, Reason.CALLEE_REJECTED), (404, 480, Reason.CALLEE_UNREACHABLE)],
)
def test_the_phone_is_told_why_nobody_came(code: int, status: int, reason: Reason) -> None:
    call = calling()
    assert do.HangUpLeg(OWN, status) in call.step(on.PhoneRefused(leg_id=CUSTOMER, sip_status=code))
    call.steps(on.LegClosed(leg_id=CUSTOMER), on.LegClosed(leg_id=OWN))
    assert call.last(CallEnded).reason is reason


def test_an_agent_whom_routing_cannot_give_is_told_to_the_phone() -> None:
    call = internal()
    request = call.last(AgentWanted).request_id
    assert do.HangUpLeg(OWN, 486) in call.step(on.RequestLeft(request_id=request, reason=Reason.AGENT_BUSY))


@pytest.mark.parametrize("gone", [on.HungUp(leg_id=OWN), on.PhoneRefused(leg_id=OWN, sip_status=PROCESS_LOST)])
def test_a_phone_that_is_gone_rings_nobody_any_more(gone: on.Input) -> None:
    call = calling()
    assert do.HangUpLeg(CUSTOMER) in call.step(gone)
    call.steps(on.LegClosed(leg_id=CUSTOMER), on.LegClosed(leg_id=OWN))
    assert call.last(CallEnded).party is Party.AGENT


def test_what_cannot_be_recorded_is_not_begun() -> None:
    begun = story.dialled(calls=True)
    call = Story(begun.call.dialled, calls=True).steps(on.LegOpened(leg_id=OWN))
    assert do.HangUpLeg(OWN, 503) in call.step(on.ArrivalNotStored())
    assert "leg-started" not in call.names
