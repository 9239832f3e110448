"""What a copy costs that has nothing to do: 100 agents signed in, their phones registered, nobody calls.

The copy runs in the background as `callstream up --detach` starts it, so its supervisor is counted too.
"""

import asyncio
import sys
from typing import Any

from callstream_local import state
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_process import CrowdProcess
from callstream_local.bench.figures import rounded
from callstream_local.bench.house import open_call_centre, phones
from callstream_local.bench.part import Say
from callstream_local.bench.processes import Memory, cpu_seconds, memory, used_between
from callstream_local.bench.scratch import data_folder
from callstream_local.folder import DataFolder
from callstream_local.lock import holder

AGENTS = 100
SUPERVISOR = "supervisor"
SETTLE_S = 5.0
SECONDS = 20.0


async def measure(say: Say) -> dict[str, Any]:
    """Processor time in percent of one core; memory as PSS, which counts what processes share once."""
    with data_folder() as root:
        used, held = await _rest(DataFolder(root), say)
    # All others are children of the supervisor: its figure is that of the whole copy.
    total_cpu, total_memory = used.pop(SUPERVISOR), held.pop(SUPERVISOR)
    own_cpu, own_memory = total_cpu - sum(used.values()), total_memory - sum(held.values(), Memory())
    return {
        "idle_cpu_pct": _percent(total_cpu),
        "idle_cpu_pct_by_process": {name: _percent(seconds) for name, seconds in {**used, SUPERVISOR: own_cpu}.items()},
        "rss_mb": rounded(total_memory.pss_mb),
        "rss_shared_counted_in_each_mb": rounded(total_memory.rss_mb),
        "rss_mb_by_process": {name: rounded(each.pss_mb) for name, each in {**held, SUPERVISOR: own_memory}.items()},
    }


def _percent(seconds: float) -> float:
    return rounded(max(0.0, seconds) / SECONDS * 100)


async def _rest(folder: DataFolder, say: Say) -> tuple[dict[str, float], dict[str, Memory]]:
    """Processor seconds and memory by process, of SECONDS without a call."""
    crowd = CrowdProcess()
    say("starting")
    await _callstream("up", "--detach", "--data", str(folder.root))
    try:
        host, port = _state(folder).sip.split(":")
        await open_call_centre(folder, (host, int(port)), crowd, phones(AGENTS))
        await asyncio.sleep(SETTLE_S)
        say(f"{SECONDS:.0f} s of nothing")
        pids = _pids(folder)
        before = cpu_seconds(pids)
        await asyncio.sleep(SECONDS)
        used = used_between(before, cpu_seconds(pids))
        if _pids(folder) != pids:
            raise CannotMeasure("a service was restarted")
        return used, memory(pids)
    finally:
        await crowd.stop()
        await _callstream("down", "--data", str(folder.root))


async def _callstream(*arguments: str) -> None:
    """The command line, silently. Raises CannotMeasure with what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callstream_local.cli", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise CannotMeasure(f"callstream {arguments[0]} failed: {said.decode(errors='replace')[-1000:]}")


def _state(folder: DataFolder) -> state.State:
    now = state.read(folder)
    if now is None:
        raise CannotMeasure(f"nothing runs on {folder.root}")
    return now


def _pids(folder: DataFolder) -> dict[str, int]:
    parts = {name: part.pid for name, part in _state(folder).parts.items() if part.pid is not None}
    return {**parts, SUPERVISOR: holder(folder) or 0}
