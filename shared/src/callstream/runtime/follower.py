"""Follower: folds the log into a service's state, and lets the service react whenever it is up to date.

State changes only by what the stream says: `evolve` is called for each event in stream order, live and in replay alike;
`react` looks at the state, decides and appends, and never changes the state itself. `react` runs only when the state has
seen everything that there was (live) and this instance is the active one; never beside `evolve` and never beside itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from callstream.contracts.envelope import NewEvent, Recorded
from callstream.kernel.clock import Clock
from callstream.runtime.event_store import Append, EventStore


class Snapshot(msgspec.Struct, frozen=True):
    """How a service's state is kept between runs; msgpack of `kind`.

    `version` counts up whenever the meaning of the state changes: a snapshot of another version is ignored, and the state
    is built from the log's beginning.
    """

    version: int
    kind: Any
    """The type that is kept (a msgspec Struct, or what msgspec can convert)."""
    take: Callable[[], Any]
    """The state as a `kind`. Called between two batches."""
    restore: Callable[[Any], None]
    """Puts a `kind` back into the empty state."""


class InFlight:
    """Aggregates whose append is under way: a decision skips them until the event came back or the append failed.

        if (tenant, "queue", request_id) not in in_flight:
            in_flight.append("queue", request_id, tenant, events, expected)
    """

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        """Whether (tenant, aggregate, id) is under way."""
        raise NotImplementedError

    def append(self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None) -> None:
        """Start an append in the background and mark its aggregate. Ends by itself: stored, conflict or failure (logged)."""
        raise NotImplementedError

    def append_many(self, appends: Sequence[Append]) -> None:
        """The same for several aggregates at once."""
        raise NotImplementedError


class Follower:
    """See the module's docstring."""

    def __init__(
        self,
        store: EventStore,
        filters: Sequence[str],
        evolve: Callable[[Recorded], None],
        *,
        name: str,
        clock: Clock,
        react: Callable[[], Awaitable[None]] | None = None,
        next_due: Callable[[], datetime | None] | None = None,
        in_flight: InFlight | None = None,
        active: Callable[[], bool] = lambda: True,
        snapshot: Snapshot | None = None,
    ) -> None:
        """`evolve` folds one event; `react` is awaited after each batch when live, when `next_due` has come (normally
        `state.timers.next_due`), and on `wake`, provided that `active()` (normally `lease.held`)."""

    async def start(self) -> None:
        """Load the snapshot and begin to follow. Returns at once; `live` tells when the state is up to date."""
        raise NotImplementedError

    def wake(self) -> None:
        """Ask for a reaction soon, for example after a change of configuration or a lease won."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Finish the batch in hand, save the snapshot, end."""
        raise NotImplementedError
