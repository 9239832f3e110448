"""UDP, TCP, TLS and WebSockets of one user agent (RFC 3261 18, RFC 7118): bytes in with their source, bytes out to a hop.

Failure is reported, never raised: `send` calls `failed` on a later turn of the event loop. Nothing that arrives can
raise out of here; the owner's `on_message` is trusted to count and answer what it cannot use.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from .handler import STREAMS, Hop, UserAgentConfig
from .stream import BrokenStreamError
from .streams import Failed, Streams
from .udp import UdpSocket

_BIND_TRIES = 20


class Transport:
    """on_message(data, source): a datagram or a framed message. on_broken(error, source): a stream past repair.

    Set `streams.on_closed` to hear of connections that are gone.
    """

    def __init__(
        self,
        counters: dict[str, int],
        on_message: Callable[[bytes, Hop], None],
        on_broken: Callable[[BrokenStreamError, Hop], None],
        config: UserAgentConfig,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.streams = Streams(counters, on_message, on_broken, config)
        self.local_addr: tuple[str, int] = ("", 0)
        self._config = config
        self._on_message = on_message
        self._udp: UdpSocket | None = None

    async def start(self) -> None:
        """Bind all. Raises OSError when a port is taken; port 0 tries until one is free for UDP and TCP."""
        config = self._config
        try:
            self._bind_both(config.host, config.port)
            for transport, port in (("tls", config.tls_port), ("ws", config.ws_port), ("wss", config.wss_port)):
                if port is not None:
                    self.streams.listen(transport, config.host, port)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        await self.streams.stop()

    @property
    def ports(self) -> dict[str, int]:
        """The bound port of each transport that is listened on."""
        return {"udp": self.local_addr[1], **self.streams.ports}

    def is_connected(self, hop: Hop) -> bool:
        """True while there is a connection with this peer address, open or being made."""
        return hop in self.streams.connections

    def send(self, data: bytes, hop: Hop, failed: Failed | None = None) -> None:
        if hop.transport == "udp":
            if self._udp is not None:
                self._udp.send(data, hop, failed)
        elif hop.transport in STREAMS:
            self.streams.send(data, hop, failed)
        else:
            self.streams.fail(failed)

    def _bind_both(self, host: str, port: int) -> None:
        for attempt in range(_BIND_TRIES):
            udp = UdpSocket(host, port, self.streams, self._on_message)
            try:
                self.streams.listen("tcp", host, udp.port)
            except OSError as error:
                udp.close()
                if port or error.errno != errno.EADDRINUSE or attempt == _BIND_TRIES - 1:
                    raise
                continue
            self._udp = udp
            self.local_addr = (host, udp.port)
            udp.listen()
            return
