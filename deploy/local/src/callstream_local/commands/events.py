"""`callstream events tail`: the log as it grows; `callstream events export`: the log as a file."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from callstream_local.config import data_folder
from callstream_local.folder import DataFolder
from callstream_local.inside.api import NotRunning
from callstream_local.parameters import DataOption, told

events = typer.Typer(help="The event log.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(events, name="events")


@events.command("tail")
def tail(
    data: DataOption = None,
    call: Annotated[str, typer.Option(help="Only this call's.")] = "",
    agent: Annotated[str, typer.Option(help="Only this agent's.")] = "",
    aggregate: Annotated[str, typer.Option(help="Only call, ivr, queue or agent.")] = "",
    name: Annotated[str, typer.Option(help="Only events of this name, for example offer-made.")] = "",
    past: Annotated[int, typer.Option(min=0, help="Begin this many log positions back.")] = 0,
    count: Annotated[int, typer.Option(min=0, help="Stop after this many events; 0: go on until interrupted.")] = 0,
) -> None:
    """Print events as they are appended: position, time, service, event, what it meant."""
    from callstream_local.inside.tail import Filter, follow

    wanted = Filter(call=call, agent=agent, aggregate=aggregate, name=name)
    with told(NotRunning):
        try:
            asyncio.run(follow(DataFolder(data_folder(data)), wanted, past=past, count=count, say=typer.echo))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


@events.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="JSONL: the configuration, then one event a line.")],
    tenant: Annotated[str, typer.Option(show_default="the only one")] = "",
    data: DataOption = None,
) -> None:
    """Write one tenant's log and configuration to a file, for `callstream simulate` and `callstream shadow` elsewhere."""
    from callstream_local.lab.errors import LabError
    from callstream_local.lab.export import export_lines
    from callstream_local.lab.source import read_running

    with told(NotRunning, LabError, OSError):
        policy, found = asyncio.run(read_running(DataFolder(data_folder(data)), tenant))
        with file.open("wb") as out:
            out.writelines(export_lines(policy, found))
    typer.echo(f"{len(found)} events written to {file}")
