"""How fast the what-if lab is: a day of 100,000 calls, 300 agents and 10 groups against routing's real domain, on one core."""

import gc
import time
from datetime import UTC, datetime
from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.part import Say, apart
from callstream_local.lab.generate import Plan, generated, generated_policy
from callstream_local.lab.measure import measure as figures_of
from callstream_local.lab.measure import read_service_level
from callstream_local.lab.simulate import simulate

CALLS, AGENTS = 100_000, 300


async def measure(say: Say) -> dict[str, Any]:
    """See the module's docstring."""
    say(f"a day of {CALLS} calls, {AGENTS} agents")
    return {"simulated_calls_per_s": round(await apart(simulated_calls_per_s, CALLS, AGENTS), 1)}


def simulated_calls_per_s(calls: int, agents: int) -> float:
    """CPU time from the drawn day to its figures. At about 80 % occupancy; in the busy hours callers wait and give up."""
    plan = Plan(calls=calls, agents=agents, groups=10, skills=3, missed=0.02)
    workload, policy = generated(plan, datetime(2026, 1, 5, tzinfo=UTC), 1, 0), generated_policy(plan)
    gc.collect()
    began = time.process_time()
    figures = figures_of(simulate(workload, policy), read_service_level("80/20"))
    took = time.process_time() - began
    if figures.answered + figures.abandoned != figures.requests:
        raise CannotMeasure(f"of {figures.requests} calls not all had an end: {figures}")
    return figures.requests / took
