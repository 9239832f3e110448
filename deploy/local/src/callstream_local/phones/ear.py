"""What somebody heard: tones told from speech and music, by the bins of a Fourier transform over windows of 100 ms.

A window counts for a tone only when nearly all of its power lies in that one frequency: prompts, music and two voices at once
do not. Windows follow each other every 20 ms, so that audio with holes (a machine too busy to speak in time) is still known.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from callstream_local.phones.tones import ALL_TONES, SPACING_HZ

RATE = 8000
WINDOW_MS = 1000 // SPACING_HZ
"""Exactly long enough to tell two neighbouring tones apart."""
HOP_MS = 20
_WINDOW = RATE * WINDOW_MS // 1000
_FRAME = RATE * HOP_MS // 1000
_PURE = 0.8
"""Share of a window's power that must lie in the tone; G.711 alone leaves more than 0.99."""
_QUIET = 50.0
"""Root mean square of 16 bit samples below which a window or frame is silence (about -53 dBm0)."""

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Heard:
    """The tone that was heard longest, and for how long; None and 0 when none was. `others`: ms of further tones."""

    tone_hz: int | None = None
    ms: int = 0
    others: tuple[tuple[int, int], ...] = ()


class Ear:
    """Knows the tones that there are. One serves any number of listeners."""

    def __init__(self, tones_hz: Sequence[int] = ALL_TONES) -> None:
        self._tones = tuple(tones_hz)
        self._bins = np.asarray(self._tones) // SPACING_HZ

    def tones(self, samples: Samples) -> list[int | None]:
        """The pure tone of each window of the samples, in order; None where there is none."""
        if len(samples) < _WINDOW:
            return []
        windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_FRAME].astype(np.float32)
        power = np.mean(np.square(windows), axis=1)
        amplitude = np.abs(np.fft.rfft(windows, axis=1)[:, self._bins]) * 2 / _WINDOW
        best = np.argmax(amplitude, axis=1)
        share = np.square(amplitude[np.arange(len(windows)), best]) / 2 / np.maximum(power, 1e-9)
        pure = (share >= _PURE) & (power >= _QUIET**2)
        return [self._tones[b] if p else None for b, p in zip(best, pure, strict=True)]

    def heard(self, samples: Samples) -> Heard:
        """The tone that the samples hold longest."""
        counts = Counter(tone for tone in self.tones(samples) if tone is not None)
        if not counts:
            return Heard()
        (tone, windows), *others = counts.most_common()
        return Heard(tone, windows * HOP_MS, tuple((other, n * HOP_MS) for other, n in others))


def loud_ms(samples: Samples) -> int:
    """For how long the samples are not silent, in steps of 20 ms."""
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].reshape(count, _FRAME).astype(np.float32)
    return int(np.count_nonzero(np.mean(np.square(frames), axis=1) >= _QUIET**2)) * HOP_MS
