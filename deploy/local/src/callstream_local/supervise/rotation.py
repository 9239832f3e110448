"""Logs that stay small. Programs append to their log themselves; we cut it when it has grown.

Copy, then truncate: the program's file stays open and goes on at the new end (it was opened for appending). What is written
between the last read and the truncation, some microseconds, is lost; the alternative, a pipe through the supervisor, would
cost time for every line and stop the services when the supervisor stops.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

LIMIT_BYTES = 10 * 1024 * 1024
KEPT = 3


def rotate(log: Path, *, limit_bytes: int = LIMIT_BYTES, kept: int = KEPT) -> bool:
    """Move a log beyond the limit to `.1` (and `.1` to `.2`, …, at most `kept` of them). Returns whether it did."""
    if not log.exists() or log.stat().st_size <= limit_bytes:
        return False
    for number in range(kept - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    copy = log.with_name(f"{log.name}.1")
    try:
        with log.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
            os.truncate(log, 0)
    except OSError:
        # No room for the copy: better no old log than a machine that stands still because of one.
        with suppress(OSError):
            copy.unlink()
        os.truncate(log, 0)
    return True
