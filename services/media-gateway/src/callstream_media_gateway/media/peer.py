"""Simulated phones' audio: RTP endpoints that send a tone, press keys and remember what they hear.

For tests and the demo's phones. All peers of a process share one 20 ms clock: per tick each socket is emptied and one
packet is sent, so 80 of them cost a few percent of a core.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.arrays import FRAME, FRAME_MS, I16, RATE
from callstream_media_gateway.media.dtmf import EVENTS, DigitReceiver
from callstream_media_gateway.media.g711 import PCMA, PCMU, decode, encode
from callstream_media_gateway.media.tone import heard_tone, sines
from callstream_media_gateway.media.worker_commands import Address

KEPT_MS = 30_000
"""How much of what was heard is remembered."""
EVENT_PT = 101
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")


class RtpPeer:
    """One endpoint. It says silence until `tone` or `say`, and sends once `send_to` is set. Made by `RtpPeers.open`."""

    def __init__(self, host: str, law: int = PCMA) -> None:
        self.law = law
        self.send_to: Address | None = None
        self.event_pt = EVENT_PT
        self.packets_in = 0
        self.packets_out = 0
        self.bytes_in = 0
        self.first_heard_s: float | None = None
        self.muted = False
        self.pressed: list[str] = []
        """Keys that were pressed towards it."""
        self.ssrc = secrets.randbits(32)
        self.event_ssrc: int | None = None
        """Set: keys go out under an SSRC of their own, between packets of speech, as sipp does it."""
        self.sequence = secrets.randbits(15)
        self.timestamp = secrets.randbits(32)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind((host, 0))
        self._heard: deque[tuple[int, bytes]] = deque(maxlen=KEPT_MS // FRAME_MS)
        self._said: list[bytes] = []
        self._position = 0
        self._keys: deque[tuple[bool, int, bytes]] = deque()
        self._key_timestamp = 0
        self._keys_in = DigitReceiver()
        self._arrived_s: float | None = None
        self._longest_gap_s = 0.0
        self.say(np.zeros(FRAME, np.int16))

    @property
    def address(self) -> Address:
        """Where it listens, for its SDP."""
        host, port = self._sock.getsockname()
        return (host, port)

    def say(self, samples: I16) -> None:
        """Say these samples (8 kHz) over and over; what is left of the last frame is cut off."""
        codes = encode(np.ascontiguousarray(samples[: len(samples) // FRAME * FRAME]), self.law).tobytes()
        self._said = [codes[at : at + FRAME] for at in range(0, len(codes), FRAME)]
        self._position = 0

    def tone(self, frequency_hz: int, level_dbm0: float = -13.0) -> None:
        """Say one tone; whole Hertz only, so that one second can be repeated."""
        self.say(sines((frequency_hz,), RATE, level_dbm0))

    def press(self, digits: str, duration_ms: int = 100, pause_ms: int = 60) -> None:
        """Press keys one after the other (RFC 4733: updates every 20 ms, the end three times)."""
        for digit in digits:
            code = EVENTS.index(digit)
            steps = max(1, duration_ms // FRAME_MS)
            for step in range(1, steps + 3):
                ending = 0x80 if step >= steps else 0
                duration = min(step, steps) * FRAME
                self._keys.append((step == 1, step, bytes((code, ending | 10)) + duration.to_bytes(2, "big")))
            self._keys.extend([(False, 0, b"")] * (pause_ms // FRAME_MS))

    @property
    def pressing(self) -> bool:
        """Keys are still going out."""
        return bool(self._keys)

    def heard(self, last_ms: int = KEPT_MS) -> I16:
        """The last of what arrived, in order of arrival."""
        packets = list(self._heard)[-max(1, last_ms // FRAME_MS) :]
        parts = [decode(np.frombuffer(payload, np.uint8), law) for law, payload in packets]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def heard_tone(self, frequencies_hz: Sequence[float], last_ms: int = 200) -> float | None:
        """Which of these tones it hears now."""
        return heard_tone(self.heard(last_ms), frequencies_hz) if len(self._heard) * FRAME_MS >= last_ms else None

    def forget(self) -> None:
        """Forget what was heard until now."""
        self._heard.clear()

    async def until(self, condition: Callable[[Self], bool], timeout_s: float = 5.0) -> None:
        """Wait, checked every tick. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):  # noqa: ASYNC110 - a measurement of audio, nobody signals it
                await asyncio.sleep(FRAME_MS / 1000)

    async def until_hears(self, frequency_hz: float, others: Sequence[float] = (), timeout_s: float = 5.0) -> None:
        """Wait until this tone, and not one of the others, is what it hears. Raises TimeoutError."""
        await self.until(lambda peer: peer.heard_tone((frequency_hz, *others)) == frequency_hz, timeout_s)

    def send_raw(self, data: bytes) -> None:
        """Any datagram, for tests of bad input."""
        if self.send_to is not None:
            with contextlib.suppress(OSError):
                self._sock.sendto(data, self.send_to)

    def tick(self) -> None:
        """Take what came, send what is due."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self._take(self._receive())
        if self.send_to is None or self.muted:
            return
        if self.event_ssrc is not None and self._keys:
            self._send_key_aside(self.event_ssrc)
        payload_type, marker, timestamp, payload = self._next()
        self.send_raw(wire.build(payload_type, marker, self.sequence, timestamp, self.ssrc, payload))
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + FRAME) & 0xFFFFFFFF
        self.packets_out += 1

    def measure_gaps(self) -> None:
        """From now on `longest_gap_ms` tells the longest time between two packets, by the kernel's clock of their arrival."""
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._arrived_s, self._longest_gap_s = time.time(), 0.0

    @property
    def longest_gap_ms(self) -> float:
        """Since `measure_gaps`, the one that goes on now included; 0 before."""
        going_on = time.time() - self._arrived_s if self._arrived_s is not None else 0.0
        return max(self._longest_gap_s, going_on) * 1000

    def close(self) -> None:
        self._sock.close()

    def _receive(self) -> bytes:
        if self._arrived_s is None:
            return self._sock.recv(2048)
        data, ancillary, *_ = self._sock.recvmsg(2048, 64)
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                arrived = seconds + nanoseconds / 1e9
                self._longest_gap_s = max(self._longest_gap_s, arrived - self._arrived_s)
                self._arrived_s = arrived
        return data

    def _send_key_aside(self, ssrc: int) -> None:
        first, step, payload = self._keys.popleft()
        if first:
            self._key_timestamp = self.timestamp
        if step:
            self.send_raw(wire.build(self.event_pt, first, self.packets_out, self._key_timestamp, ssrc, payload))

    def _next(self) -> tuple[int, bool, int, bytes]:
        if self._keys and self.event_ssrc is None:
            first, step, payload = self._keys.popleft()
            if first:
                self._key_timestamp = self.timestamp
            if step:
                return self.event_pt, first, self._key_timestamp, payload
        payload = self._said[self._position]
        self._position = (self._position + 1) % len(self._said)
        return self.law, self.packets_out == 0, self.timestamp, payload

    def _take(self, data: bytes) -> None:
        packet = wire.parse(data)
        if packet is not None and packet.payload_type == self.event_pt:
            self.pressed += [key.digit for key in self._keys_in.packet(packet.timestamp, packet.payload, 0)]
        if packet is None or packet.payload_type not in (PCMU, PCMA):
            return
        if self.first_heard_s is None:
            self.first_heard_s = time.monotonic()
        self.packets_in += 1
        self.bytes_in += len(data)
        self._heard.append((packet.payload_type, packet.payload))


class RtpPeers:
    """The clock of all peers of a process. `async with RtpPeers() as peers: phone = peers.open()`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._peers: list[RtpPeer] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for peer in list(self._peers):
            self.close(peer)

    def open(self, law: int = PCMA) -> RtpPeer:
        """A peer on a free port."""
        peer = RtpPeer(self._host, law)
        self.add(peer)
        return peer

    def add(self, peer: RtpPeer) -> None:
        """Give a peer its clock; it is closed with the others."""
        self._peers.append(peer)

    def close(self, peer: RtpPeer) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
            peer.close()

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            for peer in list(self._peers):
                peer.tick()
            due = max(due + FRAME_MS / 1000, time.monotonic() - 5 * FRAME_MS / 1000)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
