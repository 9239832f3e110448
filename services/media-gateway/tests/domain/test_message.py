"""A caller leaves a message: beep, recording, and each of its ends; what a playback may do to it, and it to a playback."""

import pytest

from callstream.contracts.call_events import DigitReceived, PlaybackFinished, RecordingReady, RecordingStarted
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on

from . import story
from .story import CUSTOMER, MENU, RECORDING, Story

BOX = "group:sales"
TAKE = on.TakeMessage(play_id="m1", mailbox=BOX, max_s=60, silence_s=10)


def beeping() -> Story:
    call = story.playing("welcome")
    call.step(on.PlayEnded(play_id="welcome", how="completed"))
    assert call.step(TAKE) == [do.StartTune(CUSTOMER, call.tunes[CUSTOMER].play_id, do.Tune.BEEP)]
    return call


def speaking() -> Story:
    call = beeping()
    assert call.step(beep_over(call)) == [do.Record(RECORDING, CUSTOMER, 10)]
    return call


def beep_over(call: Story) -> on.PlayEnded:
    return on.PlayEnded(play_id=call.tunes[CUSTOMER].play_id, how="completed")


def key(digit: str, method: str = "rfc4733") -> on.KeyPressed:
    return on.KeyPressed(leg_id=CUSTOMER, digit=digit, method=method)


def told(call: Story) -> list[tuple[str, str]]:
    return [(event.play_id, event.how) for event in call.events if isinstance(event, PlaybackFinished)][1:]


def test_behind_the_beep_the_caller_is_recorded_for_the_mailbox() -> None:
    call = speaking()
    started = call.last(RecordingStarted)
    assert (started.recording_id, started.mailbox, started.agent_id) == (RECORDING, BOX, "")
    assert call.timers == {"message": 60}
    assert told(call) == []


@pytest.mark.parametrize(
    ("ending", "how"), [(key("#"), "interrupted"), (key("#", "info"), "interrupted"), (on.Stop(play_id="m1"), "stopped")]
)
def test_a_message_ends_and_the_call_goes_on(ending: on.Input, how: str) -> None:
    call = speaking()
    assert call.step(ending) == [do.StopRecord(RECORDING)]
    assert (told(call), call.timers) == ([("m1", how)], {})
    assert call.step(on.Play(play_id="thanks", prompts=MENU, repeat=1, barge_in=False)) == [
        do.StartPlay("thanks", MENU, 1, False)
    ]
    call.step(on.RecordingSaved(recording_id=RECORDING, path="acme/x.mp3", duration_ms=9000, size_bytes=1, sha256="0"))
    assert call.last(RecordingReady).recording_id == RECORDING
    assert told(call) == [("m1", how)]


def test_who_says_nothing_more_has_left_the_message() -> None:
    call = speaking()
    assert call.step(on.RecordingQuiet(recording_id="another")) == []
    assert call.step(on.RecordingQuiet(recording_id=RECORDING)) == [do.StopRecord(RECORDING)]
    assert told(call) == [("m1", "completed")]
    assert call.step(on.RecordingQuiet(recording_id=RECORDING)) == []


def test_the_longest_message_ends_by_itself() -> None:
    call = speaking()
    assert call.wait("message") == [do.StopRecord(RECORDING)]
    assert told(call) == [("m1", "completed")]


def test_a_key_that_ends_the_message_is_no_playbacks_key_afterwards() -> None:
    call = speaking()
    call.steps(key("5"), key("#"))
    call.step(key("6"), after_s=1)
    keys = [(event.digit, event.play_id) for event in call.events if isinstance(event, DigitReceived)]
    assert keys == [("5", "m1"), ("#", "m1"), ("6", "")]
    assert told(call) == [("m1", "interrupted")]


def test_a_key_during_the_beep_ends_it_without_a_recording() -> None:
    call = beeping()
    late = beep_over(call)
    assert call.step(key("#")) == [do.StopPlay(late.play_id)]
    assert call.step(late) == []
    assert (told(call), call.call.recordings) == ([("m1", "interrupted")], set())


def test_who_hangs_up_has_left_the_message() -> None:
    call = speaking()
    effects = call.step(on.HungUp(leg_id=CUSTOMER))
    assert do.StopRecord(RECORDING) in effects
    assert call.call.recordings == {RECORDING}
    call.steps(on.LegClosed(leg_id=CUSTOMER))
    assert told(call) == [("m1", "stopped")], "with the call's end"
    call.steps(
        on.RecordingSaved(recording_id=RECORDING, path="acme/x.mp3", duration_ms=9000, size_bytes=1, sha256="0"),
    )
    assert call.call.finished


def test_a_lost_media_worker_leaves_what_was_said() -> None:
    call = speaking()
    assert do.Salvage(RECORDING) in call.step(on.MediaLost())


def test_a_repeated_command_changes_nothing() -> None:
    call = speaking()
    assert call.step(TAKE) == []
    call.step(key("#"))
    assert call.step(TAKE) == []
    assert told(call) == [("m1", "interrupted")]


def test_a_playback_replaces_it_and_it_replaces_a_playback() -> None:
    call = speaking()
    play = on.Play(play_id="p", prompts=MENU, repeat=1, barge_in=False)
    assert call.step(play) == [do.StopRecord(RECORDING), do.StartPlay("p", MENU, 1, False)]
    assert told(call) == [("m1", "stopped")]
    again = on.TakeMessage(play_id="m2", mailbox=BOX, max_s=60, silence_s=10)
    (tune,) = call.step(again)
    assert isinstance(tune, do.StartTune)
    assert told(call)[-1] == ("p", "stopped")


def test_who_is_not_answered_yet_hears_the_beep_with_the_answer() -> None:
    call = story.answering()
    assert call.step(TAKE) == []
    assert [type(effect) for effect in call.step(on.CallerConfirmed()) if isinstance(effect, do.StartTune)] == [do.StartTune]


def test_no_message_while_an_agent_serves_or_the_call_is_over() -> None:
    for call, reason in ((story.talking(), Reason.ILLEGAL_STATE), (story.ringing(), Reason.ILLEGAL_STATE)):
        with pytest.raises(Refusal) as refused:
            call.step(TAKE)
        assert refused.value.reason is reason
    call = story.answered()
    for field, fields in (("max_s", {"max_s": 0, "silence_s": 1}), ("silence_s", {"max_s": 1, "silence_s": 0})):
        with pytest.raises(Refusal) as refused:
            call.step(on.TakeMessage(play_id="m1", mailbox=BOX, **fields))
        assert refused.value.field == field
    call.step(on.HangUp(reason=Reason.NORMAL, party=Party.SYSTEM))
    with pytest.raises(Refusal) as refused:
        call.step(TAKE)
    assert refused.value.reason is Reason.UNKNOWN_CALL
