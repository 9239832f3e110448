"""A listening socket. It accepts by itself, not by a server of the event loop, so that who has only just connected counts.

A server with TLS of the event loop knows of a connection when its handshake is done: whoever begins handshakes and never
goes on would take places that no limit sees.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

_BACKLOG = 512
_BATCH = 64  # connections accepted in one turn of the loop
_REST = 0.5  # seconds until the next attempt, when the process has no file left for another connection
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Door:
    """Opened at once. Raises OSError when the port is taken; port 0 takes a free one. on_accepted(sock, address of the peer)."""

    def __init__(self, host: str, port: int, on_accepted: Callable[[socket.socket, str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_accepted = on_accepted
        self._rest: asyncio.TimerHandle | None = None
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host.strip("[]"), port))
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._listen()

    def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _listen(self) -> None:
        self._rest = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                accepted, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    continue
                self._loop.remove_reader(self._socket.fileno())
                self._rest = self._loop.call_later(_REST, self._listen)
                return
            accepted.setblocking(False)
            self._on_accepted(accepted, peer[0])
