"""Run parts one after the other, each with a bar; keep what each found at once."""

import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.machine import machine
from callstream_local.bench.part import Part
from callstream_local.bench.report import REPORT, update
from callstream_local.bench.table import by_process, table
from callstream_local.embedded.errors import ServerError
from callstream_local.inside.api import ApiError, NotRunning
from callstream_local.ports import PortError
from callstream_local.stack import StackError

TOO_LONG = 3.0
"""A part that takes so many times its usual time is given up."""
LEAST_PATIENCE_S = 60.0
TICK_S = 0.25
FAILURES = (CannotMeasure, ServerError, StackError, ApiError, NotRunning, PortError, OSError, TimeoutError)


async def run_parts(parts: Sequence[Part], console: Console) -> bool:
    """Whether all parts could measure. Targets have no say in that."""
    here, keys, complaints = machine(), set[str](), list[str]()
    report = {}
    for part in parts:
        try:
            figures = await _run(part, console)
        except FAILURES as error:
            complaints.append(f"{part.name}: {error or type(error).__name__}")
            console.print(f"[bold red]{complaints[-1]}[/]", highlight=False, soft_wrap=True)
            continue
        report = update(part.name, figures, here)
        keys |= figures.keys()
    if keys:
        console.print(table(report, keys))
    for key, title in (
        ("system_cpu_ms_by_process", "CPU a call by process, ms"),
        ("idle_cpu_pct_by_process", "idle CPU by process, % of one core"),
        ("rss_mb_by_process", "memory by process, MB"),
    ):
        shown = by_process(report, key, title) if key in keys else None
        if shown is not None:
            console.print(shown)
    for complaint in complaints:
        console.print(f"[bold red]not measured:[/] {complaint}", highlight=False, soft_wrap=True)
    console.print(f"figures: {REPORT}")
    return not complaints


async def _run(part: Part, console: Console) -> dict[str, object]:
    columns = (TextColumn("{task.fields[name]:<10}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        bar = progress.add_task(part.what, name=part.name, total=part.seconds)

        async def tick() -> None:
            """The bar goes by the clock: what a part is doing now stands beside it."""
            while True:
                await asyncio.sleep(TICK_S)
                progress.advance(bar, TICK_S if progress.tasks[0].completed < part.seconds - 1 else 0)

        ticking = asyncio.create_task(tick())
        try:
            async with asyncio.timeout(max(LEAST_PATIENCE_S, TOO_LONG * part.seconds)):
                figures = await part.measure(lambda text: progress.update(bar, description=text))
        finally:
            ticking.cancel()
        progress.update(bar, completed=part.seconds, description=part.what)
    return figures
