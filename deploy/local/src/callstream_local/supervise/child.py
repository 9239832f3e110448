"""One child process, from start to the certainty that it is gone.

Built on subprocess.Popen and a pidfd instead of asyncio's subprocess, so that a child may be started in one event
loop and stopped in another (session fixtures do that).
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Account:
    """Whom a child runs as, and the one capability it keeps (None: none)."""

    uid: int
    gid: int
    capability: int | None = None


@dataclass(frozen=True)
class Program:
    """What to run and how to stop it."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL
    prompt: bool = False
    """People wait for what it does: it goes before the others when both want the processor (see launch)."""


class Child:
    """A running Program.

    Must be started from a thread that outlives it: the kernel takes that thread's end for the parent's death.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        account = program.account or Account(-1, -1)
        capability = -1 if account.capability is None else account.capability
        prefix = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(program.orphan_signal))]
        prefix += [str(account.uid), str(account.gid), str(capability), str(int(program.prompt)), "--"]
        program.log.parent.mkdir(parents=True, exist_ok=True)
        # Appending by the kernel lets the rotation truncate the file under a running program.
        with program.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *program.argv],
                env=dict(program.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own for kill(), but no session: the kernel's autogroups divide processor time by session,
                # and then a busy process delays the wake-up after the event log's fsync by a tick (3.4 ms instead of 0.13).
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    async def wait(self) -> int:
        """Wait for the end; return the status (negative: the signal that ended it)."""
        while (status := self.process.poll()) is None:
            try:
                descriptor = os.pidfd_open(self.pid)
            except ProcessLookupError:
                continue
            loop = asyncio.get_running_loop()
            ended = asyncio.Event()
            loop.add_reader(descriptor, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return status

    def send(self, number: signal.Signals) -> None:
        if self.running:
            self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, the process group too, so that its own children go."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self) -> int:
        """Ask, wait for the grace, then kill. Returns the exit status."""
        self.send(self.program.stop_signal)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), self.program.stop_grace_s)
        self.kill()
        return await self.wait()


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for error messages."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""
