"""Sine tones and their detection: call progress tones for the player, and ears for tests and simulated phones."""

from collections.abc import Sequence

import numpy as np

from callstream_media_gateway.media.arrays import F32, I16, RATE

_FULL_SCALE_DBM0 = 3.14
"""Level of a sine whose peak is 32767 (G.711 A-law overload point)."""


def sines(frequencies_hz: Sequence[float], samples: int, level_dbm0: float = -13.0, start: int = 0) -> I16:
    """Sum of sines, each at level_dbm0; start: number of the first sample, for tones made piece by piece."""
    peak = 32767 * 10 ** ((level_dbm0 - _FULL_SCALE_DBM0) / 20)
    t = np.arange(start, start + samples) / RATE
    total = np.zeros(samples)
    for frequency in frequencies_hz:
        total += peak * np.sin(2 * np.pi * frequency * t)
    return np.clip(np.rint(total), -32768, 32767).astype(np.int16)


def level_dbm0(samples: I16) -> float:
    """Level of the whole signal; -inf for digital silence."""
    if not len(samples):
        return -np.inf
    mean_square = float(np.mean(np.square(samples.astype(np.float64))))
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(mean_square / (32767**2 / 2))) + _FULL_SCALE_DBM0


def tone_levels(samples: I16, frequencies_hz: Sequence[float]) -> F32:
    """Level in dBm0 of each frequency in the samples (the Goertzel bin, evaluated by inner products)."""
    if not len(samples):
        return np.full(len(frequencies_hz), -np.inf, np.float32)
    t = np.arange(len(samples)) / RATE
    waves = np.exp(-2j * np.pi * np.outer(np.asarray(frequencies_hz), t))
    amplitude = 2 * np.abs(waves @ samples.astype(np.float64)) / len(samples)
    with np.errstate(divide="ignore"):
        levels: F32 = (20 * np.log10(amplitude / 32767) + _FULL_SCALE_DBM0).astype(np.float32)
    return levels


def heard_tone(samples: I16, frequencies_hz: Sequence[float], at_least_dbm0: float = -40.0) -> float | None:
    """Which of the frequencies the samples hold; None when none is loud enough and 10 dB above the others."""
    levels = tone_levels(samples, frequencies_hz)
    order = np.argsort(levels)
    best = int(order[-1])
    if levels[best] < at_least_dbm0 or (len(order) > 1 and levels[best] - levels[order[-2]] < 10):
        return None
    return frequencies_hz[best]
