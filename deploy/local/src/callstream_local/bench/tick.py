"""How long the media worker's 20 ms tick works with 500 bridged calls: every frame taken, mixed, encoded and sent."""

from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say, apart
from callstream_media_gateway.media import bench

CALLS = 500
SECONDS = 21.0
"""The worker tells of its last 1,000 ticks: all of them in this time."""


async def measure(say: Say) -> dict[str, Any]:
    """Key `tick_ms_500` {p50, p99}, milliseconds of work."""
    say(f"{CALLS} bridged calls")
    found = await apart(bench.run, CALLS, SECONDS)
    if found["packets_in_per_s"] < CALLS * 50:
        raise CannotMeasure(f"of {CALLS * 100} packets a second {found['packets_in_per_s']} arrived")
    return {"tick_ms_500": {"p50": rounded(found["tick_ms_p50"]), "p99": rounded(found["tick_ms_p99"])}}
