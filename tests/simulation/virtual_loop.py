"""An event loop with a clock of its own: it jumps to the next timer instead of sleeping, so hours pass in a moment.

The order in which tasks run depends on nothing but the program, so a seed replays one history.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from callstream.kernel.clock import to_millis

T = TypeVar("T")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

process: ContextVar[str] = ContextVar("process", default="")
"""The simulated process that a task belongs to; tasks inherit it from the task that made them."""


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: time moves on by what would have been waited."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits for something that will never come")
        self.elapsed += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's docstring."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self._by_process: dict[str, set[asyncio.Task[Any]]] = {}
        self.set_task_factory(self._make)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._jumping.elapsed

    def kill(self, name: str) -> None:
        """End all tasks of a process where they stand."""
        for task in self._by_process.pop(name, set()):
            task.cancel()

    def _make(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        tasks = self._by_process.setdefault(process.get(), set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task


class LoopClock:
    """The loop's time as a kernel clock."""

    def now(self) -> datetime:
        return to_millis(EPOCH + timedelta(seconds=asyncio.get_running_loop().time()))


def run_virtual(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
