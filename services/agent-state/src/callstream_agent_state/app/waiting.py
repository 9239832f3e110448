"""Commands that wait until an agent's event has come back through the log."""

import asyncio
from collections.abc import Iterable

from callstream_agent_state.domain.roster import Key


class Waiting:
    """Who waits for which agent."""

    def __init__(self) -> None:
        self._waiters: dict[Key, list[asyncio.Future[bool]]] = {}

    async def changed(self, key: Key, within_s: float) -> bool:
        """Wait for the agent's next change; False when it did not come in time."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.setdefault(key, []).append(waiter)
        timer = loop.call_later(within_s, _end, waiter, False)
        try:
            return await waiter
        finally:
            timer.cancel()
            waiters = self._waiters.get(key, [])
            if waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[key]

    def wake(self, keys: Iterable[Key]) -> None:
        """These agents have changed."""
        for key in keys:
            for waiter in self._waiters.pop(key, ()):
                _end(waiter, True)


def _end(waiter: asyncio.Future[bool], changed: bool) -> None:
    if not waiter.done():
        waiter.set_result(changed)
