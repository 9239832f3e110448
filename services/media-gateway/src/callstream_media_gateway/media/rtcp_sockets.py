"""The odd ports: reports of peers that send them beside their audio (RFC 3550 §11)."""

import select
from collections.abc import Callable

from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.rtcp import MAX_BYTES
from callstream_media_gateway.media.worker_commands import Address

_LEGS_PER_READ, _PACKETS_PER_LEG = 64, 4
"""A peer reports every few seconds: a flood waits its turn."""


class RtcpSockets:
    """take(leg, datagram, source): false, it is no RTCP. Only the host that a leg's audio comes from is listened to."""

    def __init__(
        self,
        take: Callable[[Leg, bytes, Address], bool],
        on_malformed: Callable[[Leg], None],
        on_stranger: Callable[[Leg], None],
    ) -> None:
        self._take, self._on_malformed, self._on_stranger = take, on_malformed, on_stranger
        self._epoll = select.epoll()
        self._legs: dict[int, Leg] = {}

    def add(self, leg: Leg) -> None:
        self._legs[leg.ports.rtcp.fileno()] = leg
        self._epoll.register(leg.ports.rtcp, select.EPOLLIN)

    def remove(self, leg: Leg) -> None:
        """Close the socket."""
        self._epoll.unregister(leg.ports.rtcp)
        del self._legs[leg.ports.rtcp.fileno()]
        leg.ports.rtcp.close()

    def read(self) -> None:
        """What has arrived; once per tick."""
        for fd, _ in self._epoll.poll(0, _LEGS_PER_READ):
            leg = self._legs[fd]
            for _ in range(_PACKETS_PER_LEG):
                try:
                    data, source = leg.ports.rtcp.recvfrom(MAX_BYTES + 1)
                except OSError:
                    break
                audio = leg.latched or leg.remote
                if audio is None or source[0] != audio[0]:
                    self._on_stranger(leg)
                elif not self._take(leg, data, source):
                    self._on_malformed(leg)
