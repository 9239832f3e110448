"""Ports: chosen free, then kept in ports.json so that a restart of the same data folder finds its old addresses."""

import errno
import json
import socket

from callstream_local.folder import DataFolder, read_json, write_private


class PortError(Exception):
    """A port that was asked for by number is in use by another program."""


def is_free(host: str, port: int, *, udp: bool = False) -> bool:
    """Whether we could listen there now (on TCP, and with `udp` on UDP too)."""
    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM] if udp else [socket.SOCK_STREAM]
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    return False
                raise
    return True


def free_port(host: str = "127.0.0.1", *, udp: bool = False) -> int:
    """A port that nobody listens on now."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if not udp or is_free(host, port, udp=True):
            return port
    raise PortError(f"no port of {host} is free on both TCP and UDP")


def keep_port(folder: DataFolder, name: str, host: str, *, configured: int | None = None, udp: bool = False) -> int:
    """The port `name` of this data folder.

    A configured port must be free (PortError names it). A kept one that another program has taken meanwhile is
    replaced: nobody was promised its number.
    """
    path = folder.file("ports.json")
    kept = read_json(path)
    if configured is not None:
        if not is_free(host, configured, udp=udp):
            raise PortError(f"port {configured} for {name} is in use on {host}; stop its owner or choose another")
        port = configured
    else:
        port = int(kept.get(name, 0))
        if not port or not is_free(host, port, udp=udp):
            port = free_port(host, udp=udp)
    if kept.get(name) != port:
        kept[name] = port
        write_private(path, json.dumps(kept, indent=2) + "\n")
    return port
