"""Pause and resume of the recording, for card data: the log tells when, the recording keeps its times."""

from callstream.contracts.control_events import RecordingPaused, RecordingResumed
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.parties import Leg


def pause(call: Call, leg: Leg, actor: str) -> None:
    """From now on the recording holds silence."""
    if _change(call, paused=True):
        call.append(RecordingPaused(recording_id=call.recording, agent_id=leg.agent_id, actor=actor))


def resume(call: Call, leg: Leg, actor: str) -> None:
    """From now on the recording holds what is said."""
    if _change(call, paused=False):
        call.append(RecordingResumed(recording_id=call.recording, agent_id=leg.agent_id, actor=actor))


def _change(call: Call, *, paused: bool) -> bool:
    if not call.recording:
        raise Refusal(Reason.ILLEGAL_STATE, f"call {call.call_id} is not being recorded now", "call_id")
    if call.recording_paused == paused:
        return False
    call.recording_paused = paused
    call.effects.append(do.PauseRecord(call.recording, on=paused))
    return True
