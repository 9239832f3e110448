"""`callstream demo`: real calls through a copy of the whole system."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callstream_local.parameters import told


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    calls: Annotated[int, typer.Option(min=1, max=200, help="How many calls are placed.")] = 20,
    agents: Annotated[int, typer.Option(min=1, max=60, help="How many agents answer.")] = 5,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, to call in with your own softphone.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Data folder to use and to leave behind.", show_default="build/demo, emptied")
    ] = None,
    seed: Annotated[int, typer.Option(help="Other callers for another number.")] = 1,
) -> None:
    """Place real SIP calls through IVR, queue and simulated agents, and check every record of them."""
    from callstream_local.demo.run import run_demo
    from callstream_local.demo.screen import wide_console
    from callstream_local.embedded.errors import ServerError
    from callstream_local.lock import FolderInUseError
    from callstream_local.ports import PortError
    from callstream_local.stack import StackError

    with told(FolderInUseError, PortError, ServerError, StackError):
        right = asyncio.run(run_demo(calls, agents, keep=keep, data=data, seed=seed, console=wide_console()))
    if not right:
        raise typer.Exit(1)
