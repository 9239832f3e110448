"""What browser legs need beside the batched path: checks on the open socket, handshakes, upkeep once a second."""

import contextlib
import time
from collections.abc import Callable

from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.worker_commands import Address

_SHAKE_NS = 2_000_000
"""Time for handshakes per read, of which there are four in a tick: however many browsers come at once, audio is at most
this much later. A handshake takes 0.25 ms in all; those beyond the bound wait for the next read.
"""
_CHECKS_PER_READ = 64
"""Checks that are looked at on the open sockets, 1 ms of work: a flood of them must not stop the tick. A browser whose
check was not among them repeats it; those that are locked to already have their own sockets.
"""


class BrowserLegs:
    """lock(leg, source): make source the one that is heard. on_ready(leg): its keys are there. on_stranger(leg): a
    datagram of somebody who has not proved himself.
    """

    def __init__(
        self, lock: Callable[[Leg, Address], bool], on_ready: Callable[[Leg], None], on_stranger: Callable[[Leg], None]
    ) -> None:
        self._lock, self._on_ready, self._on_stranger = lock, on_ready, on_stranger
        self._shaking: dict[Leg, None] = {}
        self._checks = 0

    def add(self, leg: Leg) -> None:
        """Before signalling's first word about the leg is applied."""
        if leg.secure is not None:
            leg.secure.on_dtls = lambda: self._shaking.setdefault(leg)

    def remove(self, leg: Leg) -> None:
        self._shaking.pop(leg, None)
        if leg.secure is not None:
            leg.secure.close()

    def take(self, leg: Leg, data: bytes, source: Address, now_ms: int) -> None:
        """A datagram on the open socket: a check, something queued there before the lock, or a stranger's."""
        secure = leg.secure
        if secure is None:
            return
        if data and data[0] < 4 and self._checks < _CHECKS_PER_READ:
            self._checks += 1
            answer = secure.check(data, source, now_ms)
            if not answer.accepted:
                self._on_stranger(leg)
            elif leg.latched is None or (answer.nominated and leg.latched != source):
                self._lock(leg, source)
            if answer.data:  # the last: whoever has it may speak at once, and is heard by the locked socket alone
                with contextlib.suppress(OSError):  # as if lost on the way: checks are repeated
                    leg.ports.open.sendto(answer.data, source)
        elif source == leg.latched and data and data[0] >= 4:
            secure.put_by(data)
        else:
            self._on_stranger(leg)

    def shake(self) -> None:
        """At the end of each read: go on with the handshakes that wait, one step each in turn."""
        self._checks = 0
        if not self._shaking:
            return
        until_ns = time.monotonic_ns() + _SHAKE_NS
        while self._shaking and time.monotonic_ns() < until_ns:
            leg = next(iter(self._shaking))
            del self._shaking[leg]
            secure = leg.secure
            if secure is None:
                continue
            was_ready = secure.ready
            if secure.shake():
                self._shaking[leg] = None
            if secure.ready and not was_ready:
                self._on_ready(leg)
