"""All connections of one user agent: TCP, TLS and WebSockets, with their doors (RFC 3261 18, RFC 7118)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine

from . import tls
from .connection import FAREWELL, HANDSHAKE, Connection, FlowKey
from .door import Door
from .handler import SECURE, WEB, Hop, UserAgentConfig
from .reach import is_nowhere
from .stream import BrokenStreamError
from .uri import Uri
from .websocket import WebSocketWire
from .wire import StreamWire, Wire

Failed = Callable[[], None]
CONNECT = 10.0
"""Seconds that making a TCP connection may take, before its handshakes."""
MAX_FLOWS = 16
"""Contacts remembered for one connection; the newest are."""


class Streams:
    """connections: by the peer's numeric address, and by the name that one was dialled under.

    held: all of them, those included whose handshake is not done. One address may have half of what is allowed at most, so
    that nobody alone can shut out the others.

    on_message(data, source), on_broken(error, source); on_closed(source) when an open connection is gone, also under the
    name that it was dialled by.
    """

    def __init__(
        self,
        counters: dict[str, int],
        on_message: Callable[[bytes, Hop], None],
        on_broken: Callable[[BrokenStreamError, Hop], None],
        config: UserAgentConfig,
    ) -> None:
        self.counters = counters
        self.on_message = on_message
        self.on_broken = on_broken
        self.on_closed: Callable[[Hop], None] = lambda _source: None
        self.connections: dict[Hop, Connection] = {}
        self._flows: dict[FlowKey, Connection] = {}
        self.held: set[Connection] = set()
        self.ports: dict[str, int] = {}
        self.loop = asyncio.get_running_loop()
        self._config = config
        self._calling = config.client_tls
        self._doors: list[Door] = []
        self._guests: Counter[str] = Counter()  # who has connected, by address, those in their handshake included
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def listen(self, transport: str, host: str, port: int) -> None:
        """Open one door. Raises OSError when the port is taken; port 0 takes a free one."""
        context = self._config.server_tls if transport in SECURE else None
        if transport in SECURE and context is None:
            raise ValueError("server_tls: needed to listen on TLS and WSS")
        door = Door(host, port, lambda accepted, peer: self._welcome(accepted, peer, transport, context))
        self._doors.append(door)
        self.ports[transport] = door.port

    async def stop(self) -> None:
        self._stopped = True
        for door in self._doors:
            door.close()
        self._doors.clear()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self.held):
            connection.abort()
        self.connections.clear()
        self._flows.clear()
        self.held.clear()
        await asyncio.sleep(0)

    def send(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        """By an open connection or a new one. A browser cannot be called back: who serves WebSockets opens none."""
        connection = self.connections.get(hop)
        if connection is None:
            if self._stopped:
                return
            if (hop.transport in WEB and hop.transport in self.ports) or is_nowhere(hop.host):
                self.fail(failed)
                return
            if self.is_full:
                self.counters["connections_refused"] += 1
                self.fail(failed)
                return
            connection = self.connections[hop] = Connection(self, hop.transport, self._wire(hop), hop)
            self.held.add(connection)
            self.start(self._connect(connection, hop))
        connection.send(data, failed)

    def fail(self, failed: Failed | None) -> None:
        """Report a failure on a later turn, so that no caller is surprised in the middle of its own work."""
        self.counters["transport_errors"] += 1
        if failed is not None:
            self.loop.call_soon(failed)

    @property
    def is_full(self) -> bool:
        return len(self.held) >= self._config.max_connections

    # called by connections

    def opened(self, connection: Connection) -> bool:
        """It stands. False: we have stopped meanwhile."""
        hop = connection.hop
        if hop is None or self._stopped:
            return False
        self.connections[hop] = connection
        return True

    def registered(self, contact: Uri, source: Hop) -> None:
        """This contact is reached by the connection of `source` (RFC 5626 5.3). Call it for what a password vouches for."""
        connection = self.connections.get(source)
        if connection is None:
            return
        key = _flow_key(contact)
        if key not in connection.flows:
            connection.flows.append(key)
            if len(connection.flows) > MAX_FLOWS:
                self._forget_flow(connection.flows.pop(0), connection)
        self._flows[key] = connection

    def flow_of(self, contact: Uri) -> Hop | None:
        """The connection of who has registered this contact, if it is still there."""
        connection = self._flows.get(_flow_key(contact))
        return None if connection is None else connection.hop

    def _forget_flow(self, key: FlowKey, connection: Connection) -> None:
        if self._flows.get(key) is connection:
            del self._flows[key]

    def closed(self, connection: Connection) -> None:
        """It is over, or could not be made. Harmless when that was told before."""
        if connection not in self.held:
            return
        self.held.remove(connection)
        if connection.guest is not None:
            self._guests[connection.guest] -= 1
            if not self._guests[connection.guest]:
                del self._guests[connection.guest]
        for hop in {connection.key, connection.hop}:
            if hop is not None and self.connections.get(hop) is connection:
                del self.connections[hop]
        for key in connection.flows:
            self._forget_flow(key, connection)
        if connection.hop is not None and not self._stopped:
            for hop in {connection.hop, connection.key or connection.hop}:
                self.on_closed(hop)

    def start(self, work: Coroutine[None, None, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _welcome(self, accepted: socket.socket, host: str, transport: str, context: ssl.SSLContext | None) -> None:
        """Somebody has connected. The place is taken from now on, also while TLS is not done."""
        if self.is_full or self._guests[host] >= max(1, self._config.max_connections // 2):
            self.counters["connections_refused"] += 1
            accepted.close()
            return
        wire: Wire = WebSocketWire.serving(self._config.ws_origins) if transport in WEB else StreamWire(dialled=False)
        connection = Connection(self, transport, wire, None, guest=host)
        self.held.add(connection)
        self._guests[host] += 1
        self.start(self._greet(accepted, connection, context))

    async def _greet(self, accepted: socket.socket, connection: Connection, context: ssl.SSLContext | None) -> None:
        secure = context is not None
        try:
            await self.loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE if secure else None,
                ssl_shutdown_timeout=FAREWELL if secure else None,
            )
        except (OSError, EOFError):  # OSError: all that TLS and the network may say
            self.counters["handshakes_failed"] += 1
            self.closed(connection)

    async def _connect(self, connection: Connection, hop: Hop) -> None:
        host = hop.host.strip("[]")
        try:
            if hop.transport in SECURE:
                if self._calling is None:
                    self._calling = tls.calling()
                async with asyncio.timeout(CONNECT + HANDSHAKE):
                    await self.loop.create_connection(
                        lambda: connection,
                        host,
                        hop.port,
                        ssl=self._calling,
                        server_hostname=host,
                        ssl_handshake_timeout=HANDSHAKE,
                        ssl_shutdown_timeout=FAREWELL,
                    )
            else:
                async with asyncio.timeout(CONNECT):
                    await self.loop.create_connection(lambda: connection, host, hop.port)
        except ssl.SSLError:
            self.counters["handshakes_failed"] += 1
            connection.give_up()
        except (OSError, OverflowError, ValueError, EOFError):  # ValueError: a name that no certificate can have
            connection.give_up()

    @staticmethod
    def _wire(hop: Hop) -> Wire:
        if hop.transport in WEB:
            return WebSocketWire.calling(hop.host.strip("[]"), hop.port, secure=hop.transport == "wss")
        return StreamWire(dialled=True)


def _flow_key(contact: Uri) -> FlowKey:
    """A browser's made-up host is its own, whatever user stands before it; other hosts may have several phones."""
    return (contact.host if is_nowhere(contact.host) else contact.address, contact.params.get("transport"))
