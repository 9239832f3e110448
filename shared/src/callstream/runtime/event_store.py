"""The event store port: append at an expected version, read one aggregate, follow the log from any position.

Two adapters keep it, under one contract suite (callstream.testing.store_contract): `jetstream_store` and `memory_store`.

State changes only by what the stream says (see the package's docstring): nothing here hands an appended event back to the
appender, it arrives through `subscribe` like everybody else's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from callstream.contracts.envelope import NewEvent, Recorded

OnBatch = Callable[[list[Recorded]], Awaitable[None]]
"""Receives what has arrived, in stream order, never empty. The next batch waits until it returns (that is the backpressure)."""


Fold = Callable[[list[Recorded]], None]
"""The same for who never waits."""


class VersionConflict(Exception):
    """Another event of the aggregate stands in the log that the appender had not seen. Nothing was stored."""

    def __init__(self, tenant: str, aggregate: str, aggregate_id: str, expected: int) -> None:
        super().__init__(f"{tenant} {aggregate} {aggregate_id} has moved on from sequence {expected}")
        self.tenant, self.aggregate, self.aggregate_id, self.expected = tenant, aggregate, aggregate_id, expected


class StoreUnavailable(Exception):
    """The log did not answer in time. Whether the events were stored is unknown: a repeat with the same ids is safe."""


class StoreRefused(Exception):
    """The log refuses what no repeat can mend: a message too large, a subject without permission, a broken batch."""


class Append(msgspec.Struct, frozen=True):
    """Events of one aggregate, and the stream sequence of its last event as the appender knows it.

    `expected`: 0 when the aggregate must be new, None for no check.
    """

    tenant: str
    aggregate: str
    aggregate_id: str
    events: Sequence[NewEvent]
    expected: int | None

    def check(self) -> None:
        """Raises StoreRefused when there is nothing to append or an event belongs to another aggregate."""
        if not self.events:
            raise StoreRefused(f"an append of {self.aggregate} {self.aggregate_id!r} without events")
        for new in self.events:
            if (new.tenant, new.event.AGGREGATE, new.aggregate_id) != (self.tenant, self.aggregate, self.aggregate_id):
                raise StoreRefused(
                    f"{new.event.TYPE} of {new.tenant} {new.aggregate_id!r} in an append of "
                    f"{self.tenant} {self.aggregate} {self.aggregate_id!r}"
                )


class Subscription(Protocol):
    """A running subscription. It lives through broker restarts until `stop`."""

    caught_up: asyncio.Event
    """Set once everything that the log held at subscribe time has been handed over."""

    @property
    def position(self) -> int:
        """Sequence of the last event handed over and finished, or where it began."""
        ...

    @property
    def pending(self) -> int:
        """How many matching events are known to wait behind the position (0 when live and idle)."""
        ...

    async def stop(self) -> None:
        """End it; the batch in hand is finished first."""
        ...


class EventStore(Protocol):
    """The log of all services."""

    def append(
        self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None
    ) -> Awaitable[int]:
        """Store the events of one aggregate, all or none; the stream sequence of the last one.

        Repeating it with the same event ids stores nothing twice and gives the same sequence (lost acknowledgement).
        Raises VersionConflict, StoreUnavailable (after the overall deadline) or StoreRefused.
        """
        ...

    def append_many(self, appends: Sequence[Append]) -> asyncio.Future[int]:
        """Store the events of several aggregates, all or none, each at its own expected version; else like `append`."""
        ...

    async def read(self, tenant: str, aggregate: str, aggregate_id: str) -> list[Recorded]:
        """All readable events of one aggregate, oldest first. Raises StoreUnavailable."""
        ...

    async def last_seq(self) -> int:
        """Sequence of the log's newest event, 0 when it is empty. Raises StoreUnavailable."""
        ...

    async def subscribe(self, filters: Sequence[str], after: int, on_batch: OnBatch, *, rest_s: float = 0.0) -> Subscription:
        """Hand over every event behind `after` whose subject matches a filter, once and in order, for as long as it lasts.

        `filters` as of contracts.subjects (`events_of`, `ALL_EVENTS`); they must not overlap one another. An event that
        cannot be read goes to the dead letters and does not stop the others. An exception of `on_batch` is logged,
        counted and the same batch is handed over again after a pause: a follower that must not be stopped by one event
        handles its own errors.

        `rest_s`: a reader that may be that late gets fewer and larger batches, which cost it and the broker much less.
        """
        ...

    async def follow(self, filters: Sequence[str], after: int, fold: Fold) -> Subscription:
        """As `subscribe`, for a plain function: it is called in the turn of the loop in which the events are read."""
        ...

    def dead_letter(self, recorded: Recorded, error: BaseException) -> None:
        """Keep an event that the application could not handle, with the error, for a person to look at."""
        ...
