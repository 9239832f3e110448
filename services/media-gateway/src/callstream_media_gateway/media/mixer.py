"""The mixing matrix: who hears whom, for all legs at once.

Hold, mute, listen, whisper and three-way are entries of it. Most listeners hear one source as it is: for them mixing is
copying a row. Only rows with several sources or a gain are added up, in float, and limited to 16 bits.
"""

from collections.abc import Mapping

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16, I64
from callstream_media_gateway.media.leg import Leg


class Matrix:
    """Entries by (listener, source); `compile` after each change of legs or entries, then `mix` per tick."""

    def __init__(self) -> None:
        self._gains: dict[Leg, dict[Leg, float]] = {}
        self._first: I64 = np.zeros(0, np.int64)
        self._summed: I64 = np.zeros(0, np.int64)
        self._ranks: list[tuple[I64, I64, I16 | np.ndarray]] = []

    def set(self, listener: Leg, source: Leg, gain: float) -> None:
        self._gains.setdefault(listener, {})[source] = gain

    def clear(self, listener: Leg, source: Leg) -> None:
        self._gains.get(listener, {}).pop(source, None)

    def remove(self, leg: Leg) -> None:
        """All entries of the leg, as listener and as source."""
        self._gains.pop(leg, None)
        for sources in self._gains.values():
            sources.pop(leg, None)

    def entries(self) -> list[tuple[Leg, Leg, float]]:
        return [(listener, source, gain) for listener, row in self._gains.items() for source, gain in row.items()]

    def compile(self, row_of: Mapping[Leg, int]) -> None:
        """row_of: each leg's row in the frames; the row after the last is silence."""
        silence = len(row_of)
        self._first = np.full(silence + 1, silence, np.int64)
        summed: list[int] = []
        ranks: list[list[tuple[int, int, float]]] = []
        for listener, sources in self._gains.items():
            if len(sources) == 1 and next(iter(sources.values())) == 1.0:
                self._first[row_of[listener]] = row_of[next(iter(sources))]
            elif sources:
                for rank, (source, gain) in enumerate(sources.items()):
                    if rank == len(ranks):
                        ranks.append([])
                    ranks[rank].append((len(summed), row_of[source], gain))
                summed.append(row_of[listener])
        self._summed = np.array(summed, np.int64)
        self._ranks = [
            (
                np.array([place for place, _, _ in rank]),
                np.array([source for _, source, _ in rank]),
                np.array([[gain] for _, _, gain in rank], np.float32),
            )
            for rank in ranks
        ]

    def mix(self, said: I16) -> I16:
        """said: (n + 1, FRAME), last row silent. Returns what each leg hears, same shape."""
        heard = said.take(self._first, axis=0)
        if len(self._summed):
            total = np.zeros((len(self._summed), FRAME), np.float32)
            for places, sources, gains in self._ranks:
                total[places] += said[sources] * gains
            heard[self._summed] = np.clip(np.rint(total), -32768, 32767)
        return heard
