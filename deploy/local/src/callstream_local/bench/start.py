"""How long until everything is ready: a new data folder, and the same one once more."""

import time
from pathlib import Path
from typing import Any

from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say
from callstream_local.bench.scratch import data_folder
from callstream_local.config import StackOptions
from callstream_local.stack import Stack


async def measure(say: Say) -> dict[str, Any]:
    """Broker, database (its first start makes it), seven services; ready means that /readyz of each says so."""
    with data_folder() as folder:
        say("first start")
        first = await _start(folder)
        say("second start")
        again = await _start(folder)
    return {"start_s": rounded(first), "start_again_s": rounded(again)}


async def _start(folder: Path) -> float:
    began = time.monotonic()
    async with Stack(folder, StackOptions()):
        return time.monotonic() - began
