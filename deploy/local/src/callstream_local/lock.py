"""One supervisor per data folder. The kernel drops the lock when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from callstream_local.folder import DataFolder


class FolderInUseError(Exception):
    """Another Callstream runs on this data folder; the message names it and its process id."""


class FolderLock:
    """`with FolderLock(folder):` holds the data folder, or raises FolderInUseError at once."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self.path: Path = folder.directory("run") / "lock"
        self._descriptor = -1

    def acquire(self) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise FolderInUseError(
                f"Callstream already runs on {self.folder.root} (process {self.path.read_text().strip() or 'starting'}); "
                "stop it with `callstream down`, or give this one a folder of its own with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def holder(folder: DataFolder) -> int | None:
    """The process id of the supervisor that holds the folder now; None when nobody does."""
    path = folder.root / "run" / "lock"
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text else 0
    except FileNotFoundError:
        return None
    return None
