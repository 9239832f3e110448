"""Browser legs that one core carries: the real media worker on one core, DTLS-SRTP from another process."""

from typing import Any

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.part import Say, apart
from callstream_media_gateway.media import browser_bench

LEGS = 300
SECONDS = 5.0


async def measure(say: Say) -> dict[str, Any]:
    """Keys `browser_legs_per_core`, from the CPU that LEGS of them used, and `browser_late_frames` of these."""
    say(f"{LEGS} browser legs")
    found = await apart(browser_bench.run, LEGS, SECONDS)
    if found["load"]["authentic"] < LEGS:
        raise CannotMeasure(f"only {found['load']['authentic']} of {LEGS} browsers heard something they could decrypt")
    return {"browser_legs_per_core": found["legs_per_core"], "browser_late_frames": found["late_frames"]}
