"""Small files of state between runs: phones' registrations, and the log position that recovery begins at.

Files and not buckets: both belong to the address that this instance listens on, nobody else can use them, and they must be
there when the broker is not. A file is replaced as a whole (written beside, then renamed).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

log = structlog.get_logger(__name__)

SAVE_AFTER_S = 1.0

T = TypeVar("T")


def load(path: Path, kind: type[T]) -> T | None:
    """What the file holds; None without a file or when it cannot be read (phones register again)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("file not readable, starting without it", path=str(path), error=str(error))
        return None


def save(path: Path, value: object) -> None:
    """Replace the file; a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(value))
    fresh.replace(path)


class SavedSoon:
    """Saves a value some time after it changed; many changes make one write."""

    def __init__(self, path: Path, value: Callable[[], object]) -> None:
        self._path, self._value = path, value
        self._timer: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """Save it within SAVE_AFTER_S."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAVE_AFTER_S, self.save_now)

    def save_now(self) -> None:
        """Save it at once. A disk that refuses is logged: calls matter more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            save(self._path, self._value())
        except OSError as error:
            log.error("file not saved", path=str(self._path), error=str(error))
