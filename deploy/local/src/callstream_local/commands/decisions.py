"""`callstream decisions`: why a call went to whom."""

from typing import Annotated

import typer

from callstream_local.config import data_folder
from callstream_local.folder import DataFolder
from callstream_local.inside.api import Api, ApiError, NotRunning
from callstream_local.parameters import DataOption, told


def register(app: typer.Typer) -> None:
    app.command("decisions")(decisions)


def decisions(
    call: Annotated[str, typer.Argument(help="As `callstream calls` lists it; with --agent alone: their latest.")] = "",
    data: DataOption = None,
    agent: Annotated[str, typer.Option(help="Why this agent got the call, or why not.")] = "",
) -> None:
    """Tell each offer of a call: who was chosen, by what, and why not the others."""
    if not call and not agent:
        raise typer.BadParameter("name a call, or --agent")
    with told(ApiError, NotRunning), Api(DataFolder(data_folder(data))) as api:
        path = f"/v1/decisions/{call}" if call else "/v1/decisions"
        found = api.get("routing", path, agent=agent)
    for offer in found:
        typer.echo(f"{offer['at'][11:23]}  call {offer['call_id']} to agent {offer['agent_id']}: {offer['outcome']}")
        for line in offer["text"]:
            typer.echo(f"    {line}")
        if offer["asked"]:
            typer.echo(f"    Agent {agent}: {offer['asked']}.")
    if not found:
        typer.echo("no offers")
