"""Keeps one program running: starts it, and starts it again with back-off whenever it ends before it is told to."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from callstream_local.supervise.backoff import Backoff
from callstream_local.supervise.child import Child, Program


async def nothing() -> None:
    """A program that needs no preparation."""


class Keeper:
    """`changed` is called after each start and each end; `prepare` is awaited before each start but the first."""

    def __init__(
        self,
        program: Program,
        *,
        backoff: Backoff | None = None,
        prepare: Callable[[], Awaitable[None]] = nothing,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.program = program
        self.backoff = backoff or Backoff()
        self.prepare = prepare
        self.changed = changed
        self.child: Child | None = None
        self.restarts = 0
        self.last_status: int | None = None
        self.problem = ""
        """Why it could not be started at all at the last try, or empty."""
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.child.pid if self.child is not None and self.child.running else None

    def start(self) -> None:
        """Start now and keep it; a program that cannot be found or run raises OSError here."""
        self.child = Child(self.program)
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")
        self.changed()

    async def _keep(self) -> None:
        quick_ends = 0
        while True:
            if self.child is not None:
                began = time.monotonic()
                self.last_status = await self.child.wait()
                self.child.kill()  # what it left behind in its process group
                self.child = None
                quick_ends = self.backoff.quick_ends(quick_ends, time.monotonic() - began)
                self.restarts += 1
            self.changed()
            await asyncio.sleep(self.backoff.delay(quick_ends))
            try:
                await self.prepare()
                self.child = Child(self.program)
                self.problem = ""
            except Exception as error:  # noqa: BLE001  a full disk must not end the keeping
                self.problem = str(error)
                quick_ends += 1
            self.changed()

    async def kill(self) -> None:
        """kill -9 and wait until it is gone; it is started again."""
        child = self.child
        if child is not None:
            child.kill()
            await child.wait()

    async def stop(self) -> None:
        """Stop keeping it, and stop it (SIGTERM, grace, SIGKILL)."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self.child is not None:
            self.last_status = await self.child.stop()
            self.child = None
