"""Prompt files: PCM wav of any rate, width and channels, to 8 kHz mono."""

import math
import wave
from pathlib import Path

import numpy as np

from callstream_media_gateway.media.arrays import F32, I16, RATE

_ZERO_CROSSINGS = 16
"""Half length of the resampling filter, in periods of the lower rate: -60 dB beyond the band."""
_BLOCK = 8192
MAX_SECONDS = 3600


class AudioFileError(Exception):
    """The file cannot be played; the text names it and says why."""


def load(path: str) -> I16:
    """8 kHz mono samples. Raises `AudioFileError`."""
    try:
        with wave.open(path, "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            if not 1000 <= rate <= 384_000 or file.getnframes() > MAX_SECONDS * rate:
                raise AudioFileError(f"{path}: {rate} Hz, {file.getnframes()} samples; at most one hour is played")
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise AudioFileError(f"{path}: {error}") from None
    frames = _samples(data, width)
    if channels > 1:
        frames = frames[: len(frames) // channels * channels].reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return np.clip(np.rint(resample(frames, rate)), -32768, 32767).astype(np.int16)


def save(path: Path, samples: I16) -> None:
    """Write 8 kHz mono 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def _samples(data: bytes, width: int) -> F32:
    """Little-endian PCM of 1 (unsigned) to 4 bytes, scaled to 16 bits."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) * 256
    count = len(data) // width
    if width == 2:
        return np.frombuffer(data, "<i2", count).astype(np.float32)
    # 24 and 32 bit: the two upper bytes are all that G.711 can carry.
    upper = np.frombuffer(data, np.uint8, count * width).reshape(count, width)[:, -2:]
    return np.ascontiguousarray(upper).view("<i2").reshape(-1).astype(np.float32)


def resample(samples: F32, rate: int) -> F32:
    """From `rate` to 8 kHz, by a windowed sinc taken at the phases that the two rates have in common."""
    if rate == RATE or not len(samples):
        return samples
    shared = math.gcd(rate, RATE)
    up, down = RATE // shared, rate // shared
    stretch = max(1.0, down / up)
    reach = math.ceil(_ZERO_CROSSINGS * stretch)
    offsets = np.arange(-reach + 1, reach + 1)
    phases = (np.arange(up) * down % up) / up
    x = (phases[:, None] - offsets) / stretch
    filters = np.sinc(x) * np.cos(np.clip(x / _ZERO_CROSSINGS, -1, 1) * np.pi / 2) ** 2
    filters = (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
    padded = np.concatenate([np.zeros(reach, np.float32), samples, np.zeros(reach + down, np.float32)])
    length = len(samples) * up // down
    out = np.empty(length, np.float32)
    for start in range(0, length, _BLOCK):
        n = np.arange(start, min(start + _BLOCK, length))
        first = n * down // up + 1
        out[n] = np.einsum("ij,ij->i", padded[first[:, None] + np.arange(2 * reach)], filters[n % up])
    return out
