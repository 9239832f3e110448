"""The RTP ports of a worker: one for each leg, and a few that are bound ahead."""

import itertools

from callstream_media_gateway.media.sockets import NoPortsError, PortPair, discard, open_pair

SPARE_SHARE = 16
"""At most one in so many pairs of the range is bound ahead."""


class Ports:
    """ports: even numbers."""

    def __init__(self, host: str, ports: range) -> None:
        self._host, self._ports = host, ports
        self._next = 0
        self._spare: dict[int, PortPair] = {}

    @property
    def spare(self) -> int:
        """How many are bound ahead."""
        return len(self._spare)

    def take(self, port: int | None) -> PortPair:
        """For a new leg; None: any port. Raises `NoPortsError`.

        One that is not bound ahead is bound now: it was, on a connection that broke before the order could be done. What
        has come to a spare pair was not meant for the leg.
        """
        if port is None:
            return self._bind()
        pair = self._spare.pop(port, None)
        if pair is None:
            if port not in self._ports:
                raise NoPortsError(f"{port} is no RTP port of this worker")
            return open_pair(self._host, (port,))
        discard(pair.open)
        discard(pair.rtcp)
        return pair

    def reserve(self, count: int) -> tuple[int, ...]:
        """Have count ports bound ahead, or fewer when the range is small or used up; all that are."""
        while len(self._spare) < min(count, len(self._ports) // SPARE_SHARE):
            try:
                pair = self._bind()
            except NoPortsError:
                break
            self._spare[pair.port] = pair
        return tuple(self._spare)

    def release(self) -> None:
        """Close what is bound ahead."""
        for pair in self._spare.values():
            pair.open.close()
            pair.rtcp.close()
        self._spare.clear()

    def _bind(self) -> PortPair:
        # Going round the range keeps a port quiet for a while before the next call gets it.
        pair = open_pair(self._host, itertools.chain(self._ports[self._next :], self._ports[: self._next]))
        self._next = (self._ports.index(pair.port) + 1) % len(self._ports)
        return pair
