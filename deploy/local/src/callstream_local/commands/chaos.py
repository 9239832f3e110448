"""`callstream chaos`: kill parts during calls."""

import asyncio
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("chaos")(chaos)


def chaos(
    only: Annotated[str | None, typer.Option(metavar="PART", help="One part or group of parts, for example media.")] = None,
) -> None:
    """Kill -9 parts of a fresh copy during calls; tell what every caller and agent heard, and what the records say."""
    from callstream_local.chaos.part import PARTS, chosen
    from callstream_local.chaos.run import run_parts
    from callstream_local.demo.screen import wide_console

    parts = chosen(only)
    if not parts:
        names = dict.fromkeys([part.group for part in PARTS] + [part.name for part in PARTS])
        raise typer.BadParameter(f"there is no part {only!r}; there are {', '.join(names)}")
    if not asyncio.run(run_parts(parts, wide_console())):
        raise typer.Exit(1)
