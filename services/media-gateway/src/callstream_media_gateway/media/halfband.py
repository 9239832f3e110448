"""Between 8 and 16 kHz: one half-band filter, flat to 3.5 kHz and 60 dB down from 4.5 kHz on.

Each direction is late by 15 samples at 8 kHz (1.9 ms). Every other tap of such a filter is zero but the middle one, so
one phase of the result is the input itself and the other a single convolution.
"""

import numpy as np

from callstream_media_gateway.media.arrays import F32, I16

_REACH = 16
"""Samples at 8 kHz on each side of the one between which is computed."""
_BETA = 5.65
"""Of the Kaiser window, for 60 dB."""


def _taps() -> F32:
    """The odd phase: values half way between samples."""
    at = np.arange(-_REACH, _REACH) + 0.5
    window = np.i0(_BETA * np.sqrt(1 - (at / _REACH) ** 2)) / np.i0(_BETA)
    taps = np.sinc(at) * window
    normal: F32 = (taps / taps.sum()).astype(np.float32)
    return normal


_TAPS = _taps()


class Doubler:
    """8 to 16 kHz, frame by frame."""

    def __init__(self) -> None:
        self._kept = np.zeros(2 * _REACH - 1, np.float32)

    def run(self, samples: I16) -> I16:
        line = np.concatenate((self._kept, samples.astype(np.float32)))
        count = len(samples)
        doubled = np.empty(2 * count, np.float32)
        doubled[0::2] = line[_REACH - 1 : _REACH - 1 + count]
        doubled[1::2] = np.convolve(line, _TAPS, "valid")
        self._kept = line[count:]
        return _rounded(doubled)


class Halver:
    """16 to 8 kHz, frame by frame; an even number of samples each time."""

    def __init__(self) -> None:
        self._even = np.zeros(_REACH - 1, np.float32)
        self._odd = np.zeros(2 * _REACH - 1, np.float32)

    def run(self, samples: I16) -> I16:
        even = np.concatenate((self._even, samples[0::2].astype(np.float32)))
        odd = np.concatenate((self._odd, samples[1::2].astype(np.float32)))
        count = len(samples) // 2
        halved = (even[:count] + np.convolve(odd, _TAPS, "valid")) * np.float32(0.5)
        self._even, self._odd = even[count:], odd[count:]
        return _rounded(halved)


def _rounded(samples: F32) -> I16:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
