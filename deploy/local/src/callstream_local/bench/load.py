"""CPU of a call: 60 calls a second through ivr, queue and agents' phones, without audio.

Counted are all processes of the copy, the broker and the database with their children included, from the first call until
SETTLE_S after the last one, when wrap-up, records and recordings of all calls are done. The generator is not counted.
"""

import asyncio
from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import Outcome, PlaceCalls
from callstream_local.bench.figures import p50_p99, rounded
from callstream_local.bench.house import House
from callstream_local.bench.part import Say
from callstream_local.bench.processes import cpu_seconds, used_between
from callstream_local.embedded.nats import Durability

AGENTS = 100
RATE = 60.0
SECONDS = 20.0
SECONDS_FAST = 8.0
WARM_UP = PlaceCalls(rate=20, seconds=2)
SETTLE_S = 2.0
ENCODER = {"media-gateway": "recording-encoder"}
"""The gateway's child processes; their work is not signalling."""


async def measure(say: Say) -> dict[str, Any]:
    """With every write of the event log and the database on disk (the default), and once more without waiting for it."""
    outcome, used = await _run("safe", SECONDS, say)
    by_process = {name: rounded(seconds / outcome.completed * 1000) for name, seconds in used.items()}
    fast, used_fast = await _run("fast", SECONDS_FAST, say)
    return {
        "gateway_cpu_ms_per_call": by_process["media-gateway"],
        "system_cpu_ms_per_call": rounded(sum(used.values()) / outcome.completed * 1000),
        "system_cpu_ms_by_process": by_process,
        "system_cpu_ms_per_call_fast": rounded(sum(used_fast.values()) / fast.completed * 1000),
        "load_answer_ms": p50_p99(outcome.answer_ms),
        "load_whole_ms": p50_p99(outcome.whole_ms),
        "load_generator_cpu_ms_per_call": rounded(outcome.cpu_s / outcome.completed * 1000),
    }


async def _run(durability: Durability, seconds: float, say: Say) -> tuple[Outcome, dict[str, float]]:
    """What became of the calls, and processor seconds by process. Raises CannotMeasure when a call did not complete."""
    say(f"starting ({durability})")
    async with House(AGENTS, durability=durability) as house:
        await house.open()
        warm = await house.crowd.ask(WARM_UP)
        await asyncio.sleep(SETTLE_S)
        say(f"{RATE:.0f} calls/s for {seconds:.0f} s ({durability})")
        pids = house.stack.pids()
        before = cpu_seconds(pids, ENCODER)
        outcome = await house.crowd.ask(PlaceCalls(rate=RATE, seconds=seconds))
        await asyncio.sleep(SETTLE_S)
        used = used_between(before, cpu_seconds(pids, ENCODER))
        if not outcome.clean or not outcome.completed:
            raise CannotMeasure(f"{outcome.completed} of {outcome.placed} calls completed: {outcome.failed}")
        if house.stack.pids() != pids:
            raise CannotMeasure(f"a service was restarted: {house.stack.restarts()}")
        wanted = warm.completed + outcome.completed
        answered = await house.answered_records(wanted)
        if answered != wanted:
            raise CannotMeasure(f"{wanted} calls were answered, {answered} service records say so")
    return outcome, used
