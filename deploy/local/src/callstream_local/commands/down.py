"""`callstream down`: stop what runs on a data folder."""

import os
import signal
import time
from contextlib import suppress

import typer

from callstream_local.parameters import DataOption

PATIENCE_S = 90.0
"""Longer than all grace times of the stop, one after the other."""


def register(app: typer.Typer) -> None:
    app.command("down")(down)


def down(data: DataOption = None) -> None:
    """Stop everything that runs on the data folder."""
    from callstream_local.config import data_folder
    from callstream_local.folder import DataFolder
    from callstream_local.lock import holder

    folder = DataFolder(data_folder(data))
    pid = holder(folder)
    if not pid:
        typer.echo(f"nothing runs on {folder.root}")
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while holder(folder) == pid:
        if time.monotonic() > deadline:
            typer.secho(f"process {pid} does not stop; killing it and, with it, every service", err=True)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.05)
    typer.echo("stopped")
