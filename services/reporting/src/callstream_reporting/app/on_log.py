"""Follow the log from where the tables stand, and again from there whenever they were set back.

Live, events come a few at a time, and a commit for each would cost more than all the rest of a call's way into its record. So
after each batch the projection rests a little, and what came meanwhile is the next batch. Who catches up does not rest.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from callstream.runtime.event_store import EventStore, Subscription
from callstream_reporting.app.on_events import Projector

REST_S = 0.1
"""So much older than the log may a record be."""

_log = structlog.get_logger()


class LogFollower:
    """Keeps one subscription for a projector."""

    def __init__(self, store: EventStore, filters: Sequence[str], projector: Projector) -> None:
        self._store, self._filters, self._projector = store, filters, projector
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """The batch in hand is finished first."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._subscription is not None:
            await self._subscription.stop()

    def complaint(self, max_lag: int) -> str:
        """What is wrong with the projection's age, or empty."""
        subscription = self._subscription
        if subscription is None or not subscription.caught_up.is_set():
            return "catching up"
        return f"{subscription.pending} events behind" if subscription.pending > max_lag else ""

    async def _run(self) -> None:
        while True:
            position = await self._projector.start()
            _log.info("following the log", after=position)
            self._subscription = await self._store.subscribe(self._filters, position, self._projector.on_batch, rest_s=REST_S)
            await self._projector.rewound.wait()
            await self._subscription.stop()
