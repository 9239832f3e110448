"""Consultation: asking an agent or an outside party, and each way it can end."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import CallEnded, LegEnded, OfferFailed
from callstream.contracts.control_events import (
    AgentWanted,
    CallRetrieved,
    CallTransferred,
    ConsultEnded,
    ConsultStarted,
    LegAnswered,
    PartyJoined,
)
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control

from . import story
from .story import AGENT, CUSTOMER, OUTSIDE, SECOND, WHO, Story, all_of, do_it, hears

TALK = all_of(CUSTOMER, AGENT)


def test_asking_an_agent_holds_the_customer_and_asks_routing() -> None:
    call = story.talking()
    before = len(call.names)
    call.step(orders.AskAgent(**WHO, target_agent_id="1002"))
    assert call.new(before) == ["held", "consult-started", "agent-wanted"]
    consult = call.last(ConsultStarted).consult_id
    assert call.last(AgentWanted) == AgentWanted(
        request_id=consult,
        purpose=Purpose.CONSULT,
        agent_id="1001",
        target_agent_id="1002",
        actor="1001",
        caller="+8613800138000",
        gateway="gw",
        customer_leg_id=CUSTOMER,
    )
    assert hears(call) == set()
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD


def test_a_customer_who_is_held_already_stays_held() -> None:
    call = story.held()
    before = len(call.names)
    call.step(orders.AskAgent(**WHO, target_agent_id="1002"))
    assert call.new(before) == ["consult-started", "agent-wanted"]


CONSULTING: list[tuple[Callable[[], Story], Callable[[Story], str]]] = [
    (story.consulting, lambda _: SECOND),
    (story.consulting_outside, story.outside_leg),
]


@pytest.mark.parametrize(("state", "target_of"), CONSULTING, ids=["agent", "outside"])
def test_agent_and_target_talk_and_the_customer_hears_music(
    state: Callable[[], Story], target_of: Callable[[Story], str]
) -> None:
    call = state()
    assert hears(call) == all_of(AGENT, target_of(call))
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD


@pytest.mark.parametrize(("state", "target_of"), CONSULTING, ids=["agent", "outside"])
def test_completed_the_target_has_the_customer_in_one_tick(state: Callable[[], Story], target_of: Callable[[Story], str]) -> None:
    call = state()
    target = target_of(call)
    before = len(call.names)
    effects = call.step(do_it(Control.COMPLETE))
    assert [effect for effect in effects if isinstance(effect, do.Mix)] == [do.Mix(story.both(CUSTOMER, target), ())]
    assert do.HangUpLeg(AGENT) in effects
    assert hears(call) == all_of(CUSTOMER, target)
    assert call.tunes == {}
    records = [] if call.call.legs[target].number else ["recording-started"]
    assert call.new(before) == ["consult-ended", "retrieved", "transferred", *records]
    assert call.last(ConsultEnded).how == "completed"
    moved = call.last(CallTransferred)
    assert (moved.agent_id, moved.how) == ("1001", "consult")
    assert (moved.to_agent_id, moved.to_number) == (call.call.legs[target].agent_id, call.call.legs[target].number)
    assert do.StopRecord("call-r1") in effects, "one recording for each agent's service"
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.last(LegEnded).reason is Reason.NORMAL


@pytest.mark.parametrize(("state", "target_of"), CONSULTING, ids=["agent", "outside"])
def test_cancelled_the_agent_has_the_customer_again(state: Callable[[], Story], target_of: Callable[[Story], str]) -> None:
    call = state()
    target = target_of(call)
    effects = call.step(do_it(Control.CANCEL))
    assert do.HangUpLeg(target) in effects
    assert (hears(call), call.tunes) == (TALK, {})
    assert call.last(ConsultEnded).how == "cancelled"
    assert call.last(CallRetrieved).agent_id == "1001"
    assert call.call.legs[AGENT].answered


def test_cancelled_while_the_target_rings_it_rings_no_more() -> None:
    call = story.target_rings()
    effects = call.step(do_it(Control.CANCEL))
    assert do.HangUpLeg(SECOND) in effects
    assert hears(call) == TALK
    assert call.step(on.PhoneAnswered(leg_id=SECOND)) == [do.HangUpLeg(SECOND)], "a crossing answer is too late"


def test_routing_that_comes_with_an_agent_too_late_is_told_so() -> None:
    call = story.asking()
    request = call.last(ConsultStarted).consult_id
    call.step(do_it(Control.CANCEL))
    assert call.step(on.Offered(offer_id="late", request_id=request, agent_id="1002")) == []
    assert call.last(OfferFailed).reason is Reason.OFFER_LOST
    assert hears(call) == TALK


def _nobody(told: Story) -> on.Input:
    return on.RequestLeft(request_id=told.last(ConsultStarted).consult_id, reason=Reason.RING_TIMEOUT)


FAILURES: list[tuple[str, Callable[[], Story], Callable[[Story], on.Input], str, Reason]] = [
    ("nobody comes", story.asking, _nobody, "failed", Reason.RING_TIMEOUT),
    ("busy", story.asking_outside, lambda s: on.PhoneRefused(leg_id=story.outside_leg(s), sip_status=486), "failed", Reason.BUSY),
    ("no port", story.asking_outside, lambda s: on.LegFailed(leg_id=story.outside_leg(s)), "failed", Reason.MEDIA_FAILED),
    ("target hangs up", story.consulting, lambda _: on.HungUp(leg_id=SECOND), "target-left", Reason.AGENT_HUNG_UP),
    (
        *("outside hangs up", story.consulting_outside, lambda s: on.HungUp(leg_id=story.outside_leg(s))),
        *("target-left", Reason.EXTERNAL_HUNG_UP),
    ),
    ("target silent", story.consulting, lambda _: on.Silent(leg_id=SECOND), "target-left", Reason.MEDIA_TIMEOUT),
]


@pytest.mark.parametrize(("_name", "state", "given", "how", "reason"), FAILURES, ids=[row[0] for row in FAILURES])
def test_when_nothing_comes_of_it_the_customer_is_retrieved(
    _name: str, state: Callable[[], Story], given: Callable[[Story], on.Input], how: str, reason: Reason
) -> None:
    call = state()
    if _name == "busy":
        call.step(on.LegOpened(leg_id=story.outside_leg(call)))
    call.step(given(call))
    ended = call.last(ConsultEnded)
    assert (ended.how, ended.reason) == (how, reason)
    assert (hears(call), call.tunes) == (TALK, {})
    assert call.call.consult is None


@pytest.mark.parametrize(
    "state", [story.agent_rings, story.answered, story.asking, story.consulting, story.conference, story.ended]
)
@pytest.mark.parametrize("given", [orders.AskAgent(**WHO, target_agent_id="1003"), orders.AskOutside(**WHO, number=OUTSIDE)])
def test_only_a_connected_call_can_be_consulted_about(state: Callable[[], Story], given: on.Input) -> None:
    call = state()
    before = list(call.names)
    with pytest.raises(Refusal):
        call.step(given)
    assert call.names == before


def test_nobody_asks_a_party_of_the_call() -> None:
    with pytest.raises(Refusal, match="in this call already"):
        story.talking().step(orders.AskAgent(**WHO, target_agent_id="1001"))


def test_an_agent_who_hangs_up_in_a_consultation_completes_the_transfer() -> None:
    call = story.consulting().steps(on.HungUp(leg_id=AGENT))
    assert hears(call) == all_of(CUSTOMER, SECOND)
    assert call.last(CallTransferred).how == "consult"
    assert call.call.ended is None
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.last(LegEnded).reason is Reason.AGENT_HUNG_UP


def test_an_agent_who_hangs_up_while_the_target_rings_hands_the_customer_on() -> None:
    call = story.target_rings().steps(on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT))
    assert call.call.ended is None
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD, "the music goes on"
    call.steps(on.PhoneAnswered(leg_id=SECOND), on.AnswerLogged(offer_id="second"))
    assert (hears(call), call.tunes) == (all_of(CUSTOMER, SECOND), {})
    assert call.last(ConsultEnded).how == "completed"
    assert call.last(CallTransferred).to_agent_id == "1002"


def test_a_customer_who_was_handed_on_to_nobody_is_hung_up() -> None:
    call = story.target_rings()
    request = call.last(ConsultStarted).consult_id
    call.steps(on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT), on.Withdrawn(offer_id="second", reason=Reason.RING_TIMEOUT))
    call.steps(
        on.RequestLeft(request_id=request, reason=Reason.RING_TIMEOUT), on.LegClosed(leg_id=SECOND), on.LegClosed(leg_id=CUSTOMER)
    )
    assert call.last(ConsultEnded).how == "failed"
    assert call.last(CallEnded) == CallEnded(reason=Reason.RING_TIMEOUT, party=Party.SYSTEM)


def test_handed_on_to_an_outside_party_that_rings() -> None:
    call = story.asking_outside()
    target = story.outside_leg(call)
    call.steps(on.LegOpened(leg_id=target), on.PhoneRings(leg_id=target), on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT))
    call.step(on.PhoneAnswered(leg_id=target))
    assert (hears(call), call.tunes) == (all_of(CUSTOMER, target), {})
    assert call.last(CallTransferred).to_number == OUTSIDE
    call.steps(on.HungUp(leg_id=target), on.LegClosed(leg_id=target), on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded) == CallEnded(reason=Reason.EXTERNAL_HUNG_UP, party=Party.SYSTEM)


def test_a_customer_who_hangs_up_ends_the_consultation_too() -> None:
    call = story.consulting().steps(on.HungUp(leg_id=CUSTOMER))
    for leg in (CUSTOMER, AGENT, SECOND):
        call.step(on.LegClosed(leg_id=leg))
    assert call.last(ConsultEnded).how == "cancelled"
    assert call.last(CallEnded).reason is Reason.CALLER_HUNG_UP
    assert call.mixed == set()


@pytest.mark.parametrize(("state", "target_of"), CONSULTING, ids=["agent", "outside"])
def test_joined_all_three_talk(state: Callable[[], Story], target_of: Callable[[Story], str]) -> None:
    call = state()
    target = target_of(call)
    before = len(call.names)
    call.step(do_it(Control.JOIN))
    assert (hears(call), call.tunes) == (all_of(CUSTOMER, AGENT, target), {})
    assert call.new(before) == ["consult-ended", "retrieved", "party-joined"]
    joined = call.last(PartyJoined)
    assert (joined.leg_id, joined.actor) == (target, "1001")


def test_an_outside_party_is_told_to_have_answered() -> None:
    answered = story.consulting_outside().last(LegAnswered)
    assert (answered.role, answered.number) == (LegRole.EXTERNAL, OUTSIDE)
