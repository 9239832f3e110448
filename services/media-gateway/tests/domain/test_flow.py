"""A customer who is sent into a flow, and comes back."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import DigitReceived, PlaybackFinished
from callstream.contracts.control_events import FlowLeft, FlowStarted
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control

from . import story
from .story import AGENT, CUSTOMER, MENU, OWN, WHO, Story, all_of, do_it, hears

PLAY = on.Play(play_id="run-p1", prompts=MENU, repeat=1, barge_in=True)


def ends(call: Story) -> on.FlowOver:
    return on.FlowOver(run_id=call.last(FlowStarted).run_id, reason=Reason.FLOW_ENDED, node_id="yes")


@pytest.mark.parametrize(("talk", "agent"), [(story.talking, AGENT), (story.outbound_talk, OWN)])
def test_the_customer_hears_the_flow_alone_and_comes_back_at_its_end(talk: Callable[[], Story], agent: str) -> None:
    call = talk().steps(orders.RunFlow(**WHO, flow_id="confirm", flow_version=2))
    started = call.last(FlowStarted)
    assert (started.flow_id, started.flow_version, started.called) == ("confirm", 2, "+862166668888")
    assert (hears(call), call.tunes) == (set(), {})
    assert call.step(PLAY) == [do.StartPlay("run-p1", MENU, 1, True)]
    call.step(on.KeyPressed(leg_id=CUSTOMER, digit="1", method="rfc4733"))
    assert call.last(DigitReceived).digit == "1"
    call.step(ends(call))
    assert hears(call) == all_of(CUSTOMER, agent)
    assert call.last(PlaybackFinished).how == "stopped"
    left = call.last(FlowLeft)
    assert (left.how, left.reason, left.node_id) == ("ended", Reason.FLOW_ENDED, "yes")


def test_the_agent_may_take_the_customer_back_and_the_flows_late_end_means_nothing() -> None:
    call = story.in_flow().steps(PLAY, do_it(Control.RESUME))
    assert hears(call) == all_of(CUSTOMER, AGENT)
    assert (call.last(FlowLeft).how, call.last(FlowLeft).actor) == ("resumed", "1001")
    before = list(call.names)
    assert call.step(ends(call)) == []
    assert call.names == before
    with pytest.raises(Refusal):
        call.step(on.Play(play_id="run-p2", prompts=MENU, repeat=1, barge_in=True))


@pytest.mark.parametrize("given", [on.HungUp(leg_id=CUSTOMER), on.HungUp(leg_id=AGENT), do_it(Control.HANG_UP)])
def test_a_flow_ends_with_the_call(given: on.Input) -> None:
    call = story.in_flow().steps(given)
    assert call.last(FlowLeft).how == "cancelled"
    for leg in list(call.call.legs):
        call.step(on.LegClosed(leg_id=leg))
    assert call.names[-1] == "ended"
