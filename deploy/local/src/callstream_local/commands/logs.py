"""`callstream logs`: the services' logs, one or all, and followed as they grow."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from callstream_local.parameters import DataOption


def register(app: typer.Typer) -> None:
    app.command("logs")(logs)


def logs(
    service: Annotated[str | None, typer.Argument(help="One part only, for example routing.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many old lines of each log.")] = 20,
    data: DataOption = None,
) -> None:
    """Print the logs of the services (JSON lines) and servers."""
    from callstream_local.config import data_folder
    from callstream_local.folder import DataFolder
    from callstream_local.supervise.child import last_lines

    folder = DataFolder(data_folder(data)).root / "logs"
    known = {file.stem: file for file in sorted(folder.glob("*.log"))}
    if service is not None and service not in known:
        raise typer.BadParameter(f"no log of {service!r} in {folder}; there are: {', '.join(known) or 'none'}")
    chosen = known if service is None else {service: known[service]}
    positions = {}
    for name, file in chosen.items():
        positions[name] = file.stat().st_size
        _print(name, last_lines(file, lines), prefixed=service is None)
    with suppress(KeyboardInterrupt):
        while follow:
            for name, file in chosen.items():
                positions[name] = _print_new(name, file, positions[name], prefixed=service is None)
            time.sleep(0.2)


def _print_new(name: str, file: Path, position: int, *, prefixed: bool) -> int:
    """Print the whole lines behind the position; the new position."""
    with file.open("rb") as log:
        size = log.seek(0, 2)
        log.seek(position if size >= position else 0)  # smaller: it was rotated
        start = log.tell()
        text, newline, _ = log.read().rpartition(b"\n")
    _print(name, text.decode(errors="replace"), prefixed=prefixed)
    return start + len(text) + len(newline)


def _print(name: str, text: str, *, prefixed: bool) -> None:
    for line in text.splitlines():
        typer.echo(f"{name:<14} {line}" if prefixed else line)
