"""`callstream calls`: live and past calls, and the story of one."""

from typing import Annotated, Any

import typer

from callstream_local.config import data_folder
from callstream_local.folder import DataFolder
from callstream_local.inside.api import Api, ApiError, NotRunning
from callstream_local.parameters import DataOption, told

calls = typer.Typer(help="Live and past calls.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.add_typer(calls, name="calls")


@calls.callback()
def list_calls(
    context: typer.Context,
    data: DataOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    live: Annotated[bool | None, typer.Option("--live/--past", help="Only calls that go on, or only ended ones.")] = None,
    agent: Annotated[str, typer.Option(help="Only this agent's.")] = "",
    status: Annotated[str, typer.Option(help="answered, queue-abandoned, ivr-abandoned, ivr-ended, …")] = "",
) -> None:
    """List calls, newest first."""
    context.obj = data
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    with told(ApiError, NotRunning), Api(DataFolder(data_folder(data))) as api:
        page = api.get("reporting", "/v1/records", limit=limit, agent=agent, status=status, live=_word(live))
    Console().print(table_of(page["records"]))
    typer.echo(f"{len(page['records'])} of {page['total']} calls")


@calls.command("show")
def show(context: typer.Context, call_id: Annotated[str, typer.Argument(help="As `callstream calls` lists it.")]) -> None:
    """Tell one call's story from its events, with a ladder of its legs."""
    from rich.console import Console
    from rich.table import Table

    from callstream_local.inside.ladder import ladder
    from callstream_local.inside.meaning import meaning

    with told(ApiError, NotRunning), Api(DataFolder(data_folder(context.obj))) as api:
        record = api.get("reporting", f"/v1/records/{call_id}")
        events = api.timeline(call_id)
    console = Console()
    console.print(table_of([record]))
    story = Table("time", "service", "event", "what it meant")
    for recorded in events:
        name = f"{recorded.aggregate}.{recorded.event.NAME}"
        story.add_row(f"{recorded.time:%H:%M:%S.%f}"[:12], recorded.source, name, meaning(recorded.event))
    console.print(story)
    for line in ladder(events):
        typer.echo(line)


def table_of(records: list[dict[str, Any]]) -> Any:
    """Service records as a table for the terminal (F227)."""
    from rich.table import Table

    table = Table("call", "time", "caller", "called", "status", "group", "agent", "wait s", "talk s", "hung up by", "recording s")
    for record in records:
        table.add_row(
            record["call_id"],
            record["arrived_at"][11:19],
            record["caller"],
            record["called"],
            record["access_status"] or "live",
            record["group_name"] or record["group_id"] or "",
            record["agent_id"] or "",
            _seconds(record["wait_ms"]),
            _seconds(record["talk_ms"]),
            record["hang_up_party"] or "",
            _seconds(record["recording_ms"]),
        )
    return table


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f}"


def _word(flag: bool | None) -> str:
    return "" if flag is None else str(flag).lower()
