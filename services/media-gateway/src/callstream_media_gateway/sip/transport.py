"""UDP and TCP on one address (RFC 3261 18): bytes in with their source, bytes out to a hop.

Failure is reported, never raised: `send` calls `failed` on a later turn of the event loop. Nothing that arrives can
raise out of here; the owner's `on_message` is trusted to count and answer what it cannot use.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from functools import lru_cache

from .handler import Hop
from .message import MAX_MESSAGE
from .reach import is_numeric
from .stream import BrokenStreamError
from .tcp import Connection

Failed = Callable[[], None]
_BATCH = 64  # datagrams read in one turn of the loop, so that timers and TCP get their share under a flood
_MAX_DATAGRAM = 65_507
_BIND_TRIES = 20
_NAME_LIFETIME = 60.0
_MAX_NAMES = 1000


@lru_cache(maxsize=4096)
def _udp_hop(host: str, port: int) -> Hop:
    return Hop("udp", host, port)


class Transport:
    """on_message(data, source): a datagram or a framed message. on_broken(error, source): a stream past repair."""

    def __init__(
        self,
        counters: dict[str, int],
        on_message: Callable[[bytes, Hop], None],
        on_broken: Callable[[BrokenStreamError, Hop], None],
        max_connections: int,
    ) -> None:
        self.counters = counters
        self.on_message = on_message
        self.on_broken = on_broken
        self.max_connections = max_connections
        self.connections: dict[Hop, Connection] = {}
        self.local_addr: tuple[str, int] = ("", 0)
        self._udp: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._resolved: dict[Hop, tuple[Hop, float]] = {}  # name -> address, until when (seconds of the loop's clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._buffer = bytearray(MAX_MESSAGE + 1)
        self._view = memoryview(self._buffer)

    async def start(self, host: str, port: int) -> None:
        """Bind both. Raises OSError when the port is taken; port 0 tries until one is free for UDP and TCP."""
        self.loop = asyncio.get_running_loop()
        for attempt in range(_BIND_TRIES):
            udp = _bind_udp(host, port)
            bound = udp.getsockname()[1]
            try:
                self._server = await self.loop.create_server(lambda: Connection(self, None), host, bound)
            except OSError as error:
                udp.close()
                if port or error.errno != errno.EADDRINUSE or attempt == _BIND_TRIES - 1:
                    raise
                continue
            self._udp = udp
            self.local_addr = (host, bound)
            self.loop.add_reader(udp.fileno(), self._readable)
            return

    async def stop(self) -> None:
        if self._udp is not None:
            self.loop.remove_reader(self._udp.fileno())
            self._udp.close()
            self._udp = None
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self.connections.values()):
            connection.abort()
        self.connections.clear()
        await asyncio.sleep(0)

    def is_connected(self, hop: Hop) -> bool:
        """True while there is a TCP connection with this peer address, open or being made."""
        return hop in self.connections

    def send(self, data: bytes, hop: Hop, failed: Failed | None = None) -> None:
        """Send to a numeric address at once, to a name after resolving it, on TCP by an open connection or a new one."""
        if hop.transport == "tcp":
            self._send_stream(data, hop, failed)
        elif hop.transport != "udp":
            self.fail(failed)
        elif is_numeric(hop.host):
            self._send_datagram(data, hop, failed)
        else:
            known = self._resolved.get(hop)
            if known is not None and known[1] > self.loop.time():
                self._send_datagram(data, known[0], failed)
            else:
                self._start(self._send_resolved(data, hop, failed))

    def _send_datagram(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        if self._udp is None:
            return
        if len(data) > _MAX_DATAGRAM:
            self.counters["oversized"] += 1
            self.fail(failed)
            return
        try:
            self._udp.sendto(data, (hop.host.strip("[]"), hop.port))
        except BlockingIOError:
            self.counters["udp_dropped"] += 1
        except (OSError, OverflowError):
            self.fail(failed)

    def _send_stream(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        connection = self.connections.get(hop)
        if connection is None:
            if self._udp is None:
                return
            if len(self.connections) >= self.max_connections:
                self.counters["connections_refused"] += 1
                self.fail(failed)
                return
            connection = self.connections[hop] = Connection(self, hop)
            self._start(self._connect(connection, hop))
        connection.send(data, failed)

    def fail(self, failed: Failed | None) -> None:
        """Report a failure on a later turn, so that no caller is surprised in the middle of its own work."""
        self.counters["transport_errors"] += 1
        if failed is not None:
            self.loop.call_soon(failed)

    async def _connect(self, connection: Connection, hop: Hop) -> None:
        try:
            await self.loop.create_connection(lambda: connection, hop.host.strip("[]"), hop.port)
        except (OSError, OverflowError):
            self.connections.pop(hop, None)
            connection.give_up()

    async def _send_resolved(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        try:
            found = await self.loop.getaddrinfo(hop.host, hop.port, type=socket.SOCK_DGRAM, family=self._family())
        except (OSError, UnicodeError):
            self.fail(failed)
            return
        host, port = found[0][4][:2]
        if len(self._resolved) >= _MAX_NAMES:
            self._resolved.clear()
        # The messages of a call follow each other to the same address, whatever order a name server gives.
        self._resolved[hop] = (Hop("udp", str(host), int(port)), self.loop.time() + _NAME_LIFETIME)
        self._send_datagram(data, self._resolved[hop][0], failed)

    def _family(self) -> int:
        return self._udp.family if self._udp is not None else socket.AF_UNSPEC

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _readable(self) -> None:
        udp = self._udp
        if udp is None:
            return
        for _ in range(_BATCH):
            try:
                size, address = udp.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an ICMP error of an earlier datagram: the transaction's own timer tells
                continue
            if self._udp is None:
                return
            if size < 8 and not bytes(self._view[:size]).strip(b"\r\n\0"):  # what phones send to keep a NAT open
                self.counters["keepalives"] += 1
                continue
            self.on_message(bytes(self._view[:size]), _udp_hop(address[0], address[1]))


def _bind_udp(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind((host.strip("[]"), port))
    except OSError:
        udp.close()
        raise
    return udp
