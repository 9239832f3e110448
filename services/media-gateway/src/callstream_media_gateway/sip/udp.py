"""The datagram socket: bytes in with their source, bytes out to an address or to a name."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import lru_cache

from .handler import Hop
from .message import MAX_MESSAGE
from .reach import is_numeric
from .streams import Failed, Streams

_BATCH = 64  # datagrams read in one turn of the loop, so that timers and streams get their share under a flood
_MAX_DATAGRAM = 65_507
_NAME_LIFETIME = 60.0
_MAX_NAMES = 1000


@lru_cache(maxsize=4096)
def _hop(host: str, port: int) -> Hop:
    return Hop("udp", host, port)


class UdpSocket:
    """Bound at once. Raises OSError when the port is taken. `streams` lends its counters, its loop and its tasks."""

    def __init__(self, host: str, port: int, streams: Streams, on_message: Callable[[bytes, Hop], None]) -> None:
        self._socket: socket.socket | None = _bind(host, port)
        self._family = self._socket.family
        self.port: int = self._socket.getsockname()[1]
        self._streams = streams
        self._on_message = on_message
        self._resolved: dict[Hop, tuple[Hop, float]] = {}  # name -> address, until when (seconds of the loop's clock)
        self._buffer = bytearray(MAX_MESSAGE + 1)
        self._view = memoryview(self._buffer)

    def listen(self) -> None:
        if self._socket is not None:
            self._streams.loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._socket is not None:
            self._streams.loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def send(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        """To a numeric address at once, to a name after resolving it."""
        if is_numeric(hop.host):
            self._send(data, hop, failed)
            return
        known = self._resolved.get(hop)
        if known is not None and known[1] > self._streams.loop.time():
            self._send(data, known[0], failed)
        else:
            self._streams.start(self._send_resolved(data, hop, failed))

    def _send(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        if self._socket is None:
            return
        if len(data) > _MAX_DATAGRAM:
            self._streams.counters["oversized"] += 1
            self._streams.fail(failed)
            return
        try:
            self._socket.sendto(data, (hop.host.strip("[]"), hop.port))
        except BlockingIOError:
            self._streams.counters["udp_dropped"] += 1
        except (OSError, OverflowError):
            self._streams.fail(failed)

    async def _send_resolved(self, data: bytes, hop: Hop, failed: Failed | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(hop.host, hop.port, type=socket.SOCK_DGRAM, family=self._family)
        except (OSError, UnicodeError):
            self._streams.fail(failed)
            return
        host, port = found[0][4][:2]
        if len(self._resolved) >= _MAX_NAMES:
            self._resolved.clear()
        # The messages of a call follow each other to the same address, whatever order a name server gives.
        self._resolved[hop] = (Hop("udp", str(host), int(port)), loop.time() + _NAME_LIFETIME)
        self._send(data, self._resolved[hop][0], failed)

    def _readable(self) -> None:
        udp = self._socket
        if udp is None:
            return
        for _ in range(_BATCH):
            try:
                size, address = udp.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an ICMP error of an earlier datagram: the transaction's own timer tells
                continue
            if self._socket is None:
                return
            if size < 8 and not bytes(self._view[:size]).strip(b"\r\n\0"):  # what phones send to keep a NAT open
                self._streams.counters["keepalives"] += 1
                continue
            self._on_message(bytes(self._view[:size]), _hop(address[0], address[1]))


def _bind(host: str, port: int) -> socket.socket:
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
