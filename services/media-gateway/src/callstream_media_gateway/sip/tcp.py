"""One TCP connection, accepted or made by us: framing, keep-alive, and what happens to bytes when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from .handler import Hop
from .stream import BrokenStreamError, StreamFramer

if TYPE_CHECKING:
    from .transport import Transport

MAX_UNSENT = 1 << 20
"""Bytes waiting for a peer that does not read; beyond that its connection is cut."""
SILENT = 32.0
"""Seconds after which an accepted connection that never brought a whole message is closed."""
MAX_QUEUED = 100
"""Messages waiting for a connection that is being made."""


class Connection(asyncio.Protocol):
    """hop: the peer. None until `connection_made` for an accepted connection, whose hop is its source address."""

    def __init__(self, owner: Transport, hop: Hop | None) -> None:
        self.owner = owner
        self.hop = hop
        self._transport: asyncio.Transport | None = None
        self._framer = StreamFramer()
        self._queue: list[tuple[bytes, Callable[[], None] | None]] = []
        self._silence: asyncio.TimerHandle | None = None

    def connection_made(self, base: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its base classes.
        transport = self._transport = cast("asyncio.Transport", base)
        if self.hop is None:
            peer = transport.get_extra_info("peername")
            if peer is None or len(self.owner.connections) >= self.owner.max_connections:
                self.owner.counters["connections_refused"] += 1
                transport.abort()
                return
            self.hop = Hop("tcp", peer[0], peer[1])
            self.owner.connections[self.hop] = self
            self._silence = self.owner.loop.call_later(SILENT, self.abort)
        queued, self._queue = self._queue, []
        for data, failed in queued:
            self.send(data, failed)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self.hop is not None and self.owner.connections.get(self.hop) is self:
            del self.owner.connections[self.hop]
        self._transport = None
        self._spoken()

    def _spoken(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def send(self, data: bytes, failed: Callable[[], None] | None) -> None:
        if self._transport is None:
            if len(self._queue) >= MAX_QUEUED:
                self.owner.fail(failed)
            else:
                self._queue.append((data, failed))
            return
        if self._transport.is_closing() or self._transport.get_write_buffer_size() > MAX_UNSENT:
            self.abort()
            self.owner.fail(failed)
            return
        self._transport.write(data)

    def give_up(self) -> None:
        """The connection could not be made: everything that waited for it has failed."""
        queued, self._queue = self._queue, []
        for _, failed in queued:
            self.owner.fail(failed)

    def data_received(self, data: bytes) -> None:
        hop = self.hop
        if hop is None:
            return
        try:
            messages = self._framer.feed(data)
        except BrokenStreamError as error:
            self.owner.counters["broken_streams"] += 1
            self.owner.on_broken(error, hop)
            if self._transport is not None:
                self._transport.close()
            return
        for message in messages:
            if message:
                self._spoken()
                self.owner.on_message(message, hop)
                continue
            self.owner.counters["keepalives"] += 1
            if self._transport is not None:
                self._transport.write(b"\r\n")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
