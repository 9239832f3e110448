"""How many calls a second: the rate is raised until a call fails or the system does not keep up."""

import asyncio
from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import Outcome, PlaceCalls
from callstream_local.bench.figures import p50_p99
from callstream_local.bench.house import TALK_S, House
from callstream_local.bench.load import WARM_UP
from callstream_local.bench.part import Say

RATES = (40, 60, 80, 100, 120, 140, 160, 180, 200)
STEP_S = 5.0
PAUSE_S = 2.0
"""Wrap-up of the last calls."""
KEPT_UP_MS = 1000.0
"""A system that keeps up brings nearly all (p99) calls through within this time, talk apart; one that does not has a line
that grows."""
AGENTS = 320
"""Enough for the highest rate: each call takes an agent for talk, wrap-up and the way there."""


async def measure(say: Say) -> dict[str, Any]:
    """The highest rate at which every call completed and the system kept up."""
    clean = 0
    steps = []
    async with House(AGENTS) as house:
        say("starting")
        await house.open()
        await house.crowd.ask(WARM_UP)
        for rate in RATES:
            await asyncio.sleep(PAUSE_S)
            say(f"{rate} calls/s")
            outcome = await house.crowd.ask(PlaceCalls(rate=rate, seconds=STEP_S))
            steps.append({"rate": rate, "completed": outcome.completed, "placed": outcome.placed, "whole_ms": _whole(outcome)})
            if not _kept_up(outcome):
                break
            clean = rate
    if not clean:
        raise CannotMeasure(f"already {RATES[0]} calls/s are too many: {steps[0]}, {outcome.failed}")
    return {"calls_per_s_clean": clean, "ramp": steps}


def _kept_up(outcome: Outcome) -> bool:
    whole = _whole(outcome)
    return outcome.clean and whole is not None and whole["p99"] - TALK_S * 1000 <= KEPT_UP_MS


def _whole(outcome: Outcome) -> dict[str, float] | None:
    return p50_p99(outcome.whole_ms) if outcome.whole_ms else None
