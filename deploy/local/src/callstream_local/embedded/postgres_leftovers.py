"""What a killed PostgreSQL leaves in its data folder: sessions that have not noticed yet, and a stale PID file.

Only the holder of the data folder's lock starts PostgreSQL there, so whatever still runs in it belongs to a dead parent.
PostgreSQL itself refuses to start when the PID in the file has meanwhile become another program's.
"""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from callstream_local.embedded.errors import ServerError

PATIENCE_S = 10.0


def processes_in(data: Path) -> list[int]:
    """The processes that work in this folder; every PostgreSQL process makes its data folder the current one."""
    found, data = [], data.resolve()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if (entry / "cwd").readlink() == data:
                    found.append(int(entry.name))
    return found


async def clear_leftovers(data: Path) -> None:
    """Return when no process works in `data` and no PID file stands there. Raises ServerError after some seconds."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    deadline = time.monotonic() + PATIENCE_S
    while remaining := processes_in(data):
        if time.monotonic() > deadline:
            raise ServerError(f"processes {remaining} of a former PostgreSQL still use {data}; end them and try again")
        for pid in remaining:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        await asyncio.sleep(0.02)
    pid_file.unlink(missing_ok=True)
