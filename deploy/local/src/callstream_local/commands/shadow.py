"""`callstream shadow`: a second policy beside the live one, without effect."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callstream_local.config import data_folder
from callstream_local.folder import DataFolder
from callstream_local.inside.api import NotRunning
from callstream_local.parameters import DataOption, told

if TYPE_CHECKING:
    from callstream_local.lab.shadow import Verdict


def register(app: typer.Typer) -> None:
    app.command("shadow")(shadow)


def shadow(
    policy: Annotated[Path, typer.Option(help="YAML: settings, groups, agents as far as they differ. See docs/lab.md.")],
    log: Annotated[Path | None, typer.Option(help="Follow this JSONL file instead of the running copy.")] = None,
    past: Annotated[bool, typer.Option("--past", help="Judge what the running copy's log holds, then stop.")] = False,
    offers: Annotated[int, typer.Option(min=0, help="Stop after so many live offers; 0: go on until interrupted.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the sum, not each difference.")] = False,
    seed: Annotated[int, typer.Option(help="Of the simulation that tells the waits.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write verdicts and sum to this file.")] = None,
    tenant: Annotated[str, typer.Option(show_default="the only one")] = "",
    data: DataOption = None,
) -> None:
    """Follow the log with another policy's routing and tell where it would have chosen differently. Nothing is offered."""
    import msgspec

    from callstream_local.lab.errors import LabError
    from callstream_local.lab.policy import changed
    from callstream_local.lab.source import read_policy_file
    from callstream_local.lab.watch import Watch, judge_past, watch_running

    def say(verdicts: "Iterable[Verdict]") -> None:
        for verdict in verdicts:
            if not quiet and (verdict.sooner or not verdict.agrees):
                typer.echo(verdict.sentence)

    with told(LabError, NotRunning):
        wanted = read_policy_file(policy)
        folder = DataFolder(data_folder(data))
        watch = Watch(lambda live: changed(live, wanted), offers)
        try:
            if log is not None or past:
                judge_past(watch, log, folder, tenant, say)
            else:
                asyncio.run(watch_running(watch, folder, tenant, say))
        except KeyboardInterrupt:
            typer.echo("")
        total = watch.sum(seed)
        typer.echo(total.sentence)
        if json is not None:
            json.write_bytes(msgspec.json.format(msgspec.json.encode({"sum": total, "verdicts": watch.verdicts})) + b"\n")
            typer.echo(f"written to {json}")
