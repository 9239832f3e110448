"""What the event store costs, as numbers: `make bench` and shared/tests read them.

Run by hand on a server with declared streams: `python -m callstream.testing.bench_store nats://127.0.0.1:4222`.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import uvloop
from nats.aio.client import Client

from callstream.contracts.call_events import CallArrived
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.contracts.subjects import ALL_EVENTS, event_subject
from callstream.runtime.connect import connect
from callstream.runtime.jetstream_store import JetStreamStore

WINDOW = 512
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_FACT = CallArrived(
    caller="+8613800000000",
    called="+861088880000",
    trunk="trunk-1",
    gateway="media-gateway-1",
    leg_id="01J00000000000000000000000",
    sip_call_id="a84b4c76e66710@pc33.example.com",
)


class AppendRates(msgspec.Struct, frozen=True, kw_only=True):
    """Events a second, one publisher, `window` appends under way."""

    window: int
    raw_per_s: float
    """nats-py's js.publish with the same bodies and no headers of ours."""
    append_per_s: float
    """EventStore.append, each event to a new aggregate at expected version 0."""

    @property
    def ratio(self) -> float:
        """Ours / raw."""
        return self.append_per_s / self.raw_per_s


class SubscribeRate(msgspec.Struct, frozen=True, kw_only=True):
    """Events a second through subscribe, decoded."""

    events: int
    per_s: float
    cpu_us: float
    """Processor time of the reading process for each event."""


async def append_ratio(url: str, *, user: str = "", password: str = "", events: int = 20_000, rounds: int = 3) -> AppendRates:
    """Best of `rounds`, raw and ours in turns so that both meet the same machine."""
    nc = await connect(url, name="bench", user=user, password=password)
    js = nc.jetstream()
    store = JetStreamStore(nc, "bench")
    body = msgspec.json.encode(_FACT)
    raw, ours = 0.0, 0.0
    for round_number in range(rounds):
        run = f"{nc._nuid.next().decode()}{round_number}"

        async def publish(i: int, run: str = run) -> None:
            await js.publish(event_subject("bench", "raw", f"{run}r{i}", "arrived"), body)

        async def append(i: int, run: str = run) -> None:
            call_id = f"{run}-{i}"
            event = NewEvent(id=call_id, tenant="bench", aggregate_id=call_id, time=_AT, event=_FACT, correlation_id=call_id)
            await store.append("call", call_id, "bench", (event,), 0)

        raw = max(raw, await _rate(publish, events))
        ours = max(ours, await _rate(append, events))
    await nc.close()
    return AppendRates(window=WINDOW, raw_per_s=raw, append_per_s=ours)


async def subscribe_rate(url: str, *, user: str = "", password: str = "", events: int = 100_000) -> SubscribeRate:
    """Reads the stream's newest `events` events (append some first); those that are unreadable are not counted."""
    nc = await connect(url, name="bench", user=user, password=password)
    store = JetStreamStore(nc, "bench")
    after = max(0, await store.last_seq() - events)
    count = 0

    async def take(batch: list[Recorded]) -> None:
        nonlocal count
        count += len(batch)

    began, cpu = time.perf_counter(), time.process_time()
    subscription = await store.subscribe([ALL_EVENTS.replace(">", "*.call.>")], after, take)
    await subscription.caught_up.wait()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    await subscription.stop()
    await nc.close()
    return SubscribeRate(events=count, per_s=count / took, cpu_us=used / max(1, count) * 1e6)


async def _rate(one: Callable[[int], Awaitable[None]], count: int) -> float:
    """Calls a second with WINDOW workers."""
    numbers = iter(range(count))

    async def work() -> None:
        for i in numbers:
            await one(i)

    began = time.perf_counter()
    await asyncio.gather(*[work() for _ in range(WINDOW)])
    return count / (time.perf_counter() - began)


async def _main(url: str) -> None:
    from callstream.runtime.streams import declare

    nc: Client = await connect(url, name="bench")
    await declare(nc)
    await nc.close()
    rates = await append_ratio(url)
    sys.stdout.write(f"{rates} ratio {rates.ratio:.2f}\n{await subscribe_rate(url)}\n")


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
