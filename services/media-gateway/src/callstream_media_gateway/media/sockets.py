"""The sockets of a leg.

Port p (even) has an *open* socket that takes packets from anybody, and p+1 belongs to RTCP. When the leg locks to a
source, a second socket is bound to p and *connected* to it: the kernel then gives that source's packets to it and all
others to the open one. Receiving and sending without an address costs a fifth less, and strangers never get near the
audio path. Two sockets on one port need SO_REUSEPORT, which would let a second worker of the same user take the port
too; the RTCP socket is bound first and without it, so p+1 guards p. (Linux prefers connected sockets within such a
group reliably since 5.4; test_a_stranger_is_not_heard shows it for the kernel at hand.)
"""

import contextlib
import socket
from collections.abc import Iterable
from typing import NamedTuple

from callstream_media_gateway.media.worker_commands import Address


class NoPortsError(Exception):
    """No free pair of ports in the range."""


class PortPair(NamedTuple):
    """open: bound to port; rtcp: bound to port + 1. Both non-blocking."""

    port: int
    open: socket.socket
    rtcp: socket.socket


def _udp(host: str, port: int, *, shared: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def open_pair(host: str, ports: Iterable[int]) -> PortPair:
    """The first free pair. ports: even numbers to try. Raises `NoPortsError`."""
    for port in ports:
        try:
            rtcp = _udp(host, port + 1, shared=False)
        except OSError:
            continue
        try:
            return PortPair(port, _udp(host, port, shared=True), rtcp)
        except OSError:
            rtcp.close()
    raise NoPortsError("no free RTP port")


def discard(sock: socket.socket) -> None:
    """Throw away what has arrived. Raises OSError when the peer of a connected socket cannot be reached."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(1)


def connected(host: str, port: int, source: Address) -> socket.socket:
    """A socket that hears only source. Raises OSError when source cannot be reached at all."""
    sock = _udp(host, port, shared=True)
    try:
        sock.connect(source)
        # Between bind and connect the kernel may have queued a stranger's packet here.
        discard(sock)
    except OSError:
        sock.close()
        raise
    return sock
