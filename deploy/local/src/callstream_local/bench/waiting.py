"""Waiting for a state, always with a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

KNOWN_WITHIN_S = 20.0
"""Configuration reaches the services through the log of changes; until then they do not know an agent or a phone."""
POLL_S = 0.1

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T]], enough: Callable[[T], bool], within_s: float) -> T:
    """Ask until the answer is enough or the time is over; the last answer."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await ask()
        if enough(answer) or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(POLL_S)
