"""Parameters that several verbs share, and how their errors are shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder.", envvar="CALLSTREAM_DATA", show_default="./.callstream")
]


def parse_ports(pairs: list[str]) -> dict[str, int]:
    """`sip=5060` and the like. Raises typer.BadParameter that names the pair."""
    ports = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name or not number.isdecimal() or not 0 < int(number) < 65536:
            raise typer.BadParameter(f"{pair!r} should be NAME=NUMBER, for example sip=5060", param_hint="--port")
        ports[name] = int(number)
    return ports


def parse_copies(pairs: list[str]) -> dict[str, int]:
    """`routing=2` and the like. Raises typer.BadParameter that names the pair."""
    copies = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name or not number.isdecimal():
            raise typer.BadParameter(f"{pair!r} should be NAME=NUMBER, for example routing=2", param_hint="--copies")
        copies[name] = int(number)
    return copies


@contextmanager
def told(*errors: type[Exception]) -> Iterator[None]:
    """Show these errors as one message instead of a traceback, and exit with status 1."""
    try:
        yield
    except errors as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from error
