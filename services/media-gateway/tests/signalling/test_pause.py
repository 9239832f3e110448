"""Card data: nothing of it in the recording, and everything after it at its time."""

import pytest

from callstream.contracts import call_commands as cmd
from callstream.contracts import call_events as call
from callstream.contracts.control_events import RecordingPaused, RecordingResumed
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.media.encode import decode_mp3
from callstream_media_gateway.media.tone import heard_tone, level_dbm0

from .controls import do_it
from .house import AGENT_HZ, CALLER_HZ, TONES, House
from .phone import Phone
from .test_survival import restart, talk

SECOND = 8000


async def heard_for(phone: Phone, seconds: float) -> None:
    packets = phone.ears.packets_in + int(seconds * 50)
    await phone.ears.until(lambda ears: ears.packets_in >= packets)


async def test_a_pause_is_silence_in_the_recording_also_through_a_kill(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    await heard_for(agent, 1.5)
    await do_it(open_house, cmd.PauseRecording, call_id)
    await do_it(open_house, cmd.PauseRecording, call_id)  # it is so already
    await heard_for(agent, 1.0)
    await restart(open_house)
    await heard_for(agent, 1.0)
    await do_it(open_house, cmd.ResumeRecording, call_id)
    await heard_for(agent, 1.5)
    caller.hang_up()
    ready = await open_house.event(call.RecordingReady, call_id)
    told = [r.event for r in open_house.log if isinstance(r.event, RecordingPaused | RecordingResumed)]
    assert [type(event) for event in told] == [RecordingPaused, RecordingResumed]
    assert {event.recording_id for event in told} == {ready.recording_id}
    sound = decode_mp3(open_house.folder / "recordings" / ready.path)
    silent = [level_dbm0(sound[at : at + 800]) < -50 for at in range(0, len(sound) - 800, 800)]
    first, length = silent.index(True), silent.count(True)
    assert all(silent[first : first + length]), "one stretch"
    assert length >= 19, "as long as the pause, in tenths of a second"
    before, after = sound[(first - 8) * 800 : (first - 1) * 800], sound[(first + length + 1) * 800 : (first + length + 8) * 800]
    for stretch in (before, after):
        assert (heard_tone(stretch[:, 0], TONES), heard_tone(stretch[:, 1], TONES)) == (CALLER_HZ, AGENT_HZ)


@pytest.mark.parametrize("kind", [cmd.PauseRecording, cmd.ResumeRecording])
async def test_nobody_but_the_serving_agent_pauses(open_house: House, kind: type[cmd.PauseRecording]) -> None:
    _, _, call_id = await talk(open_house)
    for wrong, reason in (
        ({"call_id": call_id, "agent_id": "1002"}, Reason.ILLEGAL_STATE),
        ({"call_id": "nothing", "agent_id": "1001"}, Reason.UNKNOWN_CALL),
    ):
        reply = await open_house.send(kind, actor="x", **wrong)
        assert (reply.accepted, reply.reason) == (False, reason)
