"""One connection, accepted or made by us: keep-alive, patience, and what happens to bytes when it breaks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from websockets.exceptions import WebSocketException

from .handler import Hop
from .stream import BrokenStreamError
from .wire import Wire

if TYPE_CHECKING:
    from .streams import Streams

MAX_UNSENT = 1 << 20
"""Bytes waiting for a peer that does not read; beyond that its connection is cut."""
HANDSHAKE = 10.0
"""Seconds that a handshake may take, TLS and WebSocket each."""
FAREWELL = 3.0
"""Seconds that TLS may take to say good-bye."""
SILENT = 32.0
"""Seconds after which an accepted connection that never brought a whole message is closed."""
PING_EVERY = 20.0
"""Seconds between pings. Who owes an answer and is silent until the next one is dead."""
MAX_QUEUED = 100
"""Messages waiting for a connection that is being made."""
FlowKey = tuple[str, str | None]
"""What a registered contact is known by: its address, or a browser's made-up host, and its ;transport=."""
_KERNEL_PROBES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""For peers that owe no answer: TCP's own keep-alive finds the dead within a minute (seconds; the last in ms, tcp(7))."""


class Connection(asyncio.Protocol):
    """One SIP peer. hop: its numeric address, once known.

    key: what it was dialled as, None for an accepted connection; guest: the address of who has connected to us.
    """

    def __init__(self, owner: Streams, transport: str, wire: Wire, key: Hop | None, guest: str | None = None) -> None:
        self.owner = owner
        self.key = key
        self.guest = guest
        self.hop: Hop | None = None
        self.flows: list[FlowKey] = []
        self._name = transport
        self._wire = wire
        self._transport: asyncio.Transport | None = None
        self._heard = True
        self._queue: list[tuple[bytes, Callable[[], None] | None]] = []
        self._patience: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None

    def connection_made(self, base: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its base classes.
        transport = cast("asyncio.Transport", base)
        peer = transport.get_extra_info("peername")
        if peer is None:
            transport.abort()
            return
        self._transport, self.hop = transport, Hop(self._name, peer[0], peer[1])
        _watch(transport.get_extra_info("socket"))
        if not self.owner.opened(self):
            transport.abort()
            return
        self._be_patient(SILENT if self._wire.is_open else HANDSHAKE)
        self._beat = self.owner.loop.call_later(PING_EVERY, self._ping)
        self._write(self._wire.begin())
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._be_patient(None)
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        self.give_up()

    def give_up(self) -> None:
        """It could not be made, or is over: everything that waited for it has failed."""
        queued, self._queue = self._queue, []
        for _, failed in queued:
            self.owner.fail(failed)
        self.owner.closed(self)

    def send(self, data: bytes, failed: Callable[[], None] | None) -> None:
        """Now, or once the connection stands."""
        if self._transport is None or not (self._wire.is_open or self._wire.is_closed):
            if len(self._queue) >= MAX_QUEUED:
                self.owner.fail(failed)
            else:
                self._queue.append((data, failed))
            return
        if self._transport.is_closing() or self._transport.get_write_buffer_size() > MAX_UNSENT:
            self.abort()
            self.owner.fail(failed)
            return
        try:
            self._transport.write(self._wire.pack(data))
        except WebSocketException:  # the peer has said farewell
            self.owner.fail(failed)

    def data_received(self, data: bytes) -> None:
        hop, wire = self.hop, self._wire
        if hop is None:
            return
        self._heard = True
        was_open, pings = wire.is_open, wire.keepalives
        try:
            messages = wire.feed(data)
        except BrokenStreamError as error:
            self.owner.counters["broken_streams"] += 1
            self._write(wire.said())
            self.owner.on_broken(error, hop)
            self._close()
            return
        self.owner.counters["keepalives"] += wire.keepalives - pings
        self._write(wire.said())
        if wire.is_open and not was_open:
            self._be_patient(SILENT)
            self._flush()
        for message in messages:
            self._be_patient(None)
            self.owner.on_message(message, hop)
        if wire.is_closed:
            if not was_open:
                self.owner.counters["handshakes_failed"] += 1
            self._close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        """What the wire says by itself. Who pings and does not read is cut as who is sent messages and does not read."""
        if data and self._transport is not None and not self._transport.is_closing():
            if self._transport.get_write_buffer_size() > MAX_UNSENT:
                self.abort()
            else:
                self._transport.write(data)

    def _flush(self) -> None:
        if self._wire.is_open:
            queued, self._queue = self._queue, []
            for data, failed in queued:
                self.send(data, failed)

    def _be_patient(self, seconds: float | None) -> None:
        """Only with who has connected to us: whom we have called we want to hear, however long that takes."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if seconds is not None and (self.key is None or not self._wire.is_open):
            self._patience = self.owner.loop.call_later(seconds, self._out_of_patience)

    def _out_of_patience(self) -> None:
        if not self._wire.is_open:
            self.owner.counters["handshakes_failed"] += 1
        self.abort()

    def _ping(self) -> None:
        if not self._heard and self._wire.must_pong:
            self.owner.counters["dead_connections"] += 1
            self.abort()
            return
        self._heard = False
        self._write(self._wire.ping())
        self._beat = self.owner.loop.call_later(PING_EVERY, self._ping)


def _watch(sock: socket.socket | None) -> None:
    """Let the kernel find out when the peer's machine is gone. What a platform lacks is left."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KERNEL_PROBES.items():
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
