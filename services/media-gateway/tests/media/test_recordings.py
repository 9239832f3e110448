"""Recordings: both sides on their own channel, written while the call goes on, kept after a kill, turned into MP3."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from callstream_media_gateway.media.client import MediaRefusedError
from callstream_media_gateway.media.encode import RecordingError, decode_mp3, encode_mp3, read_recording
from callstream_media_gateway.media.recorder import wav_header
from callstream_media_gateway.media.tone import level_dbm0, sines, tone_levels
from callstream_media_gateway.media.worker_commands import (
    Connect,
    DestroyLeg,
    Edge,
    PauseRecording,
    Play,
    ResumeRecording,
    StartRecording,
    StopRecording,
    Tone,
)
from callstream_media_gateway.media.worker_events import RecordingQuiet, RecordingStopped

from .rig import Rig, usual_level

LOW, HIGH, OTHER = 400, 1100, 1700


def size_of(path: Path) -> int:
    return path.stat().st_size


async def record_bridge(rig: Rig, packets: int = 60) -> None:
    """Two phones talk and are recorded for so many frames."""
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH, "PCMU")
    await rig.client.bridge("a", "b")
    await asyncio.gather(a.until_hears(HIGH), b.until_hears(LOW))
    await rig.do(StartRecording("call", "r1", "a", "b", "2025/r1.wav"))
    heard = a.packets_in
    await a.until(lambda phone: phone.packets_in >= heard + packets)


async def test_customer_left_agent_right_and_the_mp3_holds_both(rig: Rig) -> None:
    await record_bridge(rig)
    await rig.do(StopRecording("r1"), StopRecording("r1"))
    stopped = await rig.event(RecordingStopped)
    path = Path(stopped.path)
    assert path == rig.directory / "recordings" / "2025" / "r1.wav"
    assert stopped.duration_ms >= 1100
    assert (stopped.size_bytes, stopped.error) == (size_of(path), "")
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, stopped.duration_ms * 8)
    samples = read_recording(path)
    encoded = encode_mp3(path, rig.directory / "out" / "r1.mp3")
    assert encoded.duration_ms == stopped.duration_ms
    assert encoded.size_bytes == size_of(encoded.path)
    again = encode_mp3(path, rig.directory / "again.mp3")
    assert again.sha256 == encoded.sha256
    assert not list(rig.directory.rglob("*.part"))
    for stereo in (samples[400:8000], decode_mp3(encoded.path)[800:8000]):
        for channel, own, other in ((0, LOW, HIGH), (1, HIGH, LOW)):
            assert usual_level(stereo[:, channel], own) == pytest.approx(-13, abs=1)
            assert tone_levels(stereo[:, channel], [other])[0] < -45


async def test_right_may_be_everything_the_customer_hears(rig: Rig) -> None:
    a = await rig.phone("a", LOW)
    await rig.do(StartRecording("call", "r1", "a", None, "r1.wav"), Play("a", "hold", (Tone((OTHER,), 600),)))
    await a.until_hears(OTHER)
    await rig.phone("b", HIGH)
    await rig.do(Connect((Edge("a", "b"),)))
    await a.until_hears(HIGH, [OTHER])
    heard = a.packets_in
    await a.until(lambda phone: phone.packets_in >= heard + 25)
    await rig.do(StopRecording("r1"))
    right = read_recording(Path((await rig.event(RecordingStopped)).path))[:, 1]
    # Somewhere there is a stretch of hold music, and the agent at the end.
    blocks = right[: len(right) // 1600 * 1600].reshape(-1, 1600)
    assert max(tone_levels(block, [OTHER])[0] for block in blocks) == pytest.approx(-13, abs=1)
    assert usual_level(right[-4000:], HIGH) == pytest.approx(-13, abs=1)


async def test_keys_do_not_sound_in_the_recording(rig: Rig) -> None:
    a = await rig.phone("a")
    await a.until(lambda phone: phone.packets_in > 3)
    await rig.do(StartRecording("call", "r1", "a", None, "r1.wav"))
    a.press("123")
    await a.until(lambda phone: not phone.pressing)
    await rig.do(StopRecording("r1"))
    samples = read_recording(Path((await rig.event(RecordingStopped)).path))
    assert level_dbm0(samples[:, 0]) < -50


async def test_a_killed_worker_loses_at_most_the_last_second(rig: Rig) -> None:
    await record_bridge(rig, packets=170)
    rig.process.kill()
    rig.process.wait()
    path = rig.directory / "recordings" / "2025" / "r1.wav"
    samples = read_recording(path)
    assert len(samples) >= 2 * 8000
    encoded = encode_mp3(path, rig.directory / "r1.mp3")
    assert encoded.duration_ms >= 2000
    stereo = decode_mp3(encoded.path)[800:8000]
    assert usual_level(stereo[:, 0], LOW) == pytest.approx(-13, abs=1)
    assert usual_level(stereo[:, 1], HIGH) == pytest.approx(-13, abs=1)


async def test_the_recording_ends_with_the_last_leg_of_the_call(rig: Rig) -> None:
    await record_bridge(rig)
    await rig.phone("other", call_id="another call")
    await rig.do(DestroyLeg("a"))
    assert not rig.kinds(RecordingStopped)
    await rig.do(DestroyLeg("b"))
    assert (await rig.event(RecordingStopped)).recording_id == "r1"


async def test_a_disk_that_refuses_is_told_and_the_call_goes_on(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    (rig.directory / "recordings").mkdir(exist_ok=True)
    (rig.directory / "recordings" / "file").write_text("in the way of a directory")
    await rig.do(StartRecording("call", "r1", "a", "b", "file/r1.wav"))
    await b.until_hears(LOW)
    assert a.packets_in > 0
    await rig.do(StopRecording("r1"))
    stopped = await rig.event(RecordingStopped)
    assert stopped.error
    assert (stopped.duration_ms, stopped.size_bytes) == (0, 0)


@pytest.mark.parametrize("path", ["../escape.wav", "/etc/escape.wav", "", "a/../../escape.wav"])
async def test_a_path_outside_the_directory_is_refused(rig: Rig, path: str) -> None:
    await rig.phone("a")
    with pytest.raises(MediaRefusedError, match="path"):
        await rig.do(StartRecording("call", "r1", "a", None, path))


async def test_an_existing_file_is_never_overwritten(rig: Rig) -> None:
    await record_bridge(rig)
    await rig.do(StopRecording("r1"))
    await rig.event(RecordingStopped)
    with pytest.raises(MediaRefusedError, match="exists"):
        await rig.do(StartRecording("call", "r2", "a", "b", "2025/r1.wav"))


@pytest.mark.parametrize("tail", [0, 1, 2, 3])
def test_a_file_cut_in_the_middle_of_a_sample_is_read_to_the_last_whole_one(tmp_path: Path, tail: int) -> None:
    path = tmp_path / "cut.wav"
    samples = np.stack([sines((LOW,), 8000), sines((HIGH,), 8000)], axis=1)
    path.write_bytes(wav_header() + samples.tobytes() + bytes(tail))
    assert (read_recording(path) == samples).all()
    assert encode_mp3(path, tmp_path / "cut.mp3").duration_ms == 1000


def test_an_empty_recording_gives_a_playable_mp3(tmp_path: Path) -> None:
    (tmp_path / "r.wav").write_bytes(wav_header())
    assert encode_mp3(tmp_path / "r.wav", tmp_path / "r.mp3").duration_ms == 0
    assert level_dbm0(decode_mp3(tmp_path / "r.mp3")) < -60


@pytest.mark.parametrize("content", [None, b"", b"RIFF", b"x" * 100])
def test_what_is_no_recording_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "no.wav").write_bytes(content)
    with pytest.raises(RecordingError, match=r"no\.wav"):
        encode_mp3(tmp_path / "no.wav", tmp_path / "no.mp3")
    assert not list(tmp_path.glob("no.mp3*"))


async def test_a_pause_is_silence_of_the_same_length(rig: Rig) -> None:
    """Card data: nothing of it on either side, and what is said afterwards stands where it was said."""
    await record_bridge(rig)
    a = rig.phones._peers[0]
    await rig.do(PauseRecording("r1"), PauseRecording("r1"), PauseRecording("not there"))
    begun = a.packets_in
    await a.until(lambda phone: phone.packets_in >= begun + 50)
    await rig.client.close()
    client = await rig.attach()  # a pause is the worker's, it outlives signalling
    assert client.snapshot is not None
    assert [recording.paused for recording in client.snapshot.recordings] == [True]
    await rig.do(ResumeRecording("r1"))
    resumed = a.packets_in
    await a.until(lambda phone: phone.packets_in >= resumed + 60)
    await rig.do(StopRecording("r1"))
    stopped = await rig.event(RecordingStopped)
    samples = read_recording(Path(stopped.path))
    edges = np.flatnonzero(np.diff(~samples.any(axis=1), prepend=False, append=False)).reshape(-1, 2)
    start, end = max(edges, key=lambda stretch: int(stretch[1] - stretch[0]))  # a busy machine leaves short ones elsewhere
    assert (resumed - begun) * 160 - 3200 <= end - start <= (resumed - begun) * 160 + 3200
    for stretch in (samples[start - 4000 : start], samples[end : end + 4000]):
        assert usual_level(stretch[:, 0], LOW) == pytest.approx(-13, abs=1)
        assert usual_level(stretch[:, 1], HIGH) == pytest.approx(-13, abs=1)


async def test_who_falls_silent_is_told_of_once_until_they_speak_again(rig: Rig) -> None:
    """Line noise is silence, a tone is none, and what the left leg hears counts for nothing."""
    a = await rig.phone("a", LOW)
    await rig.do(StartRecording("call", "r1", "a", None, "r1.wav", quiet_s=1), Play("a", "hold", (Tone((OTHER,), 60_000),)))

    async def passes(seconds: float) -> None:
        packets = a.packets_in + int(seconds * 50)
        await a.until(lambda phone: phone.packets_in >= packets, timeout_s=20)

    await passes(2.2)
    assert not rig.kinds(RecordingQuiet)
    a.tone(LOW, level_dbm0=-60)
    await rig.event(RecordingQuiet)
    await passes(2.2)
    assert [event.recording_id for event in rig.kinds(RecordingQuiet)] == ["r1"]
    a.tone(LOW)
    await passes(2.2)
    a.tone(LOW, level_dbm0=-60)
    await a.until(lambda _: len(rig.kinds(RecordingQuiet)) == 2, timeout_s=20)
