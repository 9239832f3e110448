"""When a leg sounds bad, and when well again.

  state  window                               then
  good   MOS below BAD, WINDOWS in a row      -> bad, told
  bad    MOS of GOOD or more, WINDOWS in a row -> good, told
  any    too few packets to judge             as before

A window is the time between two reports, 5 s on average; BAD is where G.107 says that many users are dissatisfied.
"""

from typing import NamedTuple

from callstream_media_gateway.media.mos import opinion, rating
from callstream_media_gateway.media.worker_commands import Codec

BAD, GOOD = 3.6, 3.8
WINDOWS = 2
MIN_PACKETS = 50
"""A second of speech; below, one lost packet would say too much."""
_PACKET_MS = 20


class Figures(NamedTuple):
    """Of a window or a whole leg. received: packets that were expected; lost: those of them that were not played (never
    came, or too late). buffer_ms: delay of the jitter buffer. remote_*: what the peer reported of our packets, as a share
    and in ms; None without a report. rtt_ms None: not measured.
    """

    codec: Codec
    expected: int
    lost: int
    jitter_ms: float
    buffer_ms: float
    rtt_ms: float | None = None
    remote_loss: float | None = None
    remote_jitter_ms: float = 0.0

    @property
    def loss(self) -> float:
        """Share of packets that were not heard."""
        return min(1.0, max(0, self.lost) / self.expected) if self.expected else 0.0

    @property
    def mos(self) -> float | None:
        """Of the worse direction; None: too little was said."""
        if self.expected < MIN_PACKETS:
            return None
        way = (self.rtt_ms or 0.0) / 2 + _PACKET_MS
        here = rating(self.codec, self.loss, way + self.buffer_ms)
        there = rating(self.codec, self.remote_loss or 0.0, way + 2 * self.remote_jitter_ms)
        return round(opinion(min(here, there)), 2)


class QualityWatch:
    """Of one leg."""

    def __init__(self) -> None:
        self.bad = False
        self._run = 0

    def window(self, mos: float | None) -> bool:
        """Take a window's score. True: the state has changed."""
        if mos is None:
            return False
        against = mos >= GOOD if self.bad else mos < BAD
        self._run = self._run + 1 if against else 0
        if self._run < WINDOWS:
            return False
        self.bad, self._run = not self.bad, 0
        return True
