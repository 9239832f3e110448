"""A talk of three: who may go, who stays, and who serves then."""

import pytest

from callstream.contracts.call_events import CallEnded, LegEnded, RecordingStarted
from callstream.contracts.control_events import CallTransferred, PartyLeft
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.controls import Control

from . import story
from .story import AGENT, CUSTOMER, SECOND, all_of, do_it, hears


def test_when_the_serving_agent_leaves_the_other_serves_on() -> None:
    call = story.conference()
    before = len(call.names)
    effects = call.step(do_it(Control.LEAVE))
    assert hears(call) == all_of(CUSTOMER, SECOND)
    assert call.new(before) == ["party-left", "transferred", "recording-started"]
    assert (call.last(CallTransferred).how, call.last(CallTransferred).to_agent_id) == ("left", "1002")
    assert do.StopRecord("call-r1") in effects
    assert call.last(RecordingStarted).agent_id == "1002"
    call.step(on.LegClosed(leg_id=AGENT))
    assert call.last(LegEnded).agent_id == "1001", "who leaves is free for wrap-up"
    call.steps(on.HungUp(leg_id=SECOND), on.LegClosed(leg_id=SECOND), on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded).reason is Reason.AGENT_HUNG_UP


@pytest.mark.parametrize(
    ("given", "actor"),
    [(do_it(Control.DROP_PARTY), "1001"), (do_it(Control.LEAVE, "1002"), ""), (on.HungUp(leg_id=SECOND), "")],
    ids=["dropped", "left", "hung up"],
)
def test_without_the_third_party_the_two_talk_on(given: on.Input, actor: str) -> None:
    call = story.conference()
    before = len(call.names)
    effects = call.step(given)
    assert hears(call) == all_of(CUSTOMER, AGENT)
    assert (do.HangUpLeg(SECOND) in effects) == (not isinstance(given, on.HungUp))
    assert call.new(before) == ["party-left"]
    assert call.last(PartyLeft) == PartyLeft(leg_id=SECOND, role=LegRole.AGENT, agent_id="1002", actor=actor)
    call.steps(on.LegClosed(leg_id=SECOND), on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded).reason is Reason.AGENT_HUNG_UP


def test_an_agent_who_hangs_up_only_leaves() -> None:
    call = story.conference().steps(on.HungUp(leg_id=AGENT))
    assert hears(call) == all_of(CUSTOMER, SECOND)
    assert call.call.ended is None


def test_customer_and_outside_party_may_talk_on_alone() -> None:
    call = story.consulting_outside()
    outside = story.outside_leg(call)
    effects = call.steps(do_it(Control.JOIN)).step(do_it(Control.LEAVE))
    assert hears(call) == all_of(CUSTOMER, outside)
    assert not [effect for effect in effects if isinstance(effect, do.Record)], "nobody of ours is there any more"


def test_a_customer_who_hangs_up_ends_it_for_all() -> None:
    call = story.conference().steps(on.HungUp(leg_id=CUSTOMER))
    for leg in (CUSTOMER, AGENT, SECOND):
        call.step(on.LegClosed(leg_id=leg))
    assert call.names[-1] == "ended"
    assert call.mixed == set()


def test_of_three_the_customer_alone_is_held() -> None:
    call = story.conference().steps(do_it(Control.HOLD))
    assert hears(call) == all_of(AGENT, SECOND)
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD
    call.step(do_it(Control.LEAVE))
    assert (hears(call), call.tunes) == (all_of(CUSTOMER, SECOND), {}), "who stays has the customer back"


def test_a_muted_party_of_three_hears_both() -> None:
    call = story.conference().steps(do_it(Control.MUTE, "1002"))
    assert hears(call) == all_of(CUSTOMER, AGENT) | {(SECOND, CUSTOMER), (SECOND, AGENT)}
