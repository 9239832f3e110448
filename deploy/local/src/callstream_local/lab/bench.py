"""How fast the lab is: `run()` simulates a day of 100,000 calls and tells the calls a second, on one core."""

import gc
import time
from datetime import UTC, datetime

from callstream_local.lab.generate import generated, generated_policy, read_plan
from callstream_local.lab.measure import measure, read_service_level
from callstream_local.lab.simulate import simulate

DAY = "calls={calls},agents=300,groups=10,skills=3,missed=0.02"
"""At about 80 % occupancy, with a morning in which callers wait and give up."""


def run(calls: int = 100_000) -> dict[str, float]:
    """`simulated_calls_per_s`: CPU time from the finished workload to the finished figures. Fewer calls, fewer agents."""
    plan = read_plan(DAY.format(calls=calls).replace("agents=300", f"agents={max(3, 300 * calls // 100_000)}"))
    workload, policy = generated(plan, datetime(2026, 1, 5, tzinfo=UTC), 1, 0), generated_policy(plan)
    gc.collect()
    began = time.process_time()
    figures = measure(simulate(workload, policy), read_service_level("80/20"))
    took = time.process_time() - began
    if figures.answered + figures.abandoned != figures.requests:
        raise RuntimeError(f"of {figures.requests} calls not all had an end: {figures}")
    return {"simulated_calls_per_s": round(figures.requests / took, 1)}
