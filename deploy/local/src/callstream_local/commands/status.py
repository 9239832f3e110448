"""`callstream status`: what runs, where, and whether it is ready."""

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from callstream_local import state
from callstream_local.health import is_ready
from callstream_local.parameters import DataOption

if TYPE_CHECKING:
    from callstream_local.folder import DataFolder


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(data: DataOption = None) -> None:
    """Show what runs on the data folder; exit status 1 unless all of it is ready."""
    from rich.console import Console
    from rich.table import Table

    from callstream_local.config import data_folder
    from callstream_local.folder import DataFolder
    from callstream_local.lock import holder

    folder = DataFolder(data_folder(data))
    pid = holder(folder)
    now = state.read(folder)
    if pid is None or now is None:
        typer.echo(f"{'starting' if pid is not None else 'nothing runs'} on {folder.root}")
        raise typer.Exit(1)
    table = Table("part", "process", "ready", "restarts", "address")
    sip = ", ".join([f"SIP {now.sip}", *(f"{name.upper()} {at}" if name == "tls" else at for name, at in now.sip_doors.items())])
    addresses = {"nats": now.nats, "postgres": now.postgres, "media-gateway": f"{sip}, {{}}"}
    answers = asyncio.run(_ask(now))
    for name, part in now.parts.items():
        address = addresses.get(name, "{}").format(part.http)
        ready = "yes" if answers[name] else part.problem or "no"
        table.add_row(name, str(part.pid or "-"), ready, str(part.restarts), address)
    console = Console()
    console.print(f"supervisor {pid}, since {now.started_at:%Y-%m-%d %H:%M:%S} UTC, data in {folder.root}")
    console.print(table)
    for line in _trunks(folder) if answers.get("console") else []:
        console.print(line)
    if not all(answers.values()):
        raise typer.Exit(1)


def _trunks(folder: "DataFolder") -> list[str]:
    """A line for each trunk that calls can leave through; none when no gateway answers."""
    from httpx import HTTPError

    from callstream_local.inside.api import Api, ApiError

    try:
        with Api(folder) as api:
            views = api.get("console", "/v1/trunks")
    except (ApiError, HTTPError) as error:
        return [f"trunks: {error}"]
    return [_trunk(view) for view in views if view["takes_calls"] or view.get("why_not")]


def _trunk(view: dict[str, Any]) -> str:
    state = "takes calls" if view["takes_calls"] else view["why_not"]
    said = f" ({view['message']})" if view.get("message") else ""
    return f"trunk {view['trunk']}: {state}{said}, {view.get('outgoing', 0)} out, {view['incoming']} in"


async def _ask(now: state.State) -> dict[str, bool]:
    """Services are asked; a server counts as ready while it runs."""

    async def one(part: state.Part) -> bool:
        if part.pid is None or not part.http:
            return part.pid is not None
        url = urlsplit(part.http)
        return await is_ready(url.hostname or "", url.port or 0)

    answers = await asyncio.gather(*(one(part) for part in now.parts.values()))
    return dict(zip(now.parts, answers, strict=True))
