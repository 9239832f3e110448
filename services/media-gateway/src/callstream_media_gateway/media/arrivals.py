"""What each leg received: losses by sequence number (RFC 3550 A.3) and interarrival jitter (§6.4.1), for all legs at
once.
"""

import numpy as np

from callstream_media_gateway.media.arrays import I64, RATE, U32, Flags

_NEW_SOURCE_GAP = 3000
"""A larger jump of the sequence number is a restart of the sender, not loss (MAX_DROPOUT in A.1)."""


class Arrivals:
    """Counters by slot; `expected - unique` packets were lost."""

    def __init__(self, capacity: int) -> None:
        self.ssrc = np.zeros(capacity, np.uint32)
        self.known = np.zeros(capacity, np.bool_)
        self.highest = np.zeros(capacity, np.int64)
        """Extended by the number of wraps (RFC 3550 §6.4.1)."""
        self.expected = np.zeros(capacity, np.int64)
        self.packets = np.zeros(capacity, np.int64)
        self.duplicates = np.zeros(capacity, np.int64)
        self.jitter = np.zeros(capacity, np.float32)
        self.last_ms = np.zeros(capacity, np.int64)
        self._transit = np.zeros(capacity, np.uint32)

    def reset(self, slot: int, now_ms: int) -> None:
        for column in (self.expected, self.packets, self.duplicates, self.jitter):
            column[slot] = 0
        self.last_ms[slot] = now_ms
        self.known[slot] = False

    def new_source(self, slot: int, ssrc: int) -> None:
        """Sequence numbers and timestamps start anew; the totals stay."""
        self.ssrc[slot] = ssrc
        self.known[slot] = False

    def packet(self, slots: I64, sequences: I64, timestamps: U32, now_ms: int, *, timed: bool = True) -> None:
        """Count one packet per slot; a slot occurs once. timed False: the timestamp tells nothing (telephone-event)."""
        self.packets[slots] += 1
        self.last_ms[slots] = now_ms
        known = self.known[slots]
        step = ((sequences - self.highest[slots] + 0x8000) & 0xFFFF) - 0x8000
        jump = np.abs(step) > _NEW_SOURCE_GAP
        forward = np.where(known & ~jump, np.maximum(step, 0), 1)
        self.expected[slots] += forward
        self.highest[slots] = np.where(known & ~jump, self.highest[slots] + np.maximum(step, 0), sequences)
        self.known[slots] = True
        if not timed:
            return
        transit = np.uint32(now_ms * (RATE // 1000) & 0xFFFFFFFF) - timestamps
        difference = np.abs((transit - self._transit[slots]).view(np.int32)).astype(np.float32)
        fresh = known & ~jump & (difference < RATE)
        self.jitter[slots] += np.where(fresh, (difference - self.jitter[slots]) / 16, 0)
        self._transit[slots] = transit

    def duplicate(self, slots: I64, flags: Flags) -> None:
        self.duplicates[slots[flags]] += 1

    def lost(self, slot: int) -> int:
        return max(0, int(self.expected[slot] - self.packets[slot] + self.duplicates[slot]))

    def jitter_ms(self, slot: int) -> float:
        return round(float(self.jitter[slot]) * 1000 / RATE, 2)
