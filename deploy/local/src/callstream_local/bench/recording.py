"""How soon after a call of ten minutes its recording is an MP3 that can be played (F199): the encoder with its child's start."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.scratch import data_folder
from callstream_media_gateway.adapters.encoder import Encoder, EncodingFailed
from callstream_media_gateway.media.arrays import RATE
from callstream_media_gateway.media.recorder import wav_header

CALL_S = 600


async def measure(say: Say) -> dict[str, Any]:
    """Key `recording_ready_s`."""
    say(f"a recording of {CALL_S} s")
    with data_folder() as folder:
        wav = _recorded(folder / "bench/2026/01/01/call-r1.wav")
        encoder = Encoder(folder)
        began = time.perf_counter()
        try:
            finished = await encoder.encode(wav)
        except EncodingFailed as error:
            raise CannotMeasure(str(error)) from error
        finally:
            await encoder.stop()
        took = time.perf_counter() - began
    if finished.duration_ms != CALL_S * 1000:
        raise CannotMeasure(f"{finished.duration_ms} ms were encoded")
    return {"recording_ready_s": rounded(took)}


def _recorded(path: Path) -> Path:
    """As the media worker leaves it: two sides that take turns, each with a voice's harmonics and a line's noise."""
    t = np.arange(CALL_S * RATE) / RATE
    noise = np.random.default_rng(1).normal(0, 60, (len(t), 2))
    sides = []
    for side, pitch in enumerate((120.0, 210.0)):
        bent = pitch * (t + 0.02 * np.sin(2 * np.pi * 0.7 * t))
        voice = sum(np.sin(2 * np.pi * harmonic * bent) / harmonic for harmonic in range(1, 9))
        speaks = (t // 4).astype(int) % 2 == side
        sides.append(3000 * voice * np.clip(np.sin(2 * np.pi * 2.5 * t) + 0.7, 0, None) * speaks)
    path.parent.mkdir(parents=True)
    path.write_bytes(wav_header() + np.rint(np.stack(sides, 1) + noise).astype("<i2").tobytes())
    return path
