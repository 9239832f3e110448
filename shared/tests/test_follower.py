import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from nats.aio.client import Client

from callstream.contracts.agent_events import AgentSignedIn, AgentSignedOut
from callstream.contracts.call_events import CallAnswered
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.contracts.subjects import ALL_EVENTS
from callstream.kernel.clock import ManualClock, SystemClock
from callstream.kernel.timers import Timers
from callstream.runtime.event_store import Append
from callstream.runtime.follower import Follower
from callstream.runtime.in_flight import InFlight
from callstream.runtime.memory_store import MemoryStore
from callstream.runtime.snapshots import BucketSnapshots, MemorySnapshots, Snapshot, SnapshotStore
from callstream.testing.store_contract import AT, arrived, new

WITHIN_S = 10.0


class Counter:
    """A state as small as can be: the ids seen, and a timer for each call that arrived."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.reactions: list[int] = []
        self.timers: Timers[str] = Timers()
        self.poison = ""

    def evolve(self, recorded: Recorded) -> None:
        if recorded.id == self.poison:
            raise RuntimeError("cannot fold that")
        self.seen.append(recorded.id)
        if isinstance(recorded.event, AgentSignedIn):
            self.timers.set(recorded.aggregate_id, recorded.time + timedelta(seconds=30))
        if isinstance(recorded.event, AgentSignedOut):
            self.timers.cancel(recorded.aggregate_id)

    def react(self) -> None:
        self.reactions.append(len(self.seen))

    async def until(self, holds: Callable[[], bool]) -> None:
        await wait_for(lambda: bool(self.reactions) and holds())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def follow(store: MemoryStore, counter: Counter, **options: object) -> Follower:
    arguments: dict[str, object] = {"name": "test", "clock": ManualClock(AT), "react": counter.react, **options}
    return Follower(store, [ALL_EVENTS], counter.evolve, **arguments)  # type: ignore[arg-type]


async def append(store: MemoryStore, *ids: str) -> None:
    for event_id in ids:
        await store.append("call", event_id, "acme", [new(event_id, arrived(), event_id)], 0)


async def test_it_reacts_only_once_it_is_live(store: MemoryStore) -> None:
    await append(store, "a", "b", "c")
    counter = Counter()
    follower = follow(store, counter)
    await follower.start()
    await counter.until(lambda: counter.reactions != [])
    assert counter.reactions[0] == 3, "a reaction saw half of what was there"
    await append(store, "d")
    await counter.until(lambda: counter.reactions[-1] == 4)
    assert (counter.seen, follower.position, follower.pending) == (["a", "b", "c", "d"], 4, 0)
    await follower.stop()


async def test_a_standby_folds_and_does_not_react(store: MemoryStore) -> None:
    counter, active = Counter(), False
    follower = follow(store, counter, active=lambda: active)
    await follower.start()
    await append(store, "a")
    async with asyncio.timeout(WITHIN_S):
        while counter.seen != ["a"]:
            await asyncio.sleep(0)
    assert counter.reactions == []
    active = True
    follower.wake()
    await counter.until(lambda: counter.reactions == [1])
    await follower.stop()


async def test_an_event_that_cannot_be_folded_is_buried_and_the_rest_goes_on(store: MemoryStore) -> None:
    counter = Counter()
    counter.poison = "b"
    await append(store, "a", "b", "c")
    follower = follow(store, counter)
    await follower.start()
    await counter.until(lambda: counter.reactions != [])
    assert counter.seen == ["a", "c"]
    assert store.dead_letters == [("cs.acme.call.b.arrived", 2, "cannot fold that")]
    assert follower.position == 3
    await follower.stop()


async def test_a_reaction_that_fails_is_tried_again_with_the_next_event(store: MemoryStore) -> None:
    counter, failures = Counter(), [RuntimeError("once")]

    def react() -> None:
        if failures:
            raise failures.pop()
        counter.react()

    follower = follow(store, counter, react=react)
    await follower.start()
    await append(store, "a")
    await counter.until(lambda: counter.reactions == [1])
    await follower.stop()


async def test_reactions_never_overlap_with_folding_or_themselves(store: MemoryStore) -> None:
    counter, busy, overlaps = Counter(), False, []

    def evolve(recorded: Recorded) -> None:
        overlaps.append(busy)
        counter.evolve(recorded)

    def react() -> None:
        nonlocal busy
        overlaps.append(busy)
        busy = True
        if len(counter.reactions) % 2:
            follower.wake()
        counter.react()
        busy = False

    follower = Follower(store, [ALL_EVENTS], evolve, name="test", clock=ManualClock(AT), react=react)
    await follower.start()
    for i in range(50):
        follower.wake()
        await append(store, f"e{i}")
        await asyncio.sleep(0)
    await counter.until(lambda: counter.reactions[-1:] == [50])
    assert not any(overlaps)
    await follower.stop()


async def test_a_timer_that_is_due_brings_a_reaction(store: MemoryStore) -> None:
    """The clock is virtual: moving it and waking stands for time that passes."""
    counter, clock = Counter(), ManualClock(AT)
    due: list[list[str]] = []

    def react() -> None:
        due.append(counter.timers.due(clock.now()))
        counter.react()

    follower = follow(store, counter, clock=clock, react=react, next_due=counter.timers.next_due)
    await store.append("agent", "7001", "acme", [new("in", AgentSignedIn(terminal="x", actor="a"), "7001")], 0)
    await follower.start()
    await counter.until(lambda: due != [])
    assert due[-1] == []
    clock.advance(30)
    follower.wake()
    await counter.until(lambda: due[-1] == ["7001"])
    await follower.stop()


async def test_real_time_wakes_it_for_a_timer_without_being_asked(store: MemoryStore) -> None:
    counter = Counter()
    fired = asyncio.Event()
    clock = SystemClock()
    counter.timers.set("soon", clock.now() + timedelta(seconds=0.05))

    def react() -> None:
        if counter.timers.due(clock.now()):
            counter.timers.cancel("soon")
            fired.set()

    follower = follow(store, counter, clock=clock, react=react, next_due=counter.timers.next_due)
    await follower.start()
    async with asyncio.timeout(WITHIN_S):
        await fired.wait()
    await follower.stop()


async def test_a_timer_that_an_event_sets_is_not_late_for_one_that_is_due_later(store: MemoryStore) -> None:
    counter, clock, fired = Counter(), SystemClock(), asyncio.Event()
    counter.timers.set("later", clock.now() + timedelta(seconds=60))

    def evolve(recorded: Recorded) -> None:
        counter.evolve(recorded)
        counter.timers.set("soon", clock.now() + timedelta(seconds=0.05))

    def react() -> None:
        counter.react()
        if counter.timers.due(clock.now()):
            counter.timers.cancel("soon")
            fired.set()

    follower = Follower(
        store, [ALL_EVENTS], evolve, name="test", clock=clock, react=react, next_due=counter.timers.next_due
    )  # fmt: skip
    await follower.start()
    await counter.until(lambda: True)
    await append(store, "a")
    async with asyncio.timeout(WITHIN_S):
        await fired.wait()
    await follower.stop()


async def test_what_stays_due_is_looked_at_again_and_again_without_being_asked(store: MemoryStore) -> None:
    counter, clock = Counter(), SystemClock()
    counter.timers.set("now", clock.now())
    follower = follow(store, counter, clock=clock, next_due=counter.timers.next_due)
    await follower.start()
    await counter.until(lambda: len(counter.reactions) >= 4)
    counter.timers.cancel("now")
    await asyncio.sleep(0.05)
    reactions = len(counter.reactions)
    await asyncio.sleep(0.1)
    assert len(counter.reactions) == reactions
    await follower.stop()


@pytest.fixture(params=["memory", "bucket"])
def snapshots(request: pytest.FixtureRequest) -> SnapshotStore:
    if request.param == "memory":
        return MemorySnapshots()
    nc: Client = request.getfixturevalue("nc")
    return BucketSnapshots(nc, "one")


def snapshot_of(counter: Counter, version: int = 1) -> Snapshot:
    return Snapshot(version, list[str], lambda: list(counter.seen), lambda kept: counter.seen.extend(kept))


async def test_a_snapshot_spares_the_log(store: MemoryStore, snapshots: SnapshotStore) -> None:
    await append(store, "a", "b")
    first = Counter()
    follower = follow(store, first, snapshot=snapshot_of(first), snapshots=snapshots)
    await follower.start()
    await first.until(lambda: first.reactions != [])
    await follower.stop()
    await append(store, "c")
    second = Counter()
    folded: list[str] = []

    def evolve(recorded: Recorded) -> None:
        folded.append(recorded.id)
        second.evolve(recorded)

    again = Follower(
        store, [ALL_EVENTS], evolve, name="test", clock=ManualClock(AT), react=second.react,
        snapshot=snapshot_of(second), snapshots=snapshots,
    )  # fmt: skip
    await again.start()
    await second.until(lambda: second.reactions != [])
    assert (second.seen, folded) == (["a", "b", "c"], ["c"])
    await again.stop()


async def test_a_snapshot_of_another_version_or_shape_is_ignored(store: MemoryStore, snapshots: SnapshotStore) -> None:
    await append(store, "a", "b")
    first = Counter()
    follower = follow(store, first, snapshot=snapshot_of(first), snapshots=snapshots)
    await follower.start()
    await first.until(lambda: first.reactions != [])
    await follower.stop()
    for other in (
        snapshot_of(second := Counter(), version=2),
        Snapshot(1, dict[str, int], dict, lambda _: None),
    ):
        second.seen.clear()
        rebuilt = follow(store, second, snapshot=other, snapshots=snapshots)
        await rebuilt.start()
        await second.until(lambda: len(second.seen) == 2 and second.reactions != [])
        assert second.seen == ["a", "b"]
        rebuilt._snapshot = None  # so that its own is not saved over the old one
        await rebuilt.stop()


async def test_large_states_are_kept_whole_and_a_damaged_one_is_ignored(nc: Client) -> None:
    snapshots = BucketSnapshots(nc, "one")
    state = bytes(range(256)) * 8000
    await snapshots.save("big", 1, 42, state)
    assert await snapshots.load("big", 1) == (42, state)
    newer = state[::-1]
    await snapshots.save("big", 1, 43, newer)
    assert await BucketSnapshots(nc, "one").load("big", 1) == (43, newer)
    kv = await nc.jetstream().key_value("SNAPSHOTS")
    slot = next(key for key in await kv.keys() if key.endswith(".1"))
    await kv.put("one.big.0.1", b"rubbish")
    await kv.put("one.big.1.1", b"rubbish")
    assert slot.startswith("one.big.")
    assert await snapshots.load("big", 1) is None
    assert await snapshots.load("none", 1) is None


async def test_it_saves_now_and_then_while_it_runs(store: MemoryStore) -> None:
    kept, counter = MemorySnapshots(), Counter()
    follower = follow(store, counter, snapshot=snapshot_of(counter), snapshots=kept, snapshot_every=10)
    await follower.start()
    await append(store, *[f"e{i}" for i in range(25)])
    async with asyncio.timeout(WITHIN_S):
        while "test" not in kept.kept:
            await asyncio.sleep(0)
    assert kept.kept["test"][1] >= 10
    await follower.stop()
    assert kept.kept["test"][1] == 25


# in flight


def signed_in(event_id: str) -> NewEvent:
    return new(event_id, AgentSignedIn(terminal="x", actor="a"), "7001")


KEY = ("acme", "agent", "7001")


async def started(store: MemoryStore, react: Callable[[InFlight], None]) -> tuple[Follower, InFlight]:
    marks = InFlight(store)
    counter = Counter()
    follower = follow(store, counter, react=lambda: react(marks), in_flight=marks)
    await follower.start()
    return follower, marks


async def wait_for(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0)


async def test_a_decision_is_not_taken_twice_while_its_event_is_on_its_way(store: MemoryStore) -> None:
    decided = 0

    def react(marks: InFlight) -> None:
        nonlocal decided
        if decided == 0 and KEY not in marks:
            decided += 1
            marks.append("agent", "7001", "acme", [signed_in("e1")], 0)
            assert KEY in marks
            with pytest.raises(ValueError, match="under way"):
                marks.append("agent", "7001", "acme", [signed_in("e2")], 0)

    follower, marks = await started(store, react)
    await wait_for(lambda: len(store.messages) == 1 and KEY not in marks)
    assert follower.position == 1, "the mark goes when the event has come back"
    await follower.stop()


async def test_a_conflict_takes_the_mark_away_and_asks_again(store: MemoryStore) -> None:
    await store.append("agent", "7001", "acme", [signed_in("rival")], 0)
    tries: list[int] = []

    def react(marks: InFlight) -> None:
        if KEY not in marks and len(tries) < 2:
            tries.append(len(store.messages))
            expected = 0 if len(tries) == 1 else 1
            marks.append("agent", "7001", "acme", [new(f"mine{len(tries)}", AgentSignedOut(actor="a"), "7001")], expected)

    follower, marks = await started(store, react)
    await wait_for(lambda: len(store.messages) == 2 and KEY not in marks)
    assert len(tries) == 2
    await follower.stop()


async def test_a_store_that_is_away_is_asked_again(store: MemoryStore) -> None:
    store.available = False
    tries = 0

    def react(marks: InFlight) -> None:
        nonlocal tries
        if KEY not in marks and not store.messages:
            tries += 1
            if tries == 3:
                store.available = True
            marks.append("agent", "7001", "acme", [signed_in(f"e{tries}")], 0)

    follower, marks = await started(store, react)
    await wait_for(lambda: len(store.messages) == 1 and KEY not in marks)
    assert tries == 3
    assert await marks.settled(1)
    await follower.stop()


async def test_several_aggregates_are_marked_together(store: MemoryStore) -> None:
    def react(marks: InFlight) -> None:
        if not store.messages and KEY not in marks:
            marks.append_many(
                [
                    Append("acme", "agent", "7001", [signed_in("a1")], 0),
                    Append("acme", "call", "c1", [new("c1", arrived()), new("c2", CallAnswered())], 0),
                ]
            )
            assert len(marks) == 2

    follower, marks = await started(store, react)
    await wait_for(lambda: len(store.messages) == 3 and len(marks) == 0)
    await follower.stop()
