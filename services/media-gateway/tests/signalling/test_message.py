"""A caller speaks to a mailbox: a beep, what they say in the recording, and what is left of it after a kill."""

from callstream.contracts import call_events as call
from callstream.contracts import commands as cmd
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.media.encode import decode_mp3
from callstream_media_gateway.media.tone import heard_tone, level_dbm0

from .house import CALLER_HZ, TONES, House
from .phone import Phone
from .test_survival import restart


async def speaking(house: House, silence_s: int = 30) -> tuple[Phone, str]:
    """The beep is over."""
    caller = await house.caller()
    await caller.until("ringing")
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    taken = await take(house, call_id, silence_s)
    assert taken.accepted, taken.message
    started = await house.event(call.RecordingStarted, call_id)
    assert (started.mailbox, started.agent_id) == ("group:sales", "")
    assert any(level_dbm0(caller.ears.heard()[at : at + 800]) > -40 for at in range(0, len(caller.ears.heard()) - 800, 400)), (
        "a beep"
    )
    return caller, call_id


async def take(house: House, call_id: str, silence_s: int = 30) -> cmd.Reply:
    return await house.send(cmd.TakeMessage, call_id=call_id, play_id="m1", mailbox="group:sales", max_s=60, silence_s=silence_s)


async def spoken(caller: Phone, seconds: float) -> None:
    packets = caller.ears.packets_in + int(seconds * 50)
    await caller.ears.until(lambda ears: ears.packets_in >= packets)


async def test_what_a_caller_says_is_kept_through_a_kill_until_they_press_hash(open_house: House) -> None:
    caller, call_id = await speaking(open_house)
    await spoken(caller, 1.0)
    await restart(open_house)
    assert (await take(open_house, call_id)).accepted, "asked again by ivr, it is so already"
    await spoken(caller, 1.0)
    caller.ears.press("#")
    finished = await open_house.event(call.PlaybackFinished, call_id)
    assert (finished.play_id, finished.how) == ("m1", "interrupted")
    ready = await open_house.event(call.RecordingReady, call_id)
    assert ready.duration_ms >= 2000
    sound = decode_mp3(open_house.folder / "recordings" / ready.path)
    assert heard_tone(sound[:12_000, 0], TONES) == CALLER_HZ
    assert level_dbm0(sound[800:12_000, 1]) < -50, "nothing is played to them meanwhile"
    names = open_house.story(call_id)
    assert names.count("recording-started") == names.count("playback-finished") == 1
    caller.hang_up()
    await open_house.event(call.CallEnded, call_id)


async def test_who_hangs_up_has_left_a_message(open_house: House) -> None:
    caller, call_id = await speaking(open_house)
    await spoken(caller, 1.5)
    caller.hang_up()
    ready = await open_house.event(call.RecordingReady, call_id)
    assert ready.duration_ms >= 1000
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP


async def test_who_falls_silent_has_left_a_message(open_house: House) -> None:
    caller, call_id = await speaking(open_house, silence_s=2)
    await spoken(caller, 3.0)
    assert "playback-finished" not in open_house.story(call_id), "a tone is no silence"
    caller.ears.tone(CALLER_HZ, level_dbm0=-60)
    assert (await open_house.event(call.PlaybackFinished, call_id)).how == "completed"
    assert (await open_house.event(call.RecordingReady, call_id)).duration_ms >= 4500
    assert "ended" not in open_house.story(call_id), "the call goes on"


async def test_an_unknown_call_takes_none(open_house: House) -> None:
    reply = await take(open_house, "nothing")
    assert (reply.accepted, reply.reason) == (False, Reason.UNKNOWN_CALL)
