import asyncio
import random

import pytest
from nats.aio.client import Client

from callstream.contracts.agent_events import AgentSignedIn
from callstream.contracts.call_events import CallAnswered
from callstream.contracts.envelope import Recorded
from callstream.contracts.subjects import ALL_EVENTS, DEAD_LETTER_STREAM, EVENTS_STREAM, event_subject, events_of
from callstream.runtime.event_store import Append, EventStore, StoreRefused, StoreUnavailable, VersionConflict
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.link import Answer, Link, NoAnswer, OnAnswer
from callstream.runtime.pull_reader import BATCH, ROOM, PullReader
from callstream.testing.store_contract import WAYS, Collector, InjectRaw, StoreContract, arrived, new, reading

from .nats_server import Server


class TestJetStreamStore(StoreContract):
    @pytest.fixture
    def store(self, nc: Client) -> JetStreamStore:
        self.nc = nc
        return JetStreamStore(nc, "test")

    @pytest.fixture
    def inject(self, nc: Client) -> InjectRaw:
        async def put(subject: str, payload: bytes, headers: dict[str, str]) -> None:
            await nc.jetstream().publish(subject, payload, headers=headers or None)

        return put

    async def dead_letters(self, store: EventStore, count: int) -> int:
        async with asyncio.timeout(5):
            while True:
                info = await self.nc.jetstream().stream_info(DEAD_LETTER_STREAM)
                if info.state.messages >= count:
                    return info.state.messages
                await asyncio.sleep(0.02)


@pytest.fixture
def store(nc: Client) -> JetStreamStore:
    return JetStreamStore(nc, "test")


def lose_acks(monkeypatch: pytest.MonkeyPatch, nc: Client, count: int) -> list[str]:
    """The next `count` acknowledgements arrive, and are thrown away: what was sent is stored."""
    link, ask, lost = Link.of(nc), Link.of(nc).ask, list[str]()

    def losing(subject: str, payload: bytes, within_s: float, headers: bytes, on_answer: OnAnswer) -> None:
        def pass_on(answer: Answer | Exception) -> None:
            if isinstance(answer, Exception) or len(lost) >= count:
                on_answer(answer)
            else:
                lost.append(answer[0].decode())
                on_answer(NoAnswer("lost"))

        ask(subject, payload, within_s, headers, pass_on)

    monkeypatch.setattr(link, "ask", losing)
    return lost


async def test_an_append_that_nobody_waits_for_is_not_tried_again(server: Server, nc: Client, store: JetStreamStore) -> None:
    """An offer that is late must not be made: its reservation may be over (routing's OFFER_S)."""
    await server.kill()
    async with asyncio.timeout(10):
        while nc.is_connected:
            await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await store.append("call", "c1", "acme", [new("late", CallAnswered())], 0)
    await server.start()
    async with asyncio.timeout(10):
        while not nc.is_connected:
            await asyncio.sleep(0.01)
        while store._background:
            await asyncio.sleep(0.01)
    assert await store.read("acme", "call", "c1") == []


@pytest.mark.parametrize("expected", [0, None])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("losses", [1, 2])
async def test_a_lost_acknowledgement_stores_once(
    nc: Client, store: JetStreamStore, monkeypatch: pytest.MonkeyPatch, expected: int | None, count: int, losses: int
) -> None:
    lost = lose_acks(monkeypatch, nc, losses)
    events = [new(f"e{i}", CallAnswered()) for i in range(count)]
    seq = await store.append("call", "c1", "acme", events, expected)
    assert len(lost) == losses
    stored = await store.read("acme", "call", "c1")
    assert [recorded.id for recorded in stored] == [f"e{i}" for i in range(count)]
    assert seq == stored[-1].seq


async def test_a_lost_acknowledgement_over_several_aggregates_stores_once(
    nc: Client, store: JetStreamStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_acks(monkeypatch, nc, 1)
    signed_in = AgentSignedIn(terminal="x", actor="a")
    last = await store.append_many(
        [
            Append("acme", "call", "c1", [new("e1", arrived()), new("e2", CallAnswered())], 0),
            Append("acme", "agent", "7001", [new("a1", signed_in, "7001")], 0),
        ]
    )
    assert last == 3 == await store.last_seq()


async def test_a_lost_acknowledgement_is_not_mistaken_for_anothers_event(
    nc: Client, store: JetStreamStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
    await store.append("call", "c1", "acme", [new("rival", CallAnswered())], first)
    lose_acks(monkeypatch, nc, 1)
    with pytest.raises(VersionConflict):
        await store.append("call", "c1", "acme", [new("mine", CallAnswered())], first)


async def test_half_known_ids_are_refused(store: JetStreamStore) -> None:
    await store.append("call", "c1", "acme", [new("e1", CallAnswered())], None)
    with pytest.raises(StoreRefused, match="others are not"):
        await store.append("call", "c1", "acme", [new("e1", CallAnswered()), new("e2", CallAnswered())], None)


async def test_many_batches_at_once_all_get_in(store: JetStreamStore) -> None:
    """More than the broker bears at a time (50)."""

    async def one(i: int) -> int:
        events = [new(f"e{i}-{k}", CallAnswered(), f"c{i}") for k in range(2)]
        return await store.append("call", f"c{i}", "acme", events, 0)

    assert sorted(await asyncio.gather(*[one(i) for i in range(80)])) == list(range(2, 162, 2))


async def test_an_event_too_large_is_refused(nc: Client, store: JetStreamStore) -> None:
    with pytest.raises(StoreRefused, match="larger"):
        await store.append("call", "c1", "acme", [new("e1", arrived("1" * nc.max_payload))], 0)


async def test_a_broker_that_is_away_is_told_within_the_deadline(server: Server, nc: Client) -> None:
    store = JetStreamStore(nc, "test", try_s=0.1, deadline_s=0.4)
    await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
    await server.kill()
    with pytest.raises(StoreUnavailable):
        await store.append("call", "c1", "acme", [new("e2", CallAnswered())], 1)
    with pytest.raises(StoreUnavailable):
        await store.read("acme", "call", "c1")
    with pytest.raises(StoreUnavailable):
        await store.last_seq()


async def test_kill_9_of_the_broker_loses_and_doubles_nothing(server: Server, nc: Client) -> None:
    """Writers and followers go on through three kills; what was acknowledged is there once, in one order for all."""
    store = JetStreamStore(nc, "test", try_s=0.3, deadline_s=20)
    followers = [Collector() for _ in WAYS]
    subscriptions = [await reading(store, 0, got, way) for got, way in zip(followers, WAYS, strict=True)]
    acknowledged: dict[str, int] = {}
    writers = 8
    done = asyncio.Event()

    async def write(writer: int) -> None:
        last, i = 0, 0
        while not done.is_set():
            batch = [new(f"w{writer}-{i}-{k}", CallAnswered(), f"c{writer}") for k in range(1 + i % 2)]
            last = await store.append("call", f"c{writer}", "acme", batch, last)
            acknowledged.update({event.id: last - len(batch) + 1 + k for k, event in enumerate(batch)})
            i += 1

    tasks = [asyncio.create_task(write(writer)) for writer in range(writers)]
    rng = random.Random(7)
    for _ in range(3):
        await followers[0].until(len(followers[0].events) + rng.randint(100, 300))
        await server.kill()
        await server.start()
    await followers[0].until(len(followers[0].events) + 100)
    done.set()
    await asyncio.gather(*tasks)
    total = await store.last_seq()
    for got in followers:
        await got.until(total)
        assert [recorded.seq for recorded in got.events] == list(range(1, total + 1))
    assert {recorded.id: recorded.seq for recorded in followers[0].events} == acknowledged
    for subscription in subscriptions:
        await subscription.stop()


@pytest.mark.parametrize("way", WAYS)
async def test_a_deleted_consumer_is_made_anew(nc: Client, store: JetStreamStore, way: float | None) -> None:
    got = Collector()
    subscription = await reading(store, 0, got, way)
    await store.append("call", "c1", "acme", [new("e1", arrived())], 0)
    await got.until(1)
    for consumer in await nc.jetstream().consumers_info(EVENTS_STREAM):
        await nc.jetstream().delete_consumer(EVENTS_STREAM, consumer.name)
    await store.append("call", "c1", "acme", [new("e2", CallAnswered())], 1)
    assert await got.until(2) == ["e1", "e2"]
    assert isinstance(subscription, PullReader)
    assert subscription.restarts == 1
    await subscription.stop()


@pytest.mark.parametrize("way", WAYS)
async def test_a_gap_in_the_delivery_is_filled(nc: Client, store: JetStreamStore, way: float | None) -> None:
    for i in range(20):
        await store.append("call", f"c{i}", "acme", [new(f"e{i}", arrived(), f"c{i}")], 0)
    got = Collector()
    subscription = await reading(store, 0, got, way)
    assert isinstance(subscription, PullReader)
    await got.until(20)
    receive = subscription._receive
    sid = next(sid for sid, handler in Link.of(nc)._handlers.items() if handler == receive)
    dropped = 0

    def lossy(subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        nonlocal dropped
        if payload and dropped == 0 and b"e22" in (headers or b""):
            dropped += 1
            return
        receive(subject, reply, payload, headers)

    Link.of(nc)._handlers[sid] = lossy
    for i in range(20, 25):
        await store.append("call", f"c{i}", "acme", [new(f"e{i}", arrived(), f"c{i}")], 0)
    assert await got.until(25) == [f"e{i}" for i in range(25)]
    assert dropped == 1
    await subscription.stop()


async def test_a_slow_reader_holds_back_the_broker_not_its_memory(store: JetStreamStore) -> None:
    total = 3 * ROOM
    window = asyncio.Semaphore(100)

    async def one(i: int) -> None:
        async with window:
            await store.append("call", f"c{i}", "acme", [new(f"e{i}", CallAnswered(), f"c{i}")], 0)

    await asyncio.gather(*[one(i) for i in range(total)])
    got, most = Collector(), 0
    gate = asyncio.Semaphore(0)

    async def slow(batch: list[Recorded]) -> None:
        nonlocal most
        async with asyncio.timeout(10):
            await gate.acquire()
        assert isinstance(subscription, PullReader)
        most = max(most, len(subscription._buffer) + len(batch))
        await got(batch)
        gate_open.release()

    gate_open = asyncio.Semaphore(1)
    subscription = await store.subscribe([ALL_EVENTS], 0, slow)
    async with asyncio.timeout(20):
        while len(got.events) < total:
            await gate_open.acquire()
            await store.last_seq()  # a round trip: what the broker may send has come
            gate.release()
    assert most <= ROOM + BATCH
    assert [recorded.seq for recorded in got.events] == list(range(1, total + 1))
    await subscription.stop()


async def test_a_stopped_subscription_leaves_nothing_behind(nc: Client, store: JetStreamStore) -> None:
    subscription = await store.subscribe([ALL_EVENTS], 0, Collector())
    async with asyncio.timeout(5):
        await subscription.caught_up.wait()
    await subscription.stop()
    async with asyncio.timeout(5):
        while await nc.jetstream().consumers_info(EVENTS_STREAM):
            await asyncio.sleep(0.02)
    assert not [h for h in Link.of(nc)._handlers.values() if getattr(h, "__self__", None) is subscription]


async def test_many_that_a_follower_does_not_want_hold_up_nobody(nc: Client, store: JetStreamStore) -> None:
    """More than are ever asked for ahead, before and after those that are wanted; and the broker is not asked to choose."""
    wanted = [events_of("call", "answered", "acme")]

    async def others() -> None:
        for number in range(2 * ROOM - 2):
            await nc.publish(event_subject("acme", "call", f"c{number}", "ringing"), b"{}")
        await nc.publish("cs.odd", b"")
        await nc.publish("cs.acme.call.c1.answered.twice", b"")
        await nc.flush()

    await others()
    await store.append("call", "c1", "acme", [new("e1", CallAnswered())], None)
    await others()
    async with asyncio.timeout(10):
        while await store.last_seq() < 4 * ROOM + 1:
            await asyncio.sleep(0.02)
    for way in WAYS:
        got = Collector()
        subscription = await reading(store, 0, got, way, wanted)
        async with asyncio.timeout(10):
            await subscription.caught_up.wait()
        assert got.ids == ["e1"]
        assert subscription.pending == 0
        (consumer,) = await nc.jetstream().consumers_info(EVENTS_STREAM)
        assert not consumer.config.filter_subject
        assert not consumer.config.filter_subjects
        live = await store.append("call", "c2", "acme", [new(f"live-{way}", CallAnswered(), "c2")], None)
        assert await got.until(2) == ["e1", f"live-{way}"]
        assert subscription.position == live
        await subscription.stop()
        await nc.jetstream().purge_stream(EVENTS_STREAM, subject=event_subject("acme", "call", "c2", "answered"))
        async with asyncio.timeout(5):
            while await nc.jetstream().consumers_info(EVENTS_STREAM):
                await asyncio.sleep(0.02)
