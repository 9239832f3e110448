"""Many histories, each from a seed of its own, on all cores: `make simulate-faults EVENTS=1000000`.

A history that breaks a rule is told with its seed, the end of its log and the command that repeats it; exit status 1.
"""

import argparse
import logging
import os
import secrets
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .history import Told, run_history

FAULT_RATE = 0.05
SEEDS = 1 << 32


def main() -> None:
    parser = argparse.ArgumentParser(description="Random histories of routing and agent-state under faults and kills.")
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the log, of all histories together")
    parser.add_argument("--seed", type=int, help="of the first history; the following ones count up (default: random)")
    parser.add_argument("--only", action="store_true", help="that one history alone")
    given = parser.parse_args()
    first = secrets.randbelow(SEEDS) if given.seed is None else given.seed
    quiet()
    if not run(first, 1 if given.only else given.events, Console()):
        sys.exit(1)


def quiet() -> None:
    """Services log what the faults do to them; a killed process leaves work that never began."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    warnings.filterwarnings("ignore", "coroutine .* was never awaited")


def run(first: int, events: int, console: Console) -> bool:
    """Run histories until they have so many events; whether all kept the rules."""
    began, seen, kills, histories, virtual_s = time.monotonic(), 0, 0, 0, 0.0
    longest: dict[str, float] = {}
    columns = (TextColumn("seeds from {task.fields[first]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("", total=events, first=first)
        for told in _histories(first):
            histories, seen, kills, virtual_s = histories + 1, seen + told.events, kills + told.kills, virtual_s + told.seconds
            longest = {kind: max(longest.get(kind, 0.0), told.longest.get(kind, 0.0)) for kind in {**longest, **told.longest}}
            progress.update(bar, completed=min(seen, events))
            if told.broken:
                progress.stop()
                tell(told, console)
                return False
            if seen >= events:
                break
    console.print(
        f"{seen:,} events in {histories} histories (seeds {first} to {first + histories - 1}), {kills} kills, "
        f"{virtual_s / 3600:.1f} hours of virtual time, {time.monotonic() - began:.0f} s: no rule broken",
        highlight=False,
        soft_wrap=True,
    )
    said = ", ".join(f"{kind} {took:.2f}" for kind, took in sorted(longest.items()))
    console.print(f"longest, in s of uptime: {said}", highlight=False, soft_wrap=True)
    return True


def _histories(first: int) -> Iterator[Told]:
    """In the order of their seeds, so that a run is repeatable as a whole."""
    workers = os.cpu_count() or 1
    seeds = count(first)
    with ProcessPoolExecutor(workers, initializer=quiet) as pool:
        pending = [pool.submit(run_history, seed, FAULT_RATE) for seed in islice(seeds, 2 * workers)]
        try:
            while True:
                told = pending.pop(0).result()
                pending.append(pool.submit(run_history, next(seeds), FAULT_RATE))
                yield told
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def tell(told: Told, console: Console) -> None:
    """What was broken, and how to see it again."""
    for line in told.tail:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"[bold red]seed {told.seed}[/] after {told.events} events: {told.broken}", highlight=False, soft_wrap=True)
    console.print(f"again: .venv/bin/python -m tests.simulation.run --only --seed {told.seed}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
