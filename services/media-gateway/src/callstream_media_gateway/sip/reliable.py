"""Provisional responses that are repeated until their PRACK comes: RFC 3262 3, our side as the callee."""

from __future__ import annotations

import random
from collections.abc import Callable

from .core import Core
from .message import Header
from .timers import Entry
from .transactions import Transaction, send_response

Build = Callable[[list[Header]], bytes]
"""Writes the response with these headers (Require, RSeq) among its own."""


class Reliable:
    """The reliable provisional responses to one INVITE: one under way, the rest waits for its PRACK.

    Each is repeated after T1, 2*T1, 4*T1, ...; after 64*T1 without a PRACK `gave_up` is called, once. The INVITE's final
    response ends the repetition (`hush`), or waits for the PRACK (`afterwards`) when the offer or answer is at stake.
    """

    def __init__(self, core: Core, transaction: Transaction, cseq: int, gave_up: Callable[[], None]) -> None:
        self._core = core
        self._transaction = transaction
        self._cseq = cseq
        self._gave_up = gave_up
        self._rseq = random.randrange(1, 2**30)  # below 2^31, with room to count (RFC 3262 3)
        self._queue: list[Build] = []
        self._data: bytes | None = None  # not acknowledged yet
        self._delay = 0.0
        self._again: Entry | None = None
        self._end: Entry | None = None
        self._then: Callable[[], None] | None = None

    def send(self, build: Build) -> None:
        if self._data is not None:
            self._queue.append(build)
            return
        self._rseq += 1
        self._data = build([("Require", "100rel"), ("RSeq", str(self._rseq))])
        self._delay = self._core.config.t1
        send_response(self._transaction, 180, self._data)
        self._again = self._core.timers.after(self._delay, self._repeat, None)
        self._end = self._core.timers.after(64 * self._core.config.t1, self._expired, None)

    def acknowledge(self, rack: str) -> bool:
        """Take a PRACK by its RAck header. False when it acknowledges nothing that waits (481, RFC 3262 3).

        `proceed` is called once the PRACK has been answered.
        """
        if self._data is None or rack.split() != [str(self._rseq), str(self._cseq), "INVITE"]:
            return False
        self.hush()
        self._data = None
        return True

    def proceed(self) -> None:
        """Send what has waited for the last PRACK."""
        if self._queue:
            self.send(self._queue.pop(0))
        elif self._then is not None:
            then, self._then = self._then, None
            then()

    def afterwards(self, action: Callable[[], None]) -> None:
        """Run this when all that is under way has been acknowledged: now, if nothing is."""
        if self._data is None:
            action()
        else:
            self._then = action

    def hush(self) -> None:
        """Repeat nothing any more; the PRACK may still come."""
        self._core.timers.cancel(self._again)
        self._core.timers.cancel(self._end)
        self._again = self._end = None

    def stop(self) -> None:
        """Nothing waits any more."""
        self.hush()
        self._data = self._then = None
        self._queue.clear()

    def _repeat(self, _argument: None) -> None:
        if self._data is not None:
            self._core.counters["retransmissions_out"] += 1
            send_response(self._transaction, 180, self._data)
            self._delay *= 2
            self._again = self._core.timers.after(self._delay, self._repeat, None)

    def _expired(self, _argument: None) -> None:
        self._core.counters["no_prack"] += 1
        then = self._then
        self.stop()
        if then is not None:
            then()  # the answer was given already: its own ACK tells whether the peer is there
        else:
            self._gave_up()
