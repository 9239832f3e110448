"""What a decision costs in a large house, and how that grows with the number who wait; see callstream_routing.bench."""

from typing import Any

from callstream_local.bench.figures import p50_p99
from callstream_local.bench.part import Say, apart
from callstream_routing.bench import AGENTS, GROUPS, GROWTH, WAITING, decision_growth, decisions_large

DECISIONS = 10_000


async def measure(say: Say) -> dict[str, Any]:
    """Keys `decision_us_large` {p50, p99}, and `decision_growth`: (waiting, median microseconds)."""
    say(f"{DECISIONS} decisions, {AGENTS} agents in {GROUPS} groups, {WAITING} waiting")
    large = p50_p99(await apart(decisions_large, DECISIONS))
    say(f"the same with {', '.join(map(str, GROWTH))} waiting")
    return {"decision_us_large": large, "decision_growth": await apart(decision_growth, DECISIONS)}
