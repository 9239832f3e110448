"""What is decided in one step is one event: fewer writes and reads for the same story."""

from copy import deepcopy
from datetime import timedelta

from callstream.contracts.call_events import CallBridged, CallEnded, LegEnded, PlaybackFinished, RecordingStarted
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import inputs as on

from .story import AGENT, CONNECT, CUSTOMER, RECORDING, Story, agent_rings, playing, talking, withdrawn


def appended(call: Story, kind: type) -> list[object]:
    return [append.fact for append in call.told if isinstance(append.fact, kind)]


def test_the_bridge_tells_of_its_recording() -> None:
    call = talking()
    (told,) = appended(call, CallBridged)
    assert isinstance(told, CallBridged)
    assert told.recording == RecordingStarted(recording_id=RECORDING, agent_id="1001")
    assert appended(call, RecordingStarted) == []


def test_the_legs_that_end_with_the_call_stand_in_its_end() -> None:
    call = talking().steps(on.HungUp(leg_id=CUSTOMER))
    before = len(call.told)
    first = call.now + timedelta(seconds=0.2)
    assert call.step(on.LegClosed(leg_id=AGENT, figures=on.LegFigures(packets_received=7)), after_s=0.2) == []
    assert len(call.told) == before, "its phone is told to be free with the call's end"
    call.step(on.LegClosed(leg_id=CUSTOMER, figures=on.LegFigures(packets_received=9)), after_s=0.3)
    (append,) = call.told[before:]
    ended = append.fact
    assert isinstance(ended, CallEnded)
    assert (ended.reason, ended.party) == (Reason.CALLER_HUNG_UP, Party.CUSTOMER)
    assert [(leg.leg_id, leg.packets_received, leg.at) for leg in ended.legs] == [(AGENT, 7, first), (CUSTOMER, 9, None)]
    assert appended(call, LegEnded) == []


def test_a_leg_that_ends_while_the_call_goes_on_is_told_at_once() -> None:
    call = agent_rings().steps(withdrawn(), on.LegClosed(leg_id=AGENT))
    (told,) = appended(call, LegEnded)
    assert isinstance(told, LegEnded)
    assert (told.leg_id, told.reason, told.at) == (AGENT, Reason.RING_TIMEOUT, None)
    call.steps(on.HungUp(leg_id=CUSTOMER), on.LegClosed(leg_id=CUSTOMER))
    (ended,) = appended(call, CallEnded)
    assert isinstance(ended, CallEnded)
    assert [leg.leg_id for leg in ended.legs] == [CUSTOMER]


def test_what_the_agents_answer_stops_is_told_with_the_bridge() -> None:
    """Or with the call's end, when they are not bridged any more."""
    connect = on.Offered(offer_id="offer", request_id="request", agent_id="1001", connect_prompt=CONNECT)
    waits = playing("queue").steps(connect, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT))
    answered_at = waits.now
    before = len(waits.told)
    waits.steps(on.AnswerLogged(offer_id="offer"))
    assert len(waits.told) == before
    gone = deepcopy(waits)
    waits.step(on.PlayEnded(play_id="offer-connect", how="completed"), after_s=2)
    (bridged,) = appended(waits, CallBridged)
    assert isinstance(bridged, CallBridged)
    assert bridged.playback == PlaybackFinished(play_id="queue", how="stopped", at=answered_at)
    gone.steps(on.HungUp(leg_id=CUSTOMER), on.LegClosed(leg_id=CUSTOMER), on.LegClosed(leg_id=AGENT))
    (ended,) = appended(gone, CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.playback == PlaybackFinished(play_id="queue", how="stopped"), "at the same moment in this story"


def test_what_the_calls_end_stops_is_told_with_it() -> None:
    call = playing("menu").steps(on.HungUp(leg_id=CUSTOMER), on.LegClosed(leg_id=CUSTOMER))
    (ended,) = appended(call, CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.playback == PlaybackFinished(play_id="menu", how="stopped")
    assert appended(call, PlaybackFinished) == []
