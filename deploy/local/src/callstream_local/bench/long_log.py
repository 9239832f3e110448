"""What it does to everybody else when a service begins to follow a log that has grown for weeks."""

import asyncio
import secrets
import time
from itertools import islice
from typing import Any

from callstream.contracts.call_events import CallAnswered
from callstream.contracts.envelope import NewEvent
from callstream.contracts.subjects import event_subject
from callstream.kernel.clock import SystemClock
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.streams import declare
from callstream_ivr.main import FOLLOWED
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.projection import story_of_calls
from callstream_local.bench.scratch import data_folder
from callstream_local.embedded.nats import EmbeddedNats

EVENTS = 300_000
"""Of 20,000 plain calls."""
UNDER_WAY = 2_000
STARTS = 3
BEFORE_S, WITHIN_S = 0.2, 30.0


async def measure(say: Say) -> dict[str, Any]:
    """Key `append_stall_ms`: the longest append while ivr's follower starts at the end of the log; the least of three starts."""
    with data_folder() as folder:
        async with EmbeddedNats(folder, durability="fast") as nats:
            client = await nats.connect()
            await declare(client)
            say(f"filling a log with {EVENTS:,} events")
            stream = client.jetstream(publish_async_max_pending=UNDER_WAY)
            for recorded in islice(story_of_calls(), EVENTS):
                subject = event_subject(recorded.tenant, recorded.aggregate, recorded.aggregate_id, recorded.event.NAME)
                await stream.publish_async(subject, b"{}")
            await stream.publish_async_completed()
            store = JetStreamStore(client, "bench")
            say("starting a follower beside appends")
            stalls = [await _stall_ms(store) for _ in range(STARTS)]
            await client.close()
    return {"append_stall_ms": rounded(min(stalls))}


async def _stall_ms(store: JetStreamStore) -> float:
    took, over = list[float](), asyncio.Event()
    appending = asyncio.create_task(_append(store, took, over))
    await asyncio.sleep(BEFORE_S)
    took.clear()
    following = await store.follow(FOLLOWED, await store.last_seq(), lambda _: None)
    async with asyncio.timeout(WITHIN_S):
        await following.caught_up.wait()
    await following.stop()
    over.set()
    await appending
    return max(took)


async def _append(store: JetStreamStore, took: list[float], over: asyncio.Event) -> None:
    clock, call_id = SystemClock(), secrets.token_hex(8)
    while not over.is_set():
        fact = NewEvent(id=secrets.token_hex(8), tenant="default", aggregate_id=call_id, time=clock.now(), event=CallAnswered())
        began = time.perf_counter()
        await store.append("call", call_id, "default", [fact], None)
        took.append((time.perf_counter() - began) * 1000)
