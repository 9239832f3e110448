"""Signalling's knowledge of the ports that its worker has bound ahead, so that it can open a leg without asking."""

from collections import deque
from collections.abc import Callable

from callstream_media_gateway.media.orders import Answered
from callstream_media_gateway.media.protocol import PortsReserved, Reply
from callstream_media_gateway.media.worker_commands import AnyCommand, ReservePorts

SPARE_PORTS = 16
"""Legs that can be opened within one round trip; each costs the worker two files."""


class PortReserve:
    """post: sends a command, in the order of the calls. More is asked for when less than half of what was given is left."""

    def __init__(self, post: Callable[[AnyCommand, Answered], None]) -> None:
        self._post = post
        self._spare: deque[int] = deque()
        self._enough = 1
        self._taken: set[int] | None = None
        """Since the worker was asked: its answer may still name them. None: it is not being asked."""

    def take(self) -> int | None:
        """A port for `CreateLeg`, to be sent next; None: none is known."""
        port = self._spare.popleft() if self._spare else None
        if len(self._spare) < self._enough:
            self.ask()
        if port is not None and self._taken is not None:
            self._taken.add(port)
        return port

    def ask(self) -> None:
        """At the beginning of a connection, and when few are left. A question under way is repeated with all other orders."""
        if self._taken is None:
            self._taken = set()
            self._post(ReservePorts(SPARE_PORTS), self._told)

    def forget(self) -> None:
        """The connection is over, and with it the reservation."""
        self._spare.clear()

    def _told(self, reply: Reply | None) -> None:
        taken, self._taken = self._taken or set(), None
        if reply is not None and isinstance(reply.value, PortsReserved):
            self._spare = deque(port for port in reply.value.ports if port not in taken)
            self._enough = max(1, len(reply.value.ports) // 2)
