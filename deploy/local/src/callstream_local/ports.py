"""Ports: chosen free, then kept in ports.json so that a restart of the same data folder finds its old addresses.

Chosen below the range that Linux gives to outgoing connections (32768 and up, ip(7)): there any client could take a
service's port in the moment in which the service is restarted.
"""

import errno
import json
import random
import socket

from callstream_local.folder import DataFolder, read_json, write_private

SERVICE_PORTS = range(26_000, 32_768)
RTP_PORTS = range(10_000, 26_000)
RTP_BLOCK = 2_000
"""Ports per copy: 1,000 legs with an RTP port each, RTCP beside it."""


class PortError(Exception):
    """A port that was asked for by number is in use by another program, or no port is left."""


def bind(host: str, port: int, kind: socket.SocketKind) -> socket.socket | None:
    """A socket bound there; None when the port is not ours to have."""
    probe = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        # As servers do: the remains of closed connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError as error:
        probe.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise PortError(f"cannot listen on {host}: {error.strerror}") from error
    return probe


def is_free(host: str, port: int, *, udp: bool = False) -> bool:
    """Whether we could listen there now (on TCP, and with `udp` on UDP too)."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) if udp else (socket.SOCK_STREAM,):
        probe = bind(host, port, kind)
        if probe is None:
            return False
        probe.close()
    return True


def free_port(host: str = "127.0.0.1", *, udp: bool = False, avoid: frozenset[int] = frozenset()) -> int:
    """A port that nobody listens on now, and none of `avoid`."""
    for port in random.sample(SERVICE_PORTS, len(SERVICE_PORTS)):
        if port not in avoid and is_free(host, port, udp=udp):
            return port
    raise PortError(f"no port of {host} between {SERVICE_PORTS.start} and {SERVICE_PORTS.stop} is free")


def keep_port(folder: DataFolder, name: str, host: str, *, configured: int | None = None, udp: bool = False) -> int:
    """The port `name` of this data folder.

    A configured port must be free (PortError names it). A kept one that another program has taken meanwhile is
    replaced: nobody was promised its number.
    """
    kept = read_json(folder.file("ports.json"))
    if configured is not None:
        if not is_free(host, configured, udp=udp):
            raise PortError(f"port {configured} for {name} is in use on {host}; stop its owner or choose another")
        port = configured
    else:
        port = int(kept.get(name, 0))
        if not port or not is_free(host, port, udp=udp):
            # Not bound yet is not free: what the folder keeps for another purpose is avoided.
            port = free_port(host, udp=udp, avoid=frozenset(kept.values()))
    _keep(folder, name, port)
    return port


def take_rtp_block(folder: DataFolder, host: str, *, configured: int | None = None) -> tuple[int, int, socket.socket]:
    """(first, last) port for RTP, and the guard to close when they are given back.

    RTP ports are bound only while calls last, so their being free says nothing. The guard, a socket on the block's own
    first port, tells other copies on this machine that the block is taken.
    """
    kept = int(read_json(folder.file("ports.json")).get("rtp", 0))
    blocks = list(range(RTP_PORTS.start, RTP_PORTS.stop, RTP_BLOCK))
    candidates = [configured] if configured is not None else [kept or blocks[0], *blocks]
    for first in candidates:
        guard = bind(host, first, socket.SOCK_DGRAM)
        if guard is not None:
            _keep(folder, "rtp", first)
            return first + 2, first + RTP_BLOCK - 1, guard
    if configured is not None:
        raise PortError(f"port {configured} for rtp is in use on {host}; choose another first port of {RTP_BLOCK}")
    raise PortError(f"all {len(blocks)} blocks of RTP ports are taken by other copies; choose one with --port rtp=FIRST")


def _keep(folder: DataFolder, name: str, port: int) -> None:
    path = folder.file("ports.json")
    kept = read_json(path)
    if kept.get(name) != port:
        kept[name] = port
        write_private(path, json.dumps(kept, indent=2) + "\n")
