"""Encodes what each leg hears and sends it: one packet per leg and tick, headers written for all at once."""

import secrets
from collections.abc import Callable, Sequence

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16, I64, U8
from callstream_media_gateway.media.encoders import CLOCK_STEP
from callstream_media_gateway.media.g711 import PAYLOAD_TYPES, PCMA, PCMU, SILENCE, encode
from callstream_media_gateway.media.keys_out import SentDigits
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.wire import HEADER_BYTES

_BYTES = HEADER_BYTES + FRAME
_MARKER = 1 << 23
_NO_SPEECH = np.zeros(FRAME, np.int16)


class Sender:
    """Timestamp and SSRC per slot go on while a leg does not send, as RFC 3550 wants of a paused source. The sequence
    number does not: it counts packets, and SRTP counts its turns (RFC 3711 §3.3.1), which a long pause would upset.
    """

    def __init__(self, capacity: int, on_keys_sent: Callable[[Leg, SentDigits], None]) -> None:
        """on_keys_sent: called with each order of `Leg.keys` that is over."""
        self._on_keys_sent = on_keys_sent
        self.errors = 0
        self.total = 0
        self.packets = np.zeros(capacity, np.int64)
        self.octets = np.zeros(capacity, np.int64)
        """Of payload (RFC 3550 §6.4.1)."""
        self._step = np.zeros(capacity, np.uint32)
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
        self._special: list[tuple[Leg, Callable[[memoryview], int], int]] = []
        """Legs with packets of their own, and their rows."""

    def reset(self, slot: int) -> None:
        """A slot gets a new leg: unpredictable beginnings (RFC 3550 §5.1), marker on the first packet."""
        self.packets[slot] = self.octets[slot] = self._step[slot] = 0
        self._sequence[slot] = secrets.randbits(15)
        self._timestamp[slot] = secrets.randbits(32)
        self._ssrc[slot] = secrets.randbits(32)
        self._second[slot] = _MARKER

    def ssrc(self, slot: int) -> int:
        """Ours."""
        return int(self._ssrc[slot])

    def timestamp(self, slot: int) -> int:
        """RTP clock of now."""
        return int(self._timestamp[slot])

    def compile(self, legs: Sequence[Leg]) -> None:
        """legs in the order of their rows."""
        if len(legs) > len(self._buffer):
            self._buffer = np.zeros((2 * len(legs), _BYTES), np.uint8)
            self._words = self._buffer.view(">u4")
        self._slots = np.array([leg.slot for leg in legs], np.int64)
        for leg in legs:
            self._set_clock(leg)
        types = np.array([leg.payload_type for leg in legs], np.uint32)
        self._second[self._slots] = (self._second[self._slots] & _MARKER) | (types << 16)
        laws = np.array([PAYLOAD_TYPES.get(leg.codec, -1) for leg in legs], np.int64)
        self._laws = [(law, np.flatnonzero(laws == law)) for law in (PCMU, PCMA)]
        to = [(leg, send, row) for row, leg in enumerate(legs) if (send := destination(leg)) is not None]
        special = [leg.encoder is not None or leg.keys.busy for leg, _, _ in to]
        self._special = [entry for entry, alone in zip(to, special, strict=True) if alone]
        self._outgoing = [(send, self._buffer[row].data) for (_, send, row), alone in zip(to, special, strict=True) if not alone]
        self._sending = np.array([leg.slot for leg, _, _ in to], np.int64)

    def _set_clock(self, leg: Leg) -> None:
        """A codec with another clock is another source to the peer's arithmetic (RFC 7160 §4.1): it gets an SSRC of its
        own.
        """
        step = CLOCK_STEP[leg.codec]
        if self._step[leg.slot] not in (0, step):
            self._ssrc[leg.slot] = secrets.randbits(32)
            self._second[leg.slot] |= _MARKER
        self._step[leg.slot] = step

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
        self._timestamp[slots] += self._step[slots]
        self.octets[self._sending] += FRAME
        for leg, transmit, number in self._special:
            size = self._write(leg, number, heard[number])
            try:
                transmit(self._buffer[number, :size].data)
            except OSError:
                self.errors += 1
        for transmit, row in self._outgoing:
            try:
                transmit(row)
            except OSError:  # nobody listens there (ICMP), or the buffer is full: the frame is lost, the tick goes on
                self.errors += 1
        self.packets[self._sending] += 1
        self.total += len(self._sending)
        self._second[self._sending] &= ~np.uint32(_MARKER)

    def _write(self, leg: Leg, number: int, heard: I16) -> int:
        """The packet of a leg whose speech has a memory, or whose keys are being sent. Returns its size."""
        words, row = self._words[number], self._buffer[number]
        if leg.keys.busy:
            event, over = leg.keys.next(int(words[1]))
            heard = _NO_SPEECH
            if over is not None:
                self._on_keys_sent(leg, over)
            if event is not None:
                words[0] = 0x80000000 | event.marker << 23 | (leg.event_pt_out or 0) << 16 | int(words[0]) & 0xFFFF
                words[1] = event.timestamp
                return self._put(leg, row, event.payload)
        if leg.encoder is not None:
            return self._put(leg, row, leg.encoder.encode(heard))
        if heard is _NO_SPEECH:
            row[HEADER_BYTES:] = SILENCE[PAYLOAD_TYPES[leg.codec]]
        return _BYTES

    def _put(self, leg: Leg, row: U8, payload: bytes) -> int:
        row[HEADER_BYTES : HEADER_BYTES + len(payload)] = np.frombuffer(payload, np.uint8)
        self.octets[leg.slot] += len(payload) - FRAME
        return HEADER_BYTES + len(payload)

    def skip(self, frames: int) -> None:
        """Time passed in which nothing was sent (the process was stopped)."""
        self._timestamp[self._slots] += np.uint32(frames) * self._step[self._slots]


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
