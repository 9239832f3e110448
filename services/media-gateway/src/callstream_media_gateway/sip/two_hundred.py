"""Repeating a 2xx to an INVITE until its ACK comes (RFC 3261 13.3.1.4): the user's task, not the transaction's."""

from __future__ import annotations

from collections.abc import Callable

from .core import Core
from .timers import Entry
from .transactions import Transaction, send_response


class UnacknowledgedAnswer:
    """Sent by `begin`, then after T1, 2*T1, ... up to T2 apart, on every transport; `no_ack` is called after 64*T1.

    cseq: the number of the INVITE, which its ACK carries too.
    """

    __slots__ = ("_again", "_core", "_data", "_delay", "_give_up", "_no_ack", "_transaction", "cseq")

    def __init__(self, core: Core, transaction: Transaction, cseq: int, data: bytes, no_ack: Callable[[], None]) -> None:
        self.cseq = cseq
        self._core = core
        self._transaction = transaction
        self._data = data
        self._no_ack = no_ack
        self._delay = core.config.t1
        self._again: Entry | None = None
        self._give_up: Entry | None = None

    def begin(self) -> None:
        send_response(self._transaction, 200, self._data)
        self._again = self._core.timers.after(self._delay, self._repeat, None)
        self._give_up = self._core.timers.after(64 * self._core.config.t1, self._expired, None)

    def _repeat(self, _argument: None) -> None:
        self._core.counters["retransmissions_out"] += 1
        send_response(self._transaction, 200, self._data)
        self._delay = min(self._delay * 2, self._core.config.t2)
        self._again = self._core.timers.after(self._delay, self._repeat, None)

    def _expired(self, _argument: None) -> None:
        self.stop()
        self._core.counters["no_ack"] += 1
        self._no_ack()

    def stop(self) -> None:
        """The ACK has come, or the dialog is over."""
        self._core.timers.cancel(self._again)
        self._core.timers.cancel(self._give_up)
        self._again = self._give_up = None
