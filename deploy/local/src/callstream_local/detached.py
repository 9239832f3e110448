"""Starting the supervisor in the background, and waiting until it has started or failed."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import typer

from callstream_local import state
from callstream_local.folder import DataFolder
from callstream_local.lock import FolderInUseError, FolderLock, holder
from callstream_local.stack import StackError
from callstream_local.supervise.child import last_lines


def start_detached(data: Path, *, listen: str, ports: Mapping[str, int], copies: Mapping[str, int], fast: bool) -> None:
    """Return when the copy is ready; it lives on when we end. Raises FolderInUseError, or StackError with its complaint."""
    folder = DataFolder(data)
    with FolderLock(folder):
        pass  # a clear refusal now instead of a failed child later
    argv = [sys.executable, "-m", "callstream_local.cli", "up", "--data", str(folder.root), "--listen", listen]
    for name, number in ports.items():
        argv += ["--port", f"{name}={number}"]
    for name, number in copies.items():
        argv += ["--copies", f"{name}={number}"]
    if fast:
        argv.append("--fast")
    log = folder.directory("logs") / "supervisor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    while process.poll() is None:
        now = state.read(folder)
        if now is not None and now.ready and holder(folder) == process.pid:
            typer.echo(last_lines(log))
            return
        time.sleep(0.1)
    other = holder(folder)
    if other is not None:
        raise FolderInUseError(last_lines(log))
    raise StackError(last_lines(log, 30))
