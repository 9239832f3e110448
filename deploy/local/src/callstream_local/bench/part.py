"""What a part is, and how one runs apart from the benchmark's own process."""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

Say = Callable[[str], None]
"""Tells the person in front what goes on now."""
Measure = Callable[[Say], Awaitable[dict[str, Any]]]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Part:
    """`measure` gives keys of build/bench.json, or raises CannotMeasure. `seconds`: about how long it takes.

    `asked_for`: runs only when it is named.
    """

    name: str
    what: str
    seconds: float
    measure: Measure
    asked_for: bool = False


async def apart(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `work` in a fresh process: the progress bar of this one must not disturb what is counted in microseconds."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return await loop.run_in_executor(pool, partial(work, *args, **kwargs))
