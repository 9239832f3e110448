"""Calls that an agent begins: to a customer, and to another agent."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import CallBridged, CallEnded, LegStarted
from callstream.contracts.control_events import AgentWanted, LegAnswered
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on

from . import story
from .story import CUSTOMER, OWN, SECOND, Story, all_of, hears


def test_the_agents_phone_rings_first_then_the_callees() -> None:
    call = story.dialled()
    assert call.names == ["dialled", "leg-started"]
    before = len(call.names)
    assert call.step(on.PhoneAnswered(leg_id=OWN)) == [do.WatchLeg(OWN), do.OpenLeg(CUSTOMER)]
    assert call.step(on.LegOpened(leg_id=CUSTOMER)) == [do.InvitePhone(CUSTOMER, "")]
    assert call.last(LegStarted) == LegStarted(
        leg_id=CUSTOMER, role=LegRole.CUSTOMER, number="+8613900000001", purpose=Purpose.OUTBOUND
    )
    call.step(on.PhoneRings(leg_id=CUSTOMER))
    assert call.tunes[OWN].tune is do.Tune.RINGBACK
    effects = call.step(on.PhoneAnswered(leg_id=CUSTOMER))
    assert do.Record("call-r1", CUSTOMER) in effects
    assert (hears(call), call.tunes) == (all_of(CUSTOMER, OWN), {})
    assert call.new(before) == [
        *("leg-answered", "leg-started", "leg-ringing", "leg-answered", "bridged", "recording-started"),
    ]
    assert call.last(CallBridged) == CallBridged(offer_id="", agent_id="1001", customer_leg_id=CUSTOMER, agent_leg_id=OWN)
    assert call.last(LegAnswered).role is LegRole.CUSTOMER


@pytest.mark.parametrize(
    "order", [(on.ArrivalStored(), on.LegOpened(leg_id=OWN)), (on.LegOpened(leg_id=OWN), on.ArrivalStored())]
)
def test_nobody_is_rung_before_the_log_knows(order: tuple[on.Input, on.Input]) -> None:
    begun = story.dialled().call.dialled
    call = Story(begun)
    assert call.step(order[0]) == []
    assert call.step(order[1]) == [do.InvitePhone(OWN, "1001")]


def test_the_callees_network_is_heard_before_the_answer() -> None:
    call = story.callee_rings()
    call.step(on.PhoneRings(leg_id=CUSTOMER, early=True))
    assert (hears(call), call.tunes) == ({(OWN, CUSTOMER)}, {}), "the network's own tone instead of ours"


def _refused(status: int) -> Callable[[Story], on.Input]:
    return lambda _: on.PhoneRefused(leg_id=CUSTOMER, sip_status=status)


ENDINGS: list[tuple[str, Callable[[], Story], Callable[[Story], on.Input], Reason, Party]] = [
    ("busy", story.callee_rings, _refused(486), Reason.BUSY, Party.CUSTOMER),
    ("rejected", story.callee_rings, _refused(603), Reason.CALLEE_REJECTED, Party.CUSTOMER),
    ("no answer", story.callee_rings, _refused(480), Reason.NO_ANSWER, Party.SYSTEM),
    ("no such number", story.callee_rings, _refused(404), Reason.CALLEE_UNREACHABLE, Party.SYSTEM),
    (
        *("no trunk", story.callee_rings),
        lambda _: on.PhoneRefused(leg_id=CUSTOMER, sip_status=0, reason=Reason.NO_TRUNK),
        *(Reason.NO_TRUNK, Party.SYSTEM),
    ),
    ("agent gives up", story.callee_rings, lambda _: on.HungUp(leg_id=OWN), Reason.AGENT_HUNG_UP, Party.AGENT),
    (
        *("agent does not answer", story.dialled, lambda _: on.PhoneRefused(leg_id=OWN, sip_status=486)),
        *(Reason.AGENT_REJECTED, Party.AGENT),
    ),
    ("callee hangs up", story.outbound_talk, lambda _: on.HungUp(leg_id=CUSTOMER), Reason.CALLER_HUNG_UP, Party.CUSTOMER),
    ("agent hangs up", story.outbound_talk, lambda _: on.HungUp(leg_id=OWN), Reason.AGENT_HUNG_UP, Party.AGENT),
    (
        "log away",
        story.dialled,
        lambda _: on.HangUp(reason=Reason.UNAVAILABLE, party=Party.SYSTEM),
        Reason.UNAVAILABLE,
        Party.SYSTEM,
    ),
]


@pytest.mark.parametrize(("_name", "state", "given", "reason", "party"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_every_ending_has_its_reason(
    _name: str, state: Callable[[], Story], given: Callable[[Story], on.Input], reason: Reason, party: Party
) -> None:
    call = state()
    call.step(given(call))
    for leg in list(call.call.legs):
        call.step(on.LegClosed(leg_id=leg))
    assert call.last(CallEnded) == CallEnded(reason=reason, party=party)
    assert call.mixed == set()
    assert call.names[-1] == "ended"


@pytest.mark.parametrize(
    ("state", "leg", "reason"),
    [(story.dialled, OWN, Reason.RING_TIMEOUT), (story.callee_rings, CUSTOMER, Reason.NO_ANSWER)],
)
def test_nobody_is_rung_for_ever(state: Callable[[], Story], leg: str, reason: Reason) -> None:
    call = state()
    effects = call.wait(f"ring:{leg}")
    assert do.HangUpLeg(leg) in effects
    for each in list(call.call.legs):
        call.step(on.LegClosed(leg_id=each))
    assert call.last(CallEnded).reason is reason
    assert call.timers == {}


def test_an_internal_call_asks_routing_for_the_other_agent_and_is_not_recorded() -> None:
    call = story.dialled(Purpose.INTERNAL, "1002")
    call.step(on.PhoneAnswered(leg_id=OWN))
    wanted = call.last(AgentWanted)
    assert (wanted.purpose, wanted.target_agent_id, wanted.customer_leg_id) == (Purpose.INTERNAL, "1002", "")
    assert call.tunes[OWN].tune is do.Tune.RINGBACK
    call = story.internal_talk()
    assert (hears(call), call.tunes) == (all_of(OWN, SECOND), {})
    assert "recording-started" not in call.names
    call.steps(on.HungUp(leg_id=SECOND), on.LegClosed(leg_id=SECOND), on.LegClosed(leg_id=OWN))
    assert call.last(CallEnded) == CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT)


def test_an_internal_call_that_nobody_takes_ends_with_why() -> None:
    call = story.dialled(Purpose.INTERNAL, "1002").steps(on.PhoneAnswered(leg_id=OWN))
    call.steps(on.RequestLeft(request_id=call.last(AgentWanted).request_id, reason=Reason.RING_TIMEOUT), on.LegClosed(leg_id=OWN))
    assert call.last(CallEnded) == CallEnded(reason=Reason.RING_TIMEOUT, party=Party.SYSTEM)


@pytest.mark.parametrize(("state", "leg"), [(story.dialled, OWN), (story.callee_rings, CUSTOMER)])
def test_a_phone_whose_audio_is_lost_while_it_rings_rings_no_longer(state: Callable[[], Story], leg: str) -> None:
    call = state()
    assert do.HangUpLeg(leg) in call.step(on.LegFailed(leg_id=leg))
    for each in list(call.call.legs):
        call.step(on.LegClosed(leg_id=each))
    assert call.last(CallEnded).reason is Reason.MEDIA_FAILED
