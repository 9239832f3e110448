"""Pause and resume of the recording by the agent who serves."""

import pytest

from callstream.contracts.control_events import RecordingPaused, RecordingResumed
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.situation import view

from .story import RECORDING, Story, agent_rings, answered, dialled, ended, talking

PAUSE = orders.Controlled(control=Control.PAUSE_RECORDING, agent_id="1001", actor="1001")
RESUME = orders.Controlled(control=Control.RESUME_RECORDING, agent_id="1001", actor="1001")


def test_a_pause_and_its_end_are_told_once_each() -> None:
    story = talking()
    before = len(story.names)
    assert Control.PAUSE_RECORDING in view(story.call, "1001").controls
    assert story.step(RESUME) == [], "it is so already"
    assert story.step(PAUSE) == [do.PauseRecord(RECORDING, on=True)]
    assert story.step(PAUSE) == [], "it is so already"
    shown = view(story.call, "1001")
    assert shown.recording_paused
    assert Control.RESUME_RECORDING in shown.controls
    assert Control.PAUSE_RECORDING not in shown.controls
    assert story.step(RESUME) == [do.PauseRecord(RECORDING, on=False)]
    assert story.new(before) == ["recording-paused", "recording-resumed"]
    assert story.last(RecordingPaused) == RecordingPaused(recording_id=RECORDING, agent_id="1001", actor="1001")
    assert story.last(RecordingResumed).recording_id == RECORDING


@pytest.mark.parametrize("state", [answered, agent_rings, dialled, ended])
@pytest.mark.parametrize("given", [PAUSE, RESUME])
def test_without_a_recording_it_is_refused(state: type[Story], given: on.Input) -> None:
    story = state()
    before = list(story.names)
    with pytest.raises(Refusal) as caught:
        story.step(given)
    assert caught.value.reason in (Reason.ILLEGAL_STATE, Reason.UNKNOWN_CALL)
    assert story.names == before


def test_the_next_agents_recording_is_not_paused() -> None:
    story = talking().steps(PAUSE)
    story.step(on.Transfer(agent_id="1001", target_agent_id="1002", actor="boss", prompts=()))
    assert not story.call.recording_paused
