"""Follower: folds the log into a service's state, and lets the service react whenever it is up to date.

State changes only by what the stream says: `evolve` is called for each event in stream order, live and in replay alike;
`react` looks at the state, decides and appends, and never changes the state itself. `react` runs only when the state has
seen everything that there was (live) and this instance is the active one; never beside `evolve` and never beside itself,
because neither of them waits: what takes time, a reaction starts in the background and is woken by.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from callstream.contracts.envelope import Recorded
from callstream.kernel.clock import Clock
from callstream.runtime import metrics
from callstream.runtime.event_store import EventStore, Subscription
from callstream.runtime.in_flight import InFlight
from callstream.runtime.snapshots import Snapshot, SnapshotStore
from callstream.runtime.tasks import Bell, end

SNAPSHOT_EVERY = 20_000
"""Events between two snapshots of a live state."""
OVERDUE_PAUSE_S = 0.02
"""A timer that is due although a reaction ran (its append is under way) is looked at again after this pause."""
LONGEST_WAIT_S = 30.0

log = structlog.get_logger(__name__)


class Follower:
    """`await start()`, `await live.wait()` if need be, `wake()` to ask for a reaction, `await stop()`."""

    def __init__(
        self,
        store: EventStore,
        filters: Sequence[str],
        evolve: Callable[[Recorded], None],
        *,
        name: str,
        clock: Clock,
        react: Callable[[], None] | None = None,
        next_due: Callable[[], datetime | None] | None = None,
        in_flight: InFlight | None = None,
        active: Callable[[], bool] = lambda: True,
        snapshot: Snapshot | None = None,
        snapshots: SnapshotStore | None = None,
        snapshot_every: int = SNAPSHOT_EVERY,
    ) -> None:
        """`evolve` folds one event; `react` is called after each batch when live, when `next_due` has come (normally
        `state.timers.next_due`), and on `wake`, provided that `active()` (normally `lease.held`).

        An exception of `evolve` sends that one event to the dead letters; an exception of `react` is logged and counted,
        and the next batch, timer or wake tries again.
        """
        self.name = name
        self.live = asyncio.Event()
        """Set once the state has seen everything that the log held at the start."""
        self.folded = 0
        self.reactions = 0
        metrics.followers.add(self)
        self._store, self._filters, self._evolve, self._clock = store, tuple(filters), evolve, clock
        self._react, self._next_due, self._in_flight, self._active = react, next_due, in_flight, active
        self._snapshot, self._snapshots, self._snapshot_every = snapshot, snapshots, snapshot_every
        self._position = 0
        self._since_snapshot = 0
        self._woken = False
        self._bell = Bell()
        """Rung when there is something to do apart from events: a timer, a wake, a snapshot."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed: datetime | None = None
        """What the timer waits for; None: only for LONGEST_WAIT_S to pass."""
        self._subscription: Subscription | None = None
        self._tasks: list[asyncio.Task[None]] = []
        if in_flight is not None:
            in_flight.on_failure = self.wake

    @property
    def position(self) -> int:
        """Stream sequence of the last event folded."""
        return self._position

    @property
    def pending(self) -> int:
        """Events known to wait; 0 when up to date."""
        return 0 if self._subscription is None else self._subscription.pending

    async def start(self) -> None:
        """Load the snapshot and begin to follow. Returns at once; `live` tells when the state is up to date."""
        await self._restore()
        subscription = await self._store.follow(self._filters, self._position, self._fold)
        self._subscription = subscription
        self._tasks = [asyncio.create_task(self._go_live(subscription)), asyncio.create_task(self._run())]

    def wake(self) -> None:
        """Ask for a reaction soon, for example after a change of configuration or a lease won."""
        self._woken = True
        self._bell.ring()

    async def stop(self) -> None:
        """Finish the batch in hand, end, save the snapshot."""
        await end(*self._tasks)
        if self._timer is not None:
            self._timer.cancel()
        if self._subscription is not None:
            await self._subscription.stop()
        if self.live.is_set() and self._since_snapshot:
            await self.save()

    async def save(self) -> None:
        """Keep the state as it is now."""
        if self._snapshot is None or self._snapshots is None:
            return
        state = msgspec.msgpack.encode(self._snapshot.take())
        position, self._since_snapshot = self._position, 0
        await self._snapshots.save(self.name, self._snapshot.version, position, state)

    async def _restore(self) -> None:
        if self._snapshot is None or self._snapshots is None:
            return
        kept = await self._snapshots.load(self.name, self._snapshot.version)
        if kept is None:
            return
        position, state = kept
        try:
            decoded = msgspec.msgpack.decode(state, type=self._snapshot.kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            log.warning("snapshot is not readable", follower=self.name, error=str(error))
            return
        self._snapshot.restore(decoded)
        self._position = position
        log.info("snapshot restored", follower=self.name, position=position)

    def _fold(self, batch: list[Recorded]) -> None:
        marks = self._in_flight
        for recorded in batch:
            if recorded.seq <= self._position:
                continue
            try:
                self._evolve(recorded)
            except Exception as error:
                log.exception("event not folded", follower=self.name, seq=recorded.seq, type=recorded.event.TYPE)
                self._store.dead_letter(recorded, error)
            self._position = recorded.seq
            if marks is not None:
                marks.seen(recorded)
        count = len(batch)
        self.folded += count
        self._since_snapshot += count
        if self._since_snapshot >= self._snapshot_every:
            self._bell.ring()
        if self._acts():
            self._react_now()
            due = None if self._next_due is None else self._next_due()
            if due is not None and (self._armed is None or due < self._armed):
                self._arm(due)  # what is due later than before is found when the earlier moment comes

    async def _go_live(self, subscription: Subscription) -> None:
        await subscription.caught_up.wait()
        self.live.set()
        log.info("live", follower=self.name, position=self._position)
        self.wake()

    async def _run(self) -> None:
        """Reacts to timers and wakes, and saves snapshots."""
        while True:
            due = self._due()
            if self._woken or (due is not None and due <= self._clock.now()):
                self._woken = False
                if self._acts():
                    self._react_now()
                due = self._due()
            self._arm(due)
            if self.live.is_set() and self._since_snapshot >= self._snapshot_every:
                await self.save()
            await self._bell.wait()

    def _acts(self) -> bool:
        """Whether this instance is to decide anything now."""
        return self.live.is_set() and self._active()

    def _due(self) -> datetime | None:
        """When a timer must make this instance react."""
        return self._next_due() if self._next_due is not None and self._acts() else None

    def _arm(self, due: datetime | None) -> None:
        """Ring at `due`. What is due already had its reaction just now."""
        wait_s = LONGEST_WAIT_S if due is None else min(LONGEST_WAIT_S, (due - self._clock.now()).total_seconds())
        if self._timer is not None:
            self._timer.cancel()
        self._armed = due
        self._timer = asyncio.get_running_loop().call_later(wait_s if wait_s > 0 else OVERDUE_PAUSE_S, self._bell.ring)

    def _react_now(self) -> None:
        if self._react is None:
            return
        self.reactions += 1
        try:
            self._react()
        except Exception:
            metrics.reactions_failed.labels(self.name).inc()
            log.exception("reaction failed", follower=self.name)
