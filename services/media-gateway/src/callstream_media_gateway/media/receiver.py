"""Reads the sockets of all legs in batches.

One epoll round gives at most one packet per leg, received straight into the rows of one array; headers are then checked
and payloads filed for all of them at once. What is not plain (telephone-events, other packet lengths, a new SSRC,
header extensions, garbage) is taken out and read one by one with `wire.parse`.
"""

import contextlib
import select
import socket
from collections.abc import Callable

import numpy as np

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.arrays import FRAME, I64
from callstream_media_gateway.media.arrivals import Arrivals
from callstream_media_gateway.media.browser_legs import BrowserLegs
from callstream_media_gateway.media.coded_legs import CodedLegs
from callstream_media_gateway.media.dtmf import Key
from callstream_media_gateway.media.g711 import PAYLOAD_TYPES, PCMA
from callstream_media_gateway.media.jitter import NOISE, JitterBuffers
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.rtcp_sockets import RtcpSockets
from callstream_media_gateway.media.secure import DATAGRAM_BYTES
from callstream_media_gateway.media.sockets import connected
from callstream_media_gateway.media.worker_commands import Address

BATCH = 1024
ROUNDS = 64
"""Packets per leg and read at most: more than a jitter buffer holds, and a flood does not stop the tick."""
OPEN_PER_READ, STRANGERS_PER_READ = 64, 32
"""Open sockets, and packets of each: locking a leg takes 60 µs, and a flood of strangers must not stop the tick."""
_ROW = 1024
_PLAIN_BYTES = wire.HEADER_BYTES + FRAME
_PLAIN_MASK, _BARE_MASK, _PLAIN = 0xFF770000, 0xFF000000, 0x80000000
"""Version 2, no padding, extension or CSRC; payload type 0 or 8; the marker and the sequence number may be anything."""


class Receiver:
    """on_latched(leg), on_press(leg) at the beginning of a key, on_key(leg, key) once per key."""

    def __init__(
        self,
        host: str,
        jitter: JitterBuffers,
        arrivals: Arrivals,
        on_latched: Callable[[Leg], None],
        on_press: Callable[[Leg], None],
        on_key: Callable[[Leg, Key], None],
    ) -> None:
        self.packets = 0
        self.malformed = 0
        self.strangers = 0
        self.on_rtcp: Callable[[Leg, bytes, Address | None], bool] = _no_rtcp
        """Takes what may be RTCP (RFC 5761 §4); false: it was none."""
        self.coded = CodedLegs(len(arrivals.ssrc), jitter, arrivals, self._malformed)
        self._host = host
        self._jitter = jitter
        self._arrivals = arrivals
        self._on_latched, self._on_press, self._on_key = on_latched, on_press, on_key
        self._browsers = BrowserLegs(self._lock, on_latched, self._stranger)
        self._now_ms = 0
        self._open, self._fast = select.epoll(), select.epoll()
        self.rtcp = RtcpSockets(lambda *given: self.on_rtcp(*given), self._malformed, self._stranger)
        self._open_legs: dict[int, Leg] = {}
        self._fast_legs: dict[int, Leg] = {}
        self._recv_into: dict[int, Callable[[memoryview], int]] = {}
        self._slot_of_fd = np.zeros(1024, np.int64)
        self._pressing: set[Leg] = set()
        self._inbox = np.zeros((BATCH, _ROW), np.uint8)
        self._words = self._inbox.view(">u4")
        self._rows = [row.data for row in self._inbox]

    def add(self, leg: Leg) -> None:
        self._open_legs[leg.ports.open.fileno()] = leg
        self._open.register(leg.ports.open, select.EPOLLIN)
        self.rtcp.add(leg)
        self._browsers.add(leg)
        if leg.secure is not None:
            leg.secure.on_rtcp = lambda data: self._muxed(leg, data)

    def remove(self, leg: Leg) -> None:
        """Close the leg's sockets."""
        self.unlatch(leg)
        self._browsers.remove(leg)
        self._pressing.discard(leg)
        self.coded.remove(leg)
        self.rtcp.remove(leg)
        self._open.unregister(leg.ports.open)
        del self._open_legs[leg.ports.open.fileno()]
        leg.ports.open.close()

    def unlatch(self, leg: Leg) -> None:
        """Back to the open socket: the next good source is locked to."""
        leg.latch, leg.latched = Latch(leg.remote), None
        if leg.secure is not None:
            leg.secure.bind(None)
        self._detach(leg)

    def _detach(self, leg: Leg) -> None:
        if leg.fast is not None:
            fd = leg.fast.fileno()
            self._fast.unregister(fd)
            del self._fast_legs[fd], self._recv_into[fd]
            leg.fast.close()
            leg.fast = None

    def read(self, now_ms: int) -> None:
        """Everything that has arrived. now_ms: monotonic."""
        self._now_ms = now_ms
        for fd, _ in self._open.poll(0, OPEN_PER_READ):
            self._read_open(self._open_legs[fd], now_ms)
        if self._fast_legs:
            for _ in range(ROUNDS):
                ready = self._fast.poll(0, BATCH)
                if not ready:
                    break
                self._round(ready, now_ms)
        self._browsers.shake()
        for leg in list(self._pressing):
            self._keys(leg, leg.digits.time(now_ms))

    def _muxed(self, leg: Leg, data: bytes) -> None:
        if not self.on_rtcp(leg, data, None):
            self._malformed(leg)

    # --- locked legs, many packets at once --------------------------------------------------------------------------

    def _round(self, ready: list[tuple[int, int]], now_ms: int) -> None:
        fds: list[int] = []
        sizes: list[int] = []
        receive = self._recv_into
        for (fd, _), row in zip(ready, self._rows, strict=False):
            fds.append(fd)
            try:
                sizes.append(receive[fd](row))
            except OSError:  # an ICMP error of what we sent, or a packet with a wrong checksum
                sizes.append(-1)
        count = len(fds)
        self.packets += count - sizes.count(-1)
        slots = self._slot_of_fd[fds]
        words = self._words[:count, :3].astype(np.uint32)
        first, timestamps = words[:, 0], words[:, 1]
        known = words[:, 2] == self._arrivals.ssrc[slots]
        plain = (first & _PLAIN_MASK == _PLAIN) & known & (np.array(sizes) == _PLAIN_BYTES)
        payloads = self._inbox[:count, wire.HEADER_BYTES : _PLAIN_BYTES]
        if not plain.all():
            coded = (first & _BARE_MASK == _PLAIN) & known & (np.array(sizes) > wire.HEADER_BYTES)
            coded &= first >> 16 & 0x7F == self.coded.payload_type[slots]
            at = np.flatnonzero(coded)
            if len(at):
                speech = [bytes(self._rows[i][wire.HEADER_BYTES : sizes[i]]) for i in at.tolist()]
                self.coded.take(slots[at], (first[at] & 0xFFFF).astype(np.int64), timestamps[at], speech, now_ms)
            for i in np.flatnonzero(~(plain | coded)).tolist():
                if sizes[i] >= 0 and fds[i] in self._fast_legs:
                    self._one(self._fast_legs[fds[i]], bytes(self._rows[i][: sizes[i]]), now_ms)
            slots, first, timestamps, payloads = slots[plain], first[plain], timestamps[plain], payloads[plain]
        if len(slots):
            self._arrivals.packet(slots, (first & 0xFFFF).astype(np.int64), timestamps, now_ms)
            laws = (first >> 16 & PCMA).astype(np.uint8)
            self._arrivals.duplicate(slots, self._jitter.push(slots, timestamps, payloads, laws))

    def _one(self, leg: Leg, data: bytes, now_ms: int) -> None:
        packet = wire.parse(data)
        if packet is None:
            if len(data) < 2 or not 64 <= data[1] & 0x7F < 96 or not self.on_rtcp(leg, data, None):
                self._malformed(leg)
            return
        is_event = packet.payload_type == leg.event_pt_in or packet.payload_type in leg.events_in
        is_noise = packet.payload_type == NOISE
        codec = leg.codec_in(packet.payload_type)
        if not is_event and not is_noise and codec is None:
            self._malformed(leg)
            return
        own_ssrc = packet.ssrc == self._arrivals.ssrc[leg.slot] and self._arrivals.packets[leg.slot] > 0
        slots: I64 = np.array([leg.slot])
        if is_event and not own_ssrc:
            # sipp and some border controllers send keys under an SSRC of their own: speech is not a new source by that.
            self._arrivals.last_ms[leg.slot] = now_ms
            self._event(leg, packet, now_ms)
            return
        if not own_ssrc:
            self._arrivals.new_source(leg.slot, packet.ssrc)
            self._jitter.restart(leg.slot)
            self.coded.restart(leg)
        sequences, timestamps = np.array([packet.sequence]), np.array([packet.timestamp], np.uint32)
        if codec == "G722" or codec == "OPUS":
            self.coded.learn(leg, codec, packet.payload_type)
            self.coded.take(slots, sequences, timestamps, [packet.payload], now_ms)
            return
        self._arrivals.packet(slots, sequences, timestamps, now_ms, timed=not is_event)
        if is_event:
            self._event(leg, packet, now_ms)
            return
        codes = np.frombuffer(packet.payload, np.uint8)
        if not len(codes):
            return
        if codec is None:
            self._jitter.push_noise(leg.slot, packet.timestamp, packet.payload[0] & 0x7F)
        elif len(codes) == FRAME:
            laws = np.array([PAYLOAD_TYPES[codec]], np.uint8)
            self._arrivals.duplicate(slots, self._jitter.push(slots, timestamps, codes[None, :], laws))
        else:
            self._jitter.push_samples(leg.slot, packet.timestamp, codes, PAYLOAD_TYPES[codec])

    def _event(self, leg: Leg, packet: wire.Packet, now_ms: int) -> None:
        if packet.ssrc != leg.event_ssrc:
            leg.event_ssrc = packet.ssrc
            self._keys(leg, leg.digits.source_changed())
        leg.digits.rate = leg.events_in.get(packet.payload_type, leg.digits.rate)
        begun = leg.digits.begun
        keys = leg.digits.packet(packet.timestamp, packet.payload, now_ms)
        if leg.digits.begun != begun:
            self._on_press(leg)
        if leg.digits.pressed:
            self._pressing.add(leg)
        self._keys(leg, keys)

    def _keys(self, leg: Leg, keys: list[Key]) -> None:
        if not leg.digits.pressed:
            self._pressing.discard(leg)
        for key in keys:
            self._on_key(leg, key)

    # --- the open socket: legs not locked yet, and strangers ---------------------------------------------------------

    def _read_open(self, leg: Leg, now_ms: int) -> None:
        for _ in range(STRANGERS_PER_READ):
            try:
                data, source = leg.ports.open.recvfrom(DATAGRAM_BYTES)
            except OSError:
                return
            self.packets += 1
            if leg.secure is not None:
                self._browsers.take(leg, data, source, now_ms)
                continue
            if leg.latched is not None:
                self._stranger(leg)
                continue
            packet = wire.parse(data)
            if packet is None:
                self._malformed(leg)
            elif not leg.latch.accepts(source, packet.sequence, packet.ssrc):
                self._stranger(leg)
            elif self._lock(leg, source):
                self._one(leg, data, now_ms)

    def _lock(self, leg: Leg, source: Address) -> bool:
        with contextlib.suppress(OSError):
            self._attach(leg, connected(self._host, leg.ports.port, source), source)
            return True
        return False

    def _attach(self, leg: Leg, fast: socket.socket, source: Address) -> None:
        self._detach(leg)
        fd = fast.fileno()
        leg.fast, leg.latched = fast, source
        if fd >= len(self._slot_of_fd):
            self._slot_of_fd = np.concatenate([self._slot_of_fd, np.zeros(fd, np.int64)])
        self._slot_of_fd[fd] = leg.slot
        self._fast_legs[fd] = leg
        if leg.secure is None:
            self._recv_into[fd] = fast.recv_into
        else:
            self._recv_into[fd] = leg.secure.reader(fast, lambda: self._now_ms)
            leg.secure.bind(fast)
        self._fast.register(fd, select.EPOLLIN)
        self._arrivals.known[leg.slot] = False
        self._jitter.restart(leg.slot)
        if leg.secure is None or leg.secure.ready:
            self._on_latched(leg)

    def _stranger(self, leg: Leg) -> None:
        leg.strangers += 1
        self.strangers += 1

    def _malformed(self, leg: Leg) -> None:
        leg.malformed += 1
        self.malformed += 1


def _no_rtcp(_leg: Leg, _data: bytes, _source: Address | None) -> bool:
    """Nobody reads reports."""
    return False
