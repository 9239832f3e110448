"""Encodes what each leg hears and sends it: one packet per leg and tick, headers written for all at once."""

import secrets
from collections.abc import Callable, Sequence

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16, I64
from callstream_media_gateway.media.g711 import PCMA, PCMU, encode
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.wire import HEADER_BYTES

_BYTES = HEADER_BYTES + FRAME
_MARKER = 1 << 23


class Sender:
    """Timestamp and SSRC per slot go on while a leg does not send, as RFC 3550 wants of a paused source. The sequence
    number does not: it counts packets, and SRTP counts its turns (RFC 3711 §3.3.1), which a long pause would upset.
    """

    def __init__(self, capacity: int) -> None:
        self.errors = 0
        self.total = 0
        self.packets = np.zeros(capacity, np.int64)
        self._sequence = np.zeros(capacity, np.uint32)
        self._timestamp = np.zeros(capacity, np.uint32)
        self._ssrc = np.zeros(capacity, np.uint32)
        self._second = np.zeros(capacity, np.uint32)
        self._buffer = np.zeros((0, _BYTES), np.uint8)
        self._words = self._buffer.view(">u4")
        self._slots: I64 = np.zeros(0, np.int64)
        self._sending: I64 = np.zeros(0, np.int64)
        self._laws: list[tuple[int, I64]] = []
        self._outgoing: list[tuple[Callable[[memoryview], int], memoryview]] = []

    def reset(self, slot: int) -> None:
        """A slot gets a new leg: unpredictable beginnings (RFC 3550 §5.1), marker on the first packet."""
        self.packets[slot] = 0
        self._sequence[slot] = secrets.randbits(15)
        self._timestamp[slot] = secrets.randbits(32)
        self._ssrc[slot] = secrets.randbits(32)
        self._second[slot] = _MARKER

    def compile(self, legs: Sequence[Leg]) -> None:
        """legs in the order of their rows."""
        if len(legs) > len(self._buffer):
            self._buffer = np.zeros((2 * len(legs), _BYTES), np.uint8)
            self._words = self._buffer.view(">u4")
        self._slots = np.array([leg.slot for leg in legs], np.int64)
        laws = np.array([leg.law for leg in legs], np.uint32)
        self._second[self._slots] = (self._second[self._slots] & _MARKER) | (laws << 16)
        self._laws = [(law, np.flatnonzero(laws == law)) for law in (PCMU, PCMA)]
        to = [(leg, destination(leg), row) for leg, row in zip(legs, self._buffer, strict=False)]
        self._outgoing = [(send, row.data) for _, send, row in to if send is not None]
        self._sending = np.array([leg.slot for leg, send, _ in to if send is not None], np.int64)

    def send(self, heard: I16) -> None:
        """heard: (n, FRAME) in the order of `compile`, contiguous."""
        count, slots = len(self._slots), self._slots
        for law, rows in self._laws:
            if len(rows) == count:
                self._buffer[:count, HEADER_BYTES:] = encode(heard, law)
            elif len(rows):
                self._buffer[rows, HEADER_BYTES:] = encode(heard[rows], law)
        sequence = self._sequence[slots]
        words = self._words
        words[:count, 0] = 0x80000000 | self._second[slots] | (sequence & 0xFFFF)
        words[:count, 1] = self._timestamp[slots]
        words[:count, 2] = self._ssrc[slots]
        self._sequence[self._sending] += np.uint32(1)
        self._timestamp[slots] += np.uint32(FRAME)
        for transmit, row in self._outgoing:
            try:
                transmit(row)
            except OSError:  # nobody listens there (ICMP), or the buffer is full: the frame is lost, the tick goes on
                self.errors += 1
        self.packets[self._sending] += 1
        self.total += len(self._sending)
        self._second[self._sending] &= ~np.uint32(_MARKER)

    def skip(self, frames: int) -> None:
        """Time passed in which nothing was sent (the process was stopped)."""
        self._timestamp[self._slots] += np.uint32(frames * FRAME)


def destination(leg: Leg) -> Callable[[memoryview], int] | None:
    """How to send to the leg's peer: where its audio comes from, before that where its SDP says. None: do not."""
    if not leg.sending:
        return None
    if leg.secure is not None:
        return leg.secure.send if leg.secure.ready else None
    if leg.fast is not None:
        return leg.fast.send
    if leg.remote is not None:
        sendto, remote = leg.ports.open.sendto, leg.remote
        return lambda row: sendto(row, remote)
    return None
