"""Prompts, tones and barge-in, heard at the phone and told as events."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from callstream_media_gateway.media.audiofile import save
from callstream_media_gateway.media.client import MediaRefusedError
from callstream_media_gateway.media.tone import level_dbm0, sines, tone_levels
from callstream_media_gateway.media.worker_commands import DestroyLeg, File, Play, PlayItem, Silence, StopPlay, Tone
from callstream_media_gateway.media.worker_events import Digit, LegStats, PlayFinished

from .rig import Rig

LOW, HIGH, OTHER = 400, 1100, 1700


@pytest.fixture
def prompt(tmp_path: Path) -> File:
    """Half a second of LOW at -13 dBm0."""
    save(tmp_path / "prompt.wav", sines((LOW,), 4000))
    return File(str(tmp_path / "prompt.wav"))


async def test_a_prompt_is_heard_whole_and_its_end_is_told(rig: Rig, prompt: File) -> None:
    phone = await rig.phone("a")
    await phone.until(lambda p: p.packets_in > 2)
    phone.forget()
    await rig.do(Play("a", "welcome", (prompt,)))
    finished = await rig.event(PlayFinished)
    assert (finished.play_id, finished.leg_id, finished.reason, finished.played_ms) == ("welcome", "a", "completed", 500)
    await phone.until(lambda p: level_dbm0(p.heard(100)) < -50)
    heard = phone.heard()
    loud = heard[np.flatnonzero(np.abs(heard) > 100)[0] :][:4000]
    assert tone_levels(loud, [LOW])[0] == pytest.approx(-13, abs=0.5)


async def test_items_follow_one_another_and_the_list_repeats(rig: Rig, prompt: File) -> None:
    phone = await rig.phone("a")
    await phone.until(lambda p: p.packets_in > 2)
    phone.forget()
    items: tuple[PlayItem, ...] = (prompt, Silence(200), Tone((HIGH,), 300))
    await rig.do(Play("a", "list", items, repeat=2))
    assert (await rig.event(PlayFinished)).played_ms == 2000
    await phone.until(lambda p: len(p.heard()) >= 17_000)
    heard = phone.heard()
    heard = heard[np.flatnonzero(np.abs(heard) > 100)[0] :]
    for start in (0, 8000):
        for begin, end, tone in ((0, 4000, LOW), (5600, 8000, HIGH)):
            part = heard[start + begin + 400 : start + end - 400]
            assert tone_levels(part, [tone])[0] == pytest.approx(-13, abs=1)
        assert level_dbm0(heard[start + 4200 : start + 5400]) < -50


async def test_music_goes_on_until_it_is_stopped(rig: Rig, prompt: File) -> None:
    phone = await rig.phone("a")
    await rig.do(Play("a", "music", (prompt,), repeat=0))
    await phone.until_hears(LOW)
    heard = phone.packets_in
    await phone.until(lambda p: p.packets_in > heard + 60)  # more than twice the length of the file
    assert phone.heard_tone((LOW, HIGH)) == LOW
    await rig.do(StopPlay("music"), StopPlay("music"), StopPlay("never"))
    assert (await rig.event(PlayFinished)).reason == "stopped"
    await phone.until(lambda p: level_dbm0(p.heard(100)) < -50)
    assert len(rig.kinds(PlayFinished)) == 1


async def test_a_key_interrupts_only_what_may_be_interrupted(rig: Rig, prompt: File) -> None:
    phone = await rig.phone("a")
    await rig.do(Play("a", "legal", (prompt,), repeat=0))
    await phone.until_hears(LOW)
    phone.press("5")
    assert (await rig.event(Digit)).digit == "5"
    assert not rig.kinds(PlayFinished)
    await rig.do(Play("a", "menu", (prompt,), repeat=0, interruptible=True))
    assert (await rig.event(PlayFinished, play_id="legal")).reason == "stopped"
    phone.press("6", duration_ms=200)
    finished = await rig.event(PlayFinished, play_id="menu")
    assert finished.reason == "interrupted"
    digit = await rig.event(Digit, digit="6")
    assert digit.at_ms >= finished.at_ms  # silence at the press, not at the release
    assert digit.duration_ms == 200
    await phone.until(lambda p: level_dbm0(p.heard(100)) < -50)


async def test_keys_are_told_once_each_and_in_order(rig: Rig) -> None:
    phone = await rig.phone("a")
    phone.press("1234567890*#ABCD", duration_ms=60, pause_ms=40)
    await rig.event(Digit, digit="D")
    assert "".join(event.digit for event in rig.kinds(Digit)) == "1234567890*#ABCD"


async def test_keys_under_an_ssrc_of_their_own_are_told_whole_and_speech_goes_on(rig: Rig) -> None:
    """Seen from sipp and from session border controllers: packets of keys and of speech alternate."""
    a, b = await rig.phone("a", LOW), await rig.phone("b")
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    a.event_ssrc = 77
    a.press("159", duration_ms=200)
    await rig.event(Digit, digit="9")
    assert [(event.digit, event.duration_ms) for event in rig.kinds(Digit)] == [("1", 200), ("5", 200), ("9", 200)]
    assert tone_levels(b.heard(400), [LOW])[0] == pytest.approx(-13, abs=1)
    await rig.do(DestroyLeg("a"))
    assert (await rig.event(LegStats)).resyncs == 0


async def test_a_prompt_replaces_what_the_leg_hears_or_lies_over_it(rig: Rig, prompt: File) -> None:
    a = await rig.phone("a")
    await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await a.until_hears(HIGH)
    await rig.do(Play("a", "instead", (prompt,), repeat=0))
    await a.until_hears(LOW, [HIGH])
    await rig.do(Play("a", "over", (prompt,), repeat=0, over=True))
    await a.until(lambda p: bool((tone_levels(p.heard(200), (LOW, HIGH)) > -15).all()))
    await rig.do(StopPlay("over"))
    await a.until_hears(HIGH, [LOW])


async def test_both_legs_of_a_call_may_hear_different_prompts(rig: Rig, prompt: File) -> None:
    a, b = await rig.phone("a"), await rig.phone("b")
    await rig.do(Play("a", "1", (prompt,), repeat=0), Play("b", "2", (Tone((HIGH, OTHER), 1000),), repeat=0))
    await asyncio.gather(a.until_hears(LOW, [HIGH, OTHER]), b.until(lambda p: len(p.heard()) > 1600))
    await b.until(lambda p: bool((tone_levels(p.heard(200), (HIGH, OTHER)) > -15).all()))


@pytest.mark.parametrize("content", [None, b"", b"no wav", bytes(200)])
async def test_an_unreadable_file_fails_the_play_and_names_itself(rig: Rig, prompt: File, content: bytes | None) -> None:
    await rig.phone("a")
    bad = rig.directory / "bad.wav"
    if content is not None:
        bad.write_bytes(content)
    await rig.do(Play("a", "bad", (prompt, File(str(bad)))))
    finished = await rig.event(PlayFinished)
    assert finished.reason == "failed"
    assert "bad.wav" in finished.detail
    await rig.do(Play("a", "good", (prompt,)))
    assert (await rig.event(PlayFinished, play_id="good")).reason == "completed"


async def test_a_changed_file_is_read_again(rig: Rig, prompt: File) -> None:
    phone = await rig.phone("a")
    await rig.do(Play("a", "1", (prompt,), repeat=0))
    await phone.until_hears(LOW)
    save(Path(prompt.path), sines((HIGH,), 8000))
    await rig.do(Play("a", "2", (prompt,), repeat=0))
    await phone.until_hears(HIGH, [LOW])


async def test_the_same_play_again_changes_nothing(rig: Rig, prompt: File) -> None:
    await rig.phone("a")
    play = Play("a", "once", (prompt,))
    await rig.do(play, play)
    assert (await rig.event(PlayFinished)).reason == "completed"
    await rig.do(Play("a", "next", (Silence(0),)))
    await rig.event(PlayFinished, play_id="next")
    assert [event.play_id for event in rig.kinds(PlayFinished)] == ["once", "next"]


async def test_the_end_of_the_leg_ends_its_play(rig: Rig, prompt: File) -> None:
    await rig.phone("a")
    await rig.do(Play("a", "music", (prompt,), repeat=0), DestroyLeg("a"))
    assert (await rig.event(PlayFinished)).reason == "stopped"


BAD_PLAYS = {
    "items: empty": Play("a", "x", ()),
    "repeat: -1": Play("a", "x", (Silence(1),), repeat=-1),
    r"items\[1\]\.ms: -5": Play("a", "x", (Silence(1), Silence(-5))),
    r"items\[0\]\.ms: 9999999": Play("a", "x", (Tone((400,), 9_999_999),)),
    "leg_id: no leg 'nobody'": Play("nobody", "x", (Silence(1),)),
}


@pytest.mark.parametrize("complaint", BAD_PLAYS)
async def test_a_bad_play_is_refused_by_the_name_of_its_field(rig: Rig, complaint: str) -> None:
    await rig.phone("a")
    with pytest.raises(MediaRefusedError, match=complaint):
        await rig.do(BAD_PLAYS[complaint])
