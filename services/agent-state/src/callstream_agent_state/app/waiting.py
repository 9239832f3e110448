"""Commands that wait until an agent's event has come back through the log."""

import asyncio
from collections.abc import Iterable

from callstream_agent_state.domain.roster import Key


class Waiting:
    """Who waits for which agent."""

    def __init__(self) -> None:
        self._waiters: dict[Key, list[asyncio.Future[None]]] = {}

    async def changed(self, key: Key, within_s: float) -> bool:
        """Wait for the agent's next change; False when it did not come in time."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, []).append(waiter)
        try:
            async with asyncio.timeout(within_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            waiters = self._waiters.get(key, [])
            if waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[key]
        return True

    def wake(self, keys: Iterable[Key]) -> None:
        """These agents have changed."""
        for key in keys:
            for waiter in self._waiters.pop(key, ()):
                if not waiter.done():
                    waiter.set_result(None)
