"""A kept program comes back when it ends, and nothing of it is left when it is stopped or its parent dies."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from callstream_local.supervise.backoff import Backoff
from callstream_local.supervise.child import Child, Program
from callstream_local.supervise.keeper import Keeper
from callstream_local.supervise.rotation import rotate


def shell(folder: Path, script: str, **more: object) -> Program:
    return Program("shell", ("sh", "-c", script), folder / "log", env={"PATH": os.defpath}, **more)  # type: ignore[arg-type]


class Changes:
    """Wakes whoever waits for a condition, each time that a keeper reports a change."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.event.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.event.wait()
                self.event.clear()


@asynccontextmanager
async def kept(program: Program, **more: object) -> AsyncIterator[tuple[Keeper, Changes]]:
    changes = Changes()
    keeper = Keeper(program, changed=changes, **more)  # type: ignore[arg-type]
    keeper.start()
    try:
        yield keeper, changes
    finally:
        await keeper.stop()


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("story", "runs_s", "expected"),
    [
        ("a program that crashes at once waits ever longer", [0, 0, 0, 0], [0.1, 0.2, 0.4, 0.8]),
        ("but never longer than the limit", [0] * 9, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]),
        ("a long run forgives what was before", [0, 0, 0, 60, 0], [0.1, 0.2, 0.4, 0.1, 0.2]),
        ("the first crash after a long run costs the least", [60, 60], [0.1, 0.1]),
    ],
)
def test_backoff(story: str, runs_s: list[float], expected: list[float]) -> None:
    backoff, ends, delays = Backoff(first_s=0.1, longest_s=10.0, stable_s=10.0), 0, []
    for ran_s in runs_s:
        ends = backoff.quick_ends(ends, ran_s)
        delays.append(backoff.delay(ends))
    assert delays == pytest.approx(expected)


def test_backoff_of_a_program_that_crashed_all_night_is_still_a_number() -> None:
    assert Backoff().delay(100_000) == Backoff().longest_s


async def test_a_crashing_program_is_started_again_and_again(tmp_path: Path) -> None:
    program = shell(tmp_path, "echo once more; exit 3")
    async with kept(program, backoff=Backoff(first_s=0.001)) as (keeper, changes):
        await changes.until(lambda: keeper.restarts >= 4)
        assert keeper.last_status == 3
    assert program.log.read_text().count("once more") >= 4


async def test_a_killed_program_comes_back_as_another_process(tmp_path: Path) -> None:
    async with kept(shell(tmp_path, "exec sleep 1000")) as (keeper, changes):
        first = keeper.pid
        await keeper.kill()
        await changes.until(lambda: keeper.pid not in (None, first))
        assert keeper.restarts == 1
        assert keeper.last_status == -signal.SIGKILL


async def test_a_failing_preparation_is_told_and_tried_again(tmp_path: Path) -> None:
    tries = []

    async def prepare() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("the disk is full")

    program = shell(tmp_path, "exec sleep 1000")
    async with kept(program, backoff=Backoff(first_s=0.001), prepare=prepare) as (keeper, changes):
        await keeper.kill()
        await changes.until(lambda: keeper.problem == "the disk is full")
        await changes.until(lambda: keeper.pid is not None)
        assert keeper.problem == ""
        assert len(tries) == 3


async def test_stopping_while_it_waits_to_start_again_leaves_nothing(tmp_path: Path) -> None:
    async with kept(shell(tmp_path, "exit 1"), backoff=Backoff(first_s=1000, longest_s=1000)) as (keeper, changes):
        await changes.until(lambda: keeper.restarts == 1)
        await keeper.stop()
        assert keeper.pid is None


async def test_stop_takes_the_grandchildren_along(tmp_path: Path) -> None:
    child = Child(shell(tmp_path, "sleep 1000 & echo $!; wait"))
    async with asyncio.timeout(10):
        while not (text := child.program.log.read_text()).endswith("\n"):
            await asyncio.sleep(0.01)
    await child.stop()
    await until_gone(int(text))


async def test_a_program_that_ignores_the_request_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = Child(shell(tmp_path, "trap '' TERM; echo deaf; while :; do sleep 1; done", stop_grace_s=0.1))
    async with asyncio.timeout(10):
        while "deaf" not in child.program.log.read_text():
            await asyncio.sleep(0.01)
    assert await child.stop() == -signal.SIGKILL


async def test_a_program_that_leaves_when_asked_is_not_killed(tmp_path: Path) -> None:
    child = Child(shell(tmp_path, "trap 'exit 5' TERM; echo listening; while :; do sleep 0.01; done"))
    async with asyncio.timeout(10):
        while "listening" not in child.program.log.read_text():
            await asyncio.sleep(0.01)
    assert await child.stop() == 5


PARENT = """
import sys, time
from pathlib import Path
from callstream_local.supervise.child import Child, Program
child = Child(Program("sleeper", ("sleep", "1000"), Path(sys.argv[1]), env={"PATH": "/usr/bin:/bin"}))
print(child.pid, flush=True)
time.sleep(1000)
"""


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    asyncio.run(until_gone(child))


async def test_a_missing_program_ends_with_a_message_in_its_log(tmp_path: Path) -> None:
    child = Child(Program("ghost", ("/nowhere/ghost",), tmp_path / "log"))
    assert await child.wait() != 0
    assert "/nowhere/ghost" in child.program.log.read_text()


def test_a_log_is_rotated_when_it_has_grown_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab") as program:  # the program keeps its file open all the time
        assert not rotate(log, limit_bytes=10, kept=2)
        for number in range(4):
            program.write(f"generation {number}\n".encode())
            program.flush()
            assert rotate(log, limit_bytes=10, kept=2)
        program.write(b"now\n")
    assert log.read_text() == "now\n"
    older = sorted(file.name for file in tmp_path.glob("a.log.*"))
    assert older == ["a.log.1", "a.log.2"]
    assert (tmp_path / "a.log.1").read_text() == "generation 3\n"
    assert (tmp_path / "a.log.2").read_text() == "generation 2\n"


def test_a_log_that_cannot_be_copied_is_cut_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("much too long")
    (tmp_path / "a.log.1").mkdir()  # stands for a full disk: nothing can be written there
    assert rotate(log, limit_bytes=10, kept=1)
    assert log.read_text() == ""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of the system call")
@pytest.mark.parametrize("prompt", [False, True])
async def test_a_prompt_program_and_its_threads_ask_for_short_turns(tmp_path: Path, prompt: bool) -> None:
    """What the kernel says (sched_getattr(2)) from within a thread; one older than 6.12 knows no turn of a program's own."""
    script = """if True:
        import ctypes, struct, threading
        def ask():
            attributes = ctypes.create_string_buffer(48)
            assert ctypes.CDLL(None).syscall(315, 0, attributes, 48, 0) == 0
            print(struct.unpack("=IIQiIQQQ", attributes.raw)[5])
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    """
    program = Program("asking", (sys.executable, "-c", script), tmp_path / "log", env={"PATH": os.defpath}, prompt=prompt)
    child = Child(program)
    assert await child.wait() == 0
    turn_ns = int((tmp_path / "log").read_text())
    if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 12):
        assert (turn_ns == 1_000_000) == prompt
