"""Which aggregates have an append under way.

A decision marks its aggregate here and sends the append; the mark goes when the event comes back through the subscription
(its id is seen), or when the append failed. Between the two, decisions leave the aggregate alone, because the state does
not know yet what is already on its way. A crash in between needs no care: the event is in the log or it is not.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from callstream.contracts.envelope import NewEvent, Recorded
from callstream.runtime import metrics
from callstream.runtime.event_store import Append, EventStore, StoreRefused, StoreUnavailable, VersionConflict

Key = tuple[str, str, str]
"""(tenant, aggregate, id)"""

CONFLICT_AGAIN_S = 0.005
"""Pause after a conflict before the decision is taken anew: time for the rival's event to arrive."""
FAILED_AGAIN_S = 0.2
"""Pause after any other failure, which may well repeat itself."""

log = structlog.get_logger(__name__)


class InFlight:
    """Aggregates whose append is under way: a decision skips them until the event came back or the append failed.

    if (tenant, "queue", request_id) not in in_flight:
        in_flight.append("queue", request_id, tenant, events, expected)

    The follower that owns it must follow every aggregate that is appended here, or the marks would stay.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._awaited: dict[str, tuple[Key, ...]] = {}
        self._keys: dict[Key, str] = {}
        metrics.in_flight.add(self)
        self._storing: set[asyncio.Future[int]] = set()
        self.on_failure: Callable[[], None] = lambda: None
        """Called after a failed append: the decision must be taken anew. The follower sets it to its `wake`."""

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def append(self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None) -> None:
        """Start an append in the background and mark its aggregate. Ends by itself: stored, conflict or failure (logged).

        Several events are stored together or not at all, which costs ten times as much as one (docs/adr/0008).
        """
        self._start(((tenant, aggregate, aggregate_id),), (Append(tenant, aggregate, aggregate_id, events, expected),))

    def append_many(self, appends: Sequence[Append]) -> None:
        """The same for several aggregates at once, all or none. Raises ValueError when one of them is under way already."""
        self._start(tuple((append.tenant, append.aggregate, append.aggregate_id) for append in appends), appends)

    def _start(self, keys: tuple[Key, ...], appends: Sequence[Append]) -> None:
        """Mark until the last of the events is seen."""
        for key in keys:
            if key in self._keys:
                raise ValueError(f"{' '.join(key)} has an append under way")
        last = appends[-1].events[-1].id
        self._awaited[last] = keys
        for key in keys:
            self._keys[key] = last
        stored = self._store.append_many(appends)
        self._storing.add(stored)
        stored.add_done_callback(partial(self._ended, keys[0], last))

    def seen(self, recorded: Recorded) -> None:
        """An event came through the subscription; called by the follower before `evolve` gets the next one."""
        keys = self._awaited.pop(recorded.id, None)
        if keys is not None:
            self._unmark(keys)

    async def settled(self, within_s: float) -> bool:
        """Wait until every append has been answered (not: has come back); False when the time is over. For the drain."""
        if self._storing:
            await asyncio.wait(self._storing, timeout=within_s)
        return not self._storing

    def _ended(self, first: Key, last: str, stored: asyncio.Future[int]) -> None:
        """An append is over; when it failed, its mark goes and the decision is taken anew."""
        self._storing.discard(stored)
        if stored.cancelled():
            return  # the process is going down
        error = stored.exception()
        if error is None:
            return
        _, aggregate, aggregate_id = first
        again_s = FAILED_AGAIN_S
        if isinstance(error, VersionConflict):
            # What moved the aggregate on is on its way to us, and a reaction follows it; ask again in case it came already.
            log.info("append conflict", aggregate=error.aggregate, aggregate_id=error.aggregate_id)
            again_s = CONFLICT_AGAIN_S
        elif isinstance(error, StoreUnavailable):
            log.warning("append not answered", aggregate=aggregate, aggregate_id=aggregate_id, error=str(error))
        elif isinstance(error, StoreRefused):
            log.error("append refused", aggregate=aggregate, aggregate_id=aggregate_id, error=str(error))
        else:
            log.error("append failed", aggregate=aggregate, aggregate_id=aggregate_id, exc_info=error)
        keys = self._awaited.pop(last, None)
        if keys is not None:
            self._unmark(keys)
        asyncio.get_running_loop().call_later(again_s, self.on_failure)

    def _unmark(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self._keys.pop(key, None)
