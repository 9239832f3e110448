"""The promises of the event store port, as a suite that each adapter's test class inherits.

class TestMemory(StoreContract):
    @pytest.fixture
    async def store(self): ...
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from callstream.contracts.agent_events import AgentSignedIn, AgentSignedOut
from callstream.contracts.call_events import CallAnswered, CallArrived, DigitReceived
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.subjects import ALL_EVENTS, events_of
from callstream.runtime.event_store import Append, EventStore, StoreRefused, Subscription, VersionConflict

AT = datetime(2026, 1, 1, 8, 0, 0, 123000, tzinfo=UTC)
WITHIN_S = 10.0

InjectRaw = Callable[[str, bytes, dict[str, str]], Awaitable[None]]


def arrived(caller: str = "+8613800000000") -> CallArrived:
    """A fact to store."""
    return CallArrived(caller=caller, called="+861088880000", trunk="t1", gateway="g1", leg_id="L1")


def new(event_id: str, fact: Event, aggregate_id: str = "c1", tenant: str = "acme") -> NewEvent:
    """An event on its way."""
    return NewEvent(id=event_id, tenant=tenant, aggregate_id=aggregate_id, time=AT, event=fact, correlation_id=aggregate_id)


class Collector:
    """Keeps what a subscription hands over, and waits for it with a bound."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self._more = asyncio.Event()

    async def __call__(self, batch: list[Recorded]) -> None:
        self.take(batch)

    def take(self, batch: list[Recorded]) -> None:
        """The same for `follow`."""
        self.events += batch
        self._more.set()

    @property
    def ids(self) -> list[str]:
        """Event ids in the order of arrival."""
        return [recorded.id for recorded in self.events]

    async def until(self, count: int, within_s: float = WITHIN_S) -> list[str]:
        """The ids once there are `count` of them. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while len(self.events) < count:
                self._more.clear()
                await self._more.wait()
        return self.ids


FOLLOW = None
WAYS = (0.0, 0.02, FOLLOW)
"""How the log can be read: by `subscribe` with this rest, or by `follow`."""


async def reading(
    store: EventStore, after: int, got: Collector, way: float | None, filters: Sequence[str] = (ALL_EVENTS,)
) -> Subscription:
    """Have `got` read what the filters want behind `after`."""
    if way is FOLLOW:
        return await store.follow(filters, after, got.take)
    return await store.subscribe(filters, after, got, rest_s=way)


class StoreContract:
    """Fixtures to give: `store` (empty) and `inject` (puts a raw message into the log, as a foreign publisher could)."""

    async def test_an_event_comes_back_as_it_was_appended(self, store: EventStore) -> None:
        fact = arrived("+8613912345678")
        event = NewEvent(
            id="e1", tenant="acme", aggregate_id="c1", time=AT, event=fact, correlation_id="c1", causation_id="cmd-9"
        )
        seq = await store.append("call", "c1", "acme", [event], 0)
        (recorded,) = await store.read("acme", "call", "c1")
        assert (recorded.seq, recorded.id, recorded.time, recorded.event) == (seq, "e1", AT, fact)
        assert (recorded.tenant, recorded.aggregate, recorded.aggregate_id) == ("acme", "call", "c1")
        assert (recorded.correlation_id, recorded.causation_id) == ("c1", "cmd-9")
        assert recorded.trace.startswith("00-")
        assert await store.last_seq() == seq

    async def test_read_keeps_to_its_aggregate(self, store: EventStore) -> None:
        await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
        await store.append("call", "c10", "acme", [new("e2", arrived(), "c10")], 0)
        await store.append("call", "c1", "other", [new("e3", arrived(), tenant="other")], 0)
        await store.append("agent", "c1", "acme", [new("e4", AgentSignedIn(terminal="x", actor="a"))], 0)
        assert [r.id for r in await store.read("acme", "call", "c1")] == ["e1"]
        assert await store.read("acme", "call", "none") == []

    async def test_long_aggregates_are_read_whole(self, store: EventStore) -> None:
        last = 0
        for i in range(600):
            last = await store.append("call", "c1", "acme", [new(f"e{i}", DigitReceived(digit="1", leg_id="L"))], last)
        assert [r.id for r in await store.read("acme", "call", "c1")] == [f"e{i}" for i in range(600)]

    async def test_a_version_that_has_moved_on_is_a_conflict(self, store: EventStore) -> None:
        first = await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
        # the next event has another subject: the check must hold for the aggregate, not for the subject
        second = await store.append("call", "c1", "acme", [new("e2", CallAnswered())], first)
        for stale in (0, first, second + 5):
            with pytest.raises(VersionConflict):
                await store.append("call", "c1", "acme", [new(f"x{stale}", DigitReceived(digit="1", leg_id="L"))], stale)
        assert [r.id for r in await store.read("acme", "call", "c1")] == ["e1", "e2"]

    async def test_no_expected_version_is_no_check(self, store: EventStore) -> None:
        await store.append("call", "c1", "acme", [new("e1", arrived())], None)
        await store.append("call", "c1", "acme", [new("e2", CallAnswered())], None)
        assert [r.id for r in await store.read("acme", "call", "c1")] == ["e1", "e2"]

    @pytest.mark.parametrize("expected", [0, None])
    @pytest.mark.parametrize("count", [1, 3])
    async def test_the_same_append_twice_stores_once(self, store: EventStore, expected: int | None, count: int) -> None:
        events = [new(f"e{i}", DigitReceived(digit="1", leg_id="L")) for i in range(count)]
        seq = await store.append("call", "c1", "acme", events, expected)
        assert await store.append("call", "c1", "acme", events, expected) == seq
        assert len(await store.read("acme", "call", "c1")) == count

    async def test_a_repeat_is_known_even_when_the_aggregate_has_moved_on(self, store: EventStore) -> None:
        seq = await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
        await store.append("call", "c1", "acme", [new("e2", CallAnswered())], seq)
        assert await store.append("call", "c1", "acme", [new("e1", arrived())], 0) == seq

    async def test_of_two_racing_appends_one_wins(self, store: EventStore) -> None:
        seq = await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
        racers = [store.append("call", "c1", "acme", [new(f"r{i}", CallAnswered())], seq) for i in range(10)]
        results = await asyncio.gather(*racers, return_exceptions=True)
        assert sum(isinstance(result, int) for result in results) == 1
        assert sum(isinstance(result, VersionConflict) for result in results) == 9
        assert len(await store.read("acme", "call", "c1")) == 2

    async def test_several_events_are_stored_together_or_not_at_all(self, store: EventStore) -> None:
        seq = await store.append("call", "c1", "acme", [new("e1", arrived()), new("e2", CallAnswered())], 0)
        assert await store.last_seq() == seq
        with pytest.raises(VersionConflict):
            await store.append("call", "c1", "acme", [new("e3", CallAnswered()), new("e4", CallAnswered())], 1000)
        stored = await store.read("acme", "call", "c1")
        assert [(r.id, r.seq) for r in stored] == [("e1", seq - 1), ("e2", seq)]

    async def test_several_aggregates_are_stored_together_or_not_at_all(self, store: EventStore) -> None:
        call = await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
        signed_in, out = AgentSignedIn(terminal="x", actor="a"), AgentSignedOut(actor="a")
        both = [
            Append("acme", "call", "c1", [new("e2", CallAnswered()), new("e3", DigitReceived(digit="1", leg_id="L"))], call),
            Append("acme", "agent", "7001", [new("a1", signed_in, "7001"), new("a2", out, "7001")], 0),
        ]
        last = await store.append_many(both)
        assert await store.append_many(both) == last, "a repeat is known"
        assert [r.id for r in await store.read("acme", "call", "c1")] == ["e1", "e2", "e3"]
        agent = await store.read("acme", "agent", "7001")
        assert [r.id for r in agent] == ["a1", "a2"]
        assert agent[-1].seq == last
        with pytest.raises(VersionConflict):
            await store.append_many(
                [
                    Append("acme", "call", "c1", [new("e4", CallAnswered())], last - 2),
                    Append("acme", "agent", "7001", [new("a3", out, "7001")], 1),
                ]
            )
        assert len(await store.read("acme", "call", "c1")) == 3

    async def test_an_append_that_makes_no_sense_is_refused(self, store: EventStore) -> None:
        with pytest.raises(StoreRefused, match="without events"):
            await store.append("call", "c1", "acme", [], 0)
        with pytest.raises(StoreRefused, match="c2"):
            await store.append("call", "c1", "acme", [new("e1", arrived(), "c2")], 0)
        with pytest.raises(ValueError, match="line break"):
            await store.append("call", "c1", "acme", [new("e1\r\nce-type: forged", arrived())], 0)
        assert await store.last_seq() == 0

    async def test_a_subscription_gets_what_was_and_what_comes(self, store: EventStore) -> None:
        await _append_calls(store, range(5))
        got = Collector()
        subscription = await store.subscribe([ALL_EVENTS], 0, got)
        assert await got.until(5) == [f"e{i}" for i in range(5)]
        async with asyncio.timeout(WITHIN_S):
            await subscription.caught_up.wait()
        await _append_calls(store, range(5, 8))
        assert await got.until(8) == [f"e{i}" for i in range(8)]
        await subscription.stop()
        assert subscription.position == got.events[-1].seq
        await _append_calls(store, range(8, 9))
        again = Collector()
        second = await store.subscribe([ALL_EVENTS], subscription.position, again)
        assert await again.until(1) == ["e8"]
        await second.stop()
        assert len(got.events) == 8, "a stopped subscription gets nothing more"

    async def test_who_rests_gets_larger_batches(self, store: EventStore) -> None:
        got, sizes = Collector(), list[int]()

        async def take(batch: list[Recorded]) -> None:
            sizes.append(len(batch))
            await got(batch)

        subscription = await store.subscribe([ALL_EVENTS], 0, take, rest_s=0.2)
        async with asyncio.timeout(WITHIN_S):
            await subscription.caught_up.wait()
        await _append_calls(store, range(40))
        assert await got.until(40) == [f"e{i}" for i in range(40)]
        await subscription.stop()
        assert len(sizes) <= 20

    async def test_an_empty_log_is_caught_up_at_once(self, store: EventStore) -> None:
        got = Collector()
        subscription = await store.subscribe([ALL_EVENTS], 0, got)
        async with asyncio.timeout(WITHIN_S):
            await subscription.caught_up.wait()
        assert (subscription.position, subscription.pending) == (0, 0)
        await subscription.stop()

    async def test_caught_up_waits_for_the_batch_to_be_finished(self, store: EventStore) -> None:
        await _append_calls(store, range(3))
        gate = asyncio.Event()
        entered = asyncio.Event()

        async def slow(_: list[Recorded]) -> None:
            entered.set()
            await gate.wait()

        subscription = await store.subscribe([ALL_EVENTS], 0, slow)
        async with asyncio.timeout(WITHIN_S):
            await entered.wait()
            assert not subscription.caught_up.is_set()
            gate.set()
            await subscription.caught_up.wait()
        await subscription.stop()

    @pytest.mark.parametrize("way", WAYS)
    async def test_subscriptions_from_any_position_while_appends_go_on(self, store: EventStore, way: float | None) -> None:
        total = 2500
        writer = asyncio.create_task(_append_calls(store, range(total), window=64))
        collectors, subscriptions = [], []
        for _ in range(4):
            got = Collector()
            start = await store.last_seq()
            subscriptions.append(await reading(store, start, got, way))
            collectors.append((start, got))
            await asyncio.sleep(0.02)
        await writer
        log = Collector()
        subscriptions.append(await reading(store, 0, log, way))
        everything = await log.until(total)
        assert [r.seq for r in log.events] == list(range(1, total + 1))
        for start, got in collectors:
            assert await got.until(total - start) == everything[start:]
        for subscription in subscriptions:
            await subscription.stop()

    async def test_filters_choose(self, store: EventStore) -> None:
        await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
        await store.append("agent", "7", "acme", [new("a1", AgentSignedIn(terminal="x", actor="a"), "7")], 0)
        await store.append("call", "c1", "acme", [new("e2", CallAnswered())], None)
        await store.append("call", "c2", "other", [new("o1", arrived(), "c2", "other")], 0)
        for filters, wanted in (
            ([events_of("call")], ["e1", "e2", "o1"]),
            ([events_of("call", "answered")], ["e2"]),
            ([events_of("agent"), events_of("call", "arrived", "other")], ["a1", "o1"]),
            ([events_of("queue")], []),
        ):
            got = Collector()
            subscription = await store.subscribe(filters, 0, got)
            async with asyncio.timeout(WITHIN_S):
                await subscription.caught_up.wait()
            assert got.ids == wanted
            assert subscription.pending == 0
            await subscription.stop()

    async def test_a_batch_that_was_not_taken_comes_again(self, store: EventStore) -> None:
        await _append_calls(store, range(3))
        got = Collector()
        failures = [RuntimeError("database is away")]

        async def flaky(batch: list[Recorded]) -> None:
            if failures:
                raise failures.pop()
            await got(batch)

        subscription = await store.subscribe([ALL_EVENTS], 0, flaky)
        assert await got.until(3) == ["e0", "e1", "e2"]
        await subscription.stop()

    async def test_what_was_not_folded_comes_again_with_what_has_come_meanwhile(self, store: EventStore) -> None:
        await _append_calls(store, range(3))
        got, failed = Collector(), asyncio.Event()

        def flaky(batch: list[Recorded]) -> None:
            if not failed.is_set():
                failed.set()
                raise RuntimeError("a fault")
            got.take(batch)

        subscription = await store.follow([ALL_EVENTS], 0, flaky)
        async with asyncio.timeout(WITHIN_S):
            await failed.wait()
        await _append_calls(store, range(3, 6))
        assert await got.until(6) == [f"e{i}" for i in range(6)]
        await subscription.stop()
        assert subscription.position == got.events[-1].seq

    async def test_poison_does_not_stop_the_rest(self, store: EventStore, inject: InjectRaw) -> None:
        await _append_calls(store, range(1))
        good = {"ce-id": "p", "ce-type": "call.answered.v1", "ce-time": "2026-01-01T00:00:00.000Z"}
        for subject, payload, headers in (
            ("cs.acme.call.p1.answered", b"{}", {}),
            ("cs.acme.call.p1.answered", b"{}", {**good, "ce-time": "yesterday"}),
            ("cs.acme.call.p1.answered", b"{}", {**good, "ce-type": "call.unheard-of.v1"}),
            ("cs.acme.call.p1.arrived", b'{"caller": 5}', {**good, "ce-type": "call.arrived.v1"}),
            ("cs.acme.call.p1.answered", b"\xff\xfe", good),
            ("cs.acme", b"{}", good),
        ):
            await inject(subject, payload, headers)
        await _append_calls(store, range(1, 2))
        got = Collector()
        subscription = await store.subscribe([ALL_EVENTS], 0, got)
        assert await got.until(2) == ["e0", "e1"]
        assert await self.dead_letters(store, 6) == 6
        await subscription.stop()

    async def dead_letters(self, store: EventStore, count: int) -> int:
        """How many dead letters there are, waiting with a bound for `count`."""
        raise NotImplementedError


async def _append_calls(store: EventStore, numbers: Sequence[int], window: int = 1) -> None:
    room = asyncio.Semaphore(window)

    async def one(i: int) -> None:
        async with room:
            await store.append("call", f"c{i}", "acme", [new(f"e{i}", arrived(), f"c{i}")], 0)

    await asyncio.gather(*[one(i) for i in numbers])
