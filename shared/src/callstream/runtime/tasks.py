"""Ending background tasks for sure."""

import asyncio
from typing import Any

AGAIN_S = 0.2


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
