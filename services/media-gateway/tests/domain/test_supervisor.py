"""A supervisor's hand on a service: tear it down, or move the customer to another agent."""

import pytest
from msgspec.structs import replace

from callstream.contracts.call_events import CallEnded, LegEnded, ServiceTornDown, TransferStarted
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.call import C
from callstream_media_gateway.domain.truth import truth_of

from .story import AGENT, CUSTOMER, MENU, Story, agent_rings, answered, both, ended, picked_up, playing, talking

TEAR = on.TearDown(agent_id="1001", actor="boss")
MOVE = on.Transfer(agent_id="1001", target_agent_id="1002", actor="boss", prompts=MENU)
NEXT = on.Offered(offer_id="next", request_id="call-t1", agent_id="1002")


@pytest.mark.feature("F213")
def test_tearing_down_ends_both_legs_and_names_the_supervisor() -> None:
    story = talking()
    effects = story.step(TEAR)
    assert {do.HangUpLeg(CUSTOMER), do.HangUpLeg(AGENT), do.CloseLeg(CUSTOMER), do.CloseLeg(AGENT)} <= set(effects)
    assert story.last(ServiceTornDown) == ServiceTornDown(agent_id="1001", actor="boss")
    story.steps(on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    assert story.last(CallEnded) == CallEnded(reason=Reason.SUPERVISOR, party=Party.SUPERVISOR)


@pytest.mark.feature("F213", "F214")
@pytest.mark.parametrize("state", [answered, playing, agent_rings, picked_up, ended])
@pytest.mark.parametrize("given", [TEAR, MOVE])
def test_without_a_service_there_is_nothing_to_end_or_to_move(state: type[Story], given: on.Input) -> None:
    story = state()
    before = list(story.names)
    with pytest.raises(Refusal) as caught:
        story.step(given)
    assert caught.value.reason in (Reason.ILLEGAL_STATE, Reason.UNKNOWN_CALL)
    assert story.names == before


@pytest.mark.feature("F213", "F214")
@pytest.mark.parametrize("given", [TEAR, MOVE])
def test_another_agents_service_is_not_touched(given: on.TearDown | on.Transfer) -> None:
    story = talking()
    wrong = replace(given, agent_id="1009")
    with pytest.raises(Refusal, match="1009 does not serve"):
        story.step(wrong)
    assert story.call.customer is C.TALKING


@pytest.mark.feature("F214")
def test_a_transfer_keeps_the_customer_and_frees_the_agent() -> None:
    story = talking()
    effects = story.step(MOVE)
    assert effects == [
        do.StopRecord("call-r1"),
        do.HangUpLeg(AGENT),
        do.CloseLeg(AGENT),
        do.StartPlay("call-t1-music", MENU, 0, False),
    ]
    started = story.last(TransferStarted)
    assert (started.request_id, started.agent_id, started.target_agent_id, started.actor) == ("call-t1", "1001", "1002", "boss")
    story.step(on.LegClosed(leg_id=AGENT))
    assert story.last(LegEnded).reason is Reason.SUPERVISOR
    assert story.call.customer is C.ANSWERED
    assert [leg.leg_id for leg in truth_of(story.call).legs] == [CUSTOMER]
    with pytest.raises(Refusal):
        story.step(MOVE)


@pytest.mark.feature("F214")
def test_the_customer_and_the_target_are_bridged_and_recorded_anew() -> None:
    story = talking().steps(MOVE, on.LegClosed(leg_id=AGENT))
    story.steps(NEXT, on.LegOpened(leg_id="next-leg"), on.PhoneAnswered(leg_id="next-leg"))
    effects = story.step(on.AnswerLogged(offer_id="next"))
    assert effects == [
        do.StopPlay("call-t1-music"),
        do.Record("call-r2", CUSTOMER),
        do.Mix(connect=both(CUSTOMER, "next-leg"), disconnect=()),
    ]
    assert truth_of(story.call).legs[1].answered
    story.step(on.RequestLeft(request_id="call-t1", reason=Reason.NO_AGENT_ONLINE))
    assert story.call.customer is C.TALKING, "the request is served: its late end means nothing"


@pytest.mark.feature("F214")
@pytest.mark.parametrize(("reason", "party"), [(Reason.SUPERVISOR, Party.SUPERVISOR), (Reason.UNKNOWN_GROUP, Party.SYSTEM)])
def test_a_moved_customer_whom_nobody_will_serve_is_hung_up(reason: Reason, party: Party) -> None:
    story = talking().steps(MOVE, on.LegClosed(leg_id=AGENT))
    story.step(on.RequestLeft(request_id="another", reason=reason))
    assert story.call.customer is C.ANSWERED
    story.steps(on.RequestLeft(request_id="call-t1", reason=reason), on.LegClosed(leg_id=CUSTOMER))
    assert story.last(CallEnded) == CallEnded(reason=reason, party=party)


def test_a_moved_customer_who_hangs_up_ends_the_call() -> None:
    story = talking().steps(MOVE, on.LegClosed(leg_id=AGENT), on.HungUp(leg_id=CUSTOMER), on.LegClosed(leg_id=CUSTOMER))
    assert story.last(CallEnded).reason is Reason.CALLER_HUNG_UP


# an offer that the log holds to be over


@pytest.mark.parametrize("state", [agent_rings, picked_up])
def test_a_stray_offer_is_dropped_and_the_call_goes_on(state: type[Story]) -> None:
    story = state()
    effects = story.step(on.DropOffer(offer_id="offer"))
    assert do.HangUpLeg(AGENT) in effects
    story.step(on.LegClosed(leg_id=AGENT))
    assert story.last(LegEnded).reason is Reason.OFFER_LOST
    assert story.call.customer is C.ANSWERED
    assert story.step(on.DropOffer(offer_id="offer")) == []


def test_a_talk_is_no_stray_offer() -> None:
    story = talking()
    with pytest.raises(Refusal, match="bridged"):
        story.step(on.DropOffer(offer_id="offer"))
    assert story.call.customer is C.TALKING
