"""What a call costs in memory while it goes on, and whether anything stays of it afterwards.

Counted is what the gateway's two processes, signalling and media worker, have allocated and touched; not the pages of their
libraries. The calls are bridged and recorded, without RTP; 1 kB is 1,000 bytes.
"""

import asyncio
from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import Outcome, PlaceCalls
from callstream_local.bench.figures import rounded
from callstream_local.bench.house import House
from callstream_local.bench.part import Say
from callstream_local.bench.processes import memory
from callstream_local.embedded.nats import Durability

GATEWAY = ("media-gateway", "media-worker")
AGENTS = 150
TALK_S = 15.0
"""Less than the silence that ends a call without RTP."""
RATE = 30.0
MARGIN_S = 3.0
"""After the last INVITE: by then it is in talk."""
SETTLE_S = 3.0

MANY = 20_000
MANY_RATE = 60.0
MANY_AGENTS = 100
FIRST = 10_000
"""What caches, pools and the allocator want to keep is there by then."""


async def of_a_call(say: Say) -> dict[str, Any]:
    """150 calls in talk at once, against none."""
    say("starting")
    async with House(AGENTS, talk_s=TALK_S) as house:
        await house.open()
        say("a few calls before")
        await _place(house, PlaceCalls(rate=RATE, seconds=1))
        await asyncio.sleep(SETTLE_S)
        before = _gateway_kb(house)
        say(f"{AGENTS} calls in talk")
        calls = asyncio.create_task(_place(house, PlaceCalls(rate=RATE, seconds=AGENTS / RATE)))
        await asyncio.sleep(AGENTS / RATE + MARGIN_S)
        during = _gateway_kb(house)
        outcome = await calls
    return {"rss_kb_per_call": rounded((during - before) / outcome.completed)}


async def over_many(say: Say) -> dict[str, Any]:
    """What 10,000 calls leave behind, after 10,000 before them."""
    say("starting")
    durability: Durability = "fast"
    async with House(MANY_AGENTS, durability=durability) as house:
        await house.open()
        say(f"the first {FIRST:,} calls")
        await _place(house, PlaceCalls(rate=MANY_RATE, seconds=FIRST / MANY_RATE))
        await asyncio.sleep(SETTLE_S)
        before = _gateway_kb(house)
        say(f"{MANY - FIRST:,} more")
        await _place(house, PlaceCalls(rate=MANY_RATE, seconds=(MANY - FIRST) / MANY_RATE))
        await asyncio.sleep(SETTLE_S)
        after = _gateway_kb(house)
    return {
        f"rss_gateway_mb_after_{FIRST}_calls": rounded(before / 1000),
        f"rss_gateway_mb_after_{MANY}_calls": rounded(after / 1000),
        "rss_growth_kb_per_1000_calls": rounded((after - before) / (MANY - FIRST) * 1000),
    }


async def _place(house: House, order: PlaceCalls) -> Outcome:
    outcome = await house.crowd.ask(order)
    if not outcome.clean:
        raise CannotMeasure(f"{outcome.completed} of {outcome.placed} calls completed: {outcome.failed}")
    return outcome


def _gateway_kb(house: House) -> float:
    pids = house.stack.pids()
    return sum(used.own_mb * 1000 for used in memory({name: pids[name] for name in GATEWAY}).values())
