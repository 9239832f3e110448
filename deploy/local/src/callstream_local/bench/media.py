"""Two-leg G.711 calls that one core carries: the real media worker on one core, real RTP from another process."""

from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say, apart
from callstream_media_gateway.media import bench

CALLS = 250
RECORDED_CALLS = 200
SECONDS = 5.0


async def measure(say: Say) -> dict[str, Any]:
    """Bridged, and bridged and recorded. `…_late_frames`: frames that left late at this load."""
    say(f"{CALLS} bridged calls")
    bridged = await apart(bench.run, CALLS, SECONDS)
    say(f"{RECORDED_CALLS} recorded calls")
    recorded = await apart(bench.run, RECORDED_CALLS, SECONDS, recorded=True)
    if not bridged["packets_in_per_s"] or not recorded["packets_in_per_s"]:
        raise CannotMeasure("no audio arrived at the media worker")
    return {
        "media_calls_per_core": bridged["calls_per_core"],
        "media_recorded_calls_per_core": recorded["calls_per_core"],
        "media_cpu_pct_per_100_calls": rounded(bridged["cpu_percent_per_100_calls"]),
        "media_cpu_pct_per_100_calls_recorded": rounded(recorded["cpu_percent_per_100_calls"]),
        "media_late_frames": bridged["late_frames"],
        "media_recorded_late_frames": recorded["late_frames"],
    }
