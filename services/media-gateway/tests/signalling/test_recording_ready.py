"""A recording can be played as soon as its call has ended, whatever else is being encoded (F199)."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from callstream.contracts import call_events as call
from callstream_media_gateway.adapters.encoder import Encoder, EncodingFailed
from callstream_media_gateway.media.arrays import RATE
from callstream_media_gateway.media.encode import decode_mp3
from callstream_media_gateway.media.recorder import wav_header
from callstream_media_gateway.media.tone import heard_tone

from .house import AGENT_HZ, CALLER_HZ, TONES, House
from .test_survival import talk


def left_by_the_worker(path: Path, seconds: int) -> Path:
    """A wav in which both sides say something all the time."""
    second = np.random.default_rng(1).integers(-3000, 3000, (RATE, 2), np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_header() + second.tobytes() * seconds)
    return path


async def at_work(encoder: Encoder, wav: Path) -> asyncio.Task[object]:
    """The encoder has begun with it."""
    task: asyncio.Task[object] = asyncio.create_task(encoder.encode(wav))
    async with asyncio.timeout(20):
        while not wav.with_suffix(".mp3.part").exists():
            await asyncio.sleep(0.01)
    return task


@pytest.mark.feature("F199")
async def test_a_recording_is_ready_while_one_of_an_hour_is_being_encoded(open_house: House) -> None:
    encoder = open_house.gateway.encoder
    encoder._places = asyncio.Semaphore(2)
    long = await at_work(encoder, left_by_the_worker(open_house.folder / "recordings/t/2026/01/01/long.wav", 3600))
    _, agent, call_id = await talk(open_house)
    await agent.ears.until(lambda ears: len(ears.heard()) > 3 * RATE)
    agent.hang_up()
    ready = await open_house.event(call.RecordingReady, call_id)
    assert not long.done(), "it stood in no line"
    sound = decode_mp3(open_house.folder / "recordings" / ready.path)
    assert [heard_tone(sound[-2 * RATE : -2000, side], TONES) for side in (0, 1)] == [CALLER_HZ, AGENT_HZ]
    assert abs(len(sound) * 1000 // RATE - ready.duration_ms) < 200
    await encoder.stop()
    with pytest.raises(EncodingFailed):
        await long


async def test_no_more_are_encoded_at_a_time_than_there_are_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    encoder = Encoder(tmp_path)
    wavs = [left_by_the_worker(tmp_path / f"t/{number}.wav", 20) for number in range(6)]
    done = await asyncio.gather(*(encoder.encode(wav) for wav in wavs))
    assert [(tmp_path / finished.path).stem for finished in done] == [wav.stem for wav in wavs]
    assert {finished.duration_ms for finished in done} == {20_000}
    assert len(encoder.children) == 2
    await encoder.stop()
    assert encoder.children == []


async def test_a_child_that_dies_fails_what_it_has_in_hand_and_nothing_else(tmp_path: Path) -> None:
    encoder = Encoder(tmp_path)
    busy = await at_work(encoder, left_by_the_worker(tmp_path / "t/long.wav", 3600))
    encoder.children[0].kill()
    with pytest.raises(EncodingFailed, match="ended"):
        await busy
    short = left_by_the_worker(tmp_path / "t/short.wav", 1)
    first = await encoder.encode(short)
    encoder.children[0].kill()
    await encoder.children[0].wait()
    assert await encoder.encode(short) == first, "an idle one that died is replaced"
    await encoder.stop()
