"""`callstream simulate`: what another policy would do to recorded or generated contacts."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callstream_local.config import data_folder
from callstream_local.folder import DataFolder
from callstream_local.inside.api import NotRunning
from callstream_local.parameters import DataOption, told

if TYPE_CHECKING:
    from callstream_local.lab.policy import Policy
    from callstream_local.lab.replay import Material
    from callstream_local.lab.traffic import Workload

DAY = datetime(2026, 1, 5, tzinfo=UTC)
"""Of generated contacts: a Monday like any other."""


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    policy: Annotated[Path, typer.Option(help="YAML: settings, groups, agents as far as they differ. See docs/lab.md.")],
    events: Annotated[str, typer.Option(help="FROM..TO of recorded contacts, ISO 8601; either may be missing (`..`: all).")] = "",
    log: Annotated[Path | None, typer.Option(help="Read the events from this JSONL file, not from the running copy.")] = None,
    generate: Annotated[str, typer.Option(help="Generate contacts instead: calls=100000,agents=300,groups=3,…")] = "",
    baseline: Annotated[
        Path | None, typer.Option(help="What to compare with, in the same form.", show_default="the policy as it is")
    ] = None,
    replications: Annotated[int, typer.Option(min=2, max=1000, help="Days to draw and run both policies on.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.")] = 1,
    service_level: Annotated[str, typer.Option(help="PERCENT/SECONDS")] = "80/20",
    short_abandon: Annotated[float, typer.Option(min=0, help="Leave out who gives up sooner than this, s.")] = 0.0,
    json: Annotated[Path | None, typer.Option(help="Write everything to this file.")] = None,
    tenant: Annotated[str, typer.Option(show_default="the only one")] = "",
    data: DataOption = None,
) -> None:
    """Run contacts against another policy in virtual time: service level, waits, abandons, occupancy, fairness."""
    from rich.console import Console

    from callstream_local.lab.compare import compare
    from callstream_local.lab.cores import cores
    from callstream_local.lab.errors import LabError
    from callstream_local.lab.measure import read_service_level
    from callstream_local.lab.policy import changed
    from callstream_local.lab.report import groups_of, json_of, table_of
    from callstream_local.lab.source import read_policy_file

    console = Console()
    with told(LabError, NotRunning):
        if bool(generate) == bool(events or log):
            raise LabError("events", "name either recorded events (--events, --log) or --generate")
        wanted = read_policy_file(policy)
        level = read_service_level(service_level, short_abandon)
        make: Callable[[int], Workload]
        if generate:
            before, make = _generated(generate, seed)
        else:
            before, given = _recorded(events, log, tenant, DataFolder(data_folder(data)))
        if baseline is not None:
            before = changed(before, read_policy_file(baseline))
        after = changed(before, wanted)
        if not generate:
            make = _replayed(given, before, seed, console.print, trusted=baseline is None)
        with console.status("simulating") as status, cores(replications) as each:
            comparison = compare(
                make, before, after, level, replications=replications, seed=seed, each=each,
                done=lambda number: status.update(f"simulating: {number} of {replications} days"),
            )  # fmt: skip
        console.print(table_of(comparison))
        if (by_group := groups_of(comparison)) is not None:
            console.print(by_group)
        if json is not None:
            json.write_bytes(json_of(comparison, generate=generate, events=events))
            typer.echo(f"written to {json}")


def _generated(text: str, seed: int) -> "tuple[Policy, Callable[[int], Workload]]":
    from callstream_local.lab.generate import generated, generated_policy, read_plan

    plan = read_plan(text)
    return generated_policy(plan), partial(generated, plan, DAY, seed)


def _recorded(events: str, log: Path | None, tenant: str, folder: DataFolder) -> "tuple[Policy, Material]":
    import asyncio

    from callstream_local.lab.errors import LabError
    from callstream_local.lab.export import read_export
    from callstream_local.lab.record import read_record
    from callstream_local.lab.replay import material
    from callstream_local.lab.source import of_tenant, read_running, read_span

    begin, end = read_span(events or "..")
    if log is None:
        policy, told_events = asyncio.run(read_running(folder, tenant))
    else:
        kept, told_events = read_export(log)
        if kept is None:
            raise LabError(f"{log}, line 1", "should hold the configuration, as `callstream events export` writes it")
        policy, told_events = kept, of_tenant(told_events, tenant)
    return policy, material(read_record(told_events), policy, begin, end)


def _replayed(
    given: "Material", policy: "Policy", seed: int, say: Callable[[str], None], *, trusted: bool
) -> "Callable[[int], Workload]":
    """Says how well the replay under the recorded policy meets the record, then gives days like it."""
    from callstream_local.lab.fidelity import fidelity
    from callstream_local.lab.replay import like_it

    fit = given.patience
    say(f"{len(given.contacts)} contacts; patience from {fit.abandoned} who gave up and {fit.censored} who were answered first")
    if fit.abandoned == 0:
        say("[yellow]nobody gave up: in the simulation nobody will, however long they wait[/]")
    if trusted:
        say(fidelity(given, policy, seed).sentence)
    return partial(like_it, given, seed)
