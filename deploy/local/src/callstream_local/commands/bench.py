"""`callstream bench`: measure what the system costs and how quick it is."""

import asyncio
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)


def bench(only: Annotated[str | None, typer.Option(metavar="PART", help="One part, for example media.")] = None) -> None:
    """Measure; the table shows targets, build/bench.json keeps the figures. See docs/benchmarks.md."""
    from callstream_local.bench.parts import PARTS
    from callstream_local.bench.run import run_parts
    from callstream_local.demo.screen import wide_console

    parts = [part for part in PARTS if only == part.name or (only is None and not part.asked_for)]
    if not parts:
        raise typer.BadParameter(f"there is no part {only!r}; there are {', '.join(part.name for part in PARTS)}")
    if not asyncio.run(run_parts(parts, wide_console())):
        raise typer.Exit(1)
