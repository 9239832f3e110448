"""An event loop with a clock of its own: it jumps to the next timer instead of sleeping, so hours pass in a moment.

The order in which tasks run depends on nothing but the program, so a seed replays one history. Tasks, timers and callbacks belong
to the simulated process in whose context they were made: a process can be killed, and frozen as by SIGSTOP.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from callstream.kernel.clock import to_millis

T = TypeVar("T")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
STALE = 2_000
"""Timers in the heap from which on cancelled ones are thrown out."""

process: ContextVar[str] = ContextVar("process", default="")
"""The simulated process that a task belongs to; tasks inherit it from the task that made them. Empty: the world outside."""


class EverythingWaits(RuntimeError):
    """Nothing will ever happen any more."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module's docstring. Knows no sockets, threads or signals."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed = 0.0
        self._by_process: dict[str, set[asyncio.Task[Any]]] = {}
        self._frozen: dict[str, list[asyncio.Handle]] = {}
        self._clean_at = STALE
        self.set_task_factory(self._make)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._elapsed

    def kill(self, name: str) -> None:
        """End all tasks of a process where they stand."""
        begun = self._frozen.pop(name, ())
        for task in self._by_process.pop(name, set()):
            task.cancel()
        self._ready.extend(begun)  # type: ignore[attr-defined]  # what was about to run when it froze ends as well

    def freeze(self, name: str) -> None:
        """Nothing of the process runs until `thaw`; its timers pass unheard."""
        self._frozen.setdefault(name, [])

    def thaw(self, name: str) -> None:
        """The process goes on where it stood, in the order in which things became due."""
        self._ready.extend(self._frozen.pop(name, ()))  # type: ignore[attr-defined]

    def is_frozen(self, name: str) -> bool:
        return name in self._frozen

    def _make(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        name = process.get()
        if name:
            tasks = self._by_process.setdefault(name, set())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return task

    def _run_once(self) -> None:
        """One round of the loop, as in asyncio.base_events, without a selector."""
        ready: Any = self._ready  # type: ignore[attr-defined]
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        if len(scheduled) > self._clean_at:
            scheduled[:] = [handle for handle in scheduled if not handle.cancelled()]
            heapq.heapify(scheduled)
            self._clean_at = STALE + len(scheduled)
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)._scheduled = False
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            if not scheduled:
                raise EverythingWaits("everything waits for something that will never come")
            self._elapsed = max(self._elapsed, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._elapsed:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            if self._frozen and (name := handle._context.get(process, "")) in self._frozen:
                self._frozen[name].append(handle)
                continue
            handle._run()

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""

    def _process_events(self, event_list: Any) -> None:
        """There are no sockets."""


class LoopClock:
    """The loop's time as a kernel clock."""

    def now(self) -> datetime:
        return to_millis(EPOCH + timedelta(seconds=asyncio.get_running_loop().time()))


def virtual_loop() -> VirtualLoop:
    """The running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def within(name: str, work: Callable[[], T]) -> T:
    """Call `work` as the process `name`: what it starts belongs to that process."""

    def enter() -> T:
        process.set(name)
        return work()

    return copy_context().run(enter)


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
