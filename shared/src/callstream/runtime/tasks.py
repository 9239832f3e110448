"""Background tasks: what the one task of a part waits for, and how tasks are ended for sure."""

import asyncio
from typing import Any

AGAIN_S = 0.2


class Bell:
    """An asyncio.Event for one task that waits, at a third of the calls: this is on the way of every event.

    A ring that nobody waits for is kept, and heard by the next wait; several count as one.
    """

    def __init__(self) -> None:
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Let the task go on."""
        if self._waiter is None:
            self._rung = True
        elif not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Until it rings, or has rung since the last wait."""
        if not self._rung:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._rung = False


async def end(*tasks: "asyncio.Task[Any] | None") -> None:
    """Cancel tasks and wait until they are over; what they raise is not told.

    Cancelled again until it takes: in Python 3.11 `asyncio.wait_for` (which nats-py uses throughout) drops a cancellation
    that arrives together with what it waited for, and a task would go on for ever.
    """
    left = {task for task in tasks if task is not None}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()
