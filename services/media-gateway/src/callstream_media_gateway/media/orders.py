"""Commands that the media worker has not answered yet."""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from callstream_media_gateway.media.protocol import Reply

log = logging.getLogger(__name__)

SWEEP_S = 1.0

Answered = Callable[[Reply | None], None]
"""Called once, with the reply (look at its refusal), or with None when none came in time."""


class _Order(NamedTuple):
    frame: bytes
    answered: Answered
    deadline_s: float


class Orders:
    """By rising number, as they leave: `Done` and `Reply` tell of all before them as well."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Order] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def add(self, number: int, frame: bytes, answered: Answered, within_s: float) -> None:
        """Given up within_s later, or a second after that."""
        loop = asyncio.get_running_loop()
        self._waiting[number] = _Order(frame, answered, loop.time() + within_s)
        if self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    def done(self, number: int) -> None:
        """All up to this one are."""
        waiting = self._waiting
        while waiting and (first := next(iter(waiting))) <= number:
            self._answer(waiting.pop(first), Reply(first))

    def replied(self, reply: Reply) -> None:
        """This one is answered, and all before it are done."""
        self.done(reply.request_id - 1)
        order = self._waiting.pop(reply.request_id, None)
        if order is not None:
            self._answer(order, reply)

    def withdraw(self, number: int) -> None:
        """Its answer does not matter any more, and it is not repeated."""
        self._waiting.pop(number, None)

    def frames(self) -> bytes:
        """What a new connection begins with."""
        return b"".join(order.frame for order in self._waiting.values())

    def close(self) -> None:
        """Nobody is told."""
        self._waiting.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = None
        for number, order in list(self._waiting.items()):
            if order.deadline_s <= loop.time():
                self.withdraw(number)
                self._answer(order, None)
        if self._waiting and self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    @staticmethod
    def _answer(order: _Order, reply: Reply | None) -> None:
        try:
            order.answered(reply)
        except Exception:
            log.exception("answer not dealt with: %r", reply)
