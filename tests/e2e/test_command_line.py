"""The command line against a running copy: apply, calls, calls show, events tail, status, and a refused second instance."""

import asyncio
import sys
from pathlib import Path

import pytest

from callstream_local.stack import Stack

from .conftest import OpenCentre, agent, caller

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def run(stack: Stack, *words: str) -> tuple[int, str]:
    """Exit status and output of `callstream …` on the copy's data folder, wide enough not to be folded."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("callstream")),
        *words,
        env={"CALLSTREAM_DATA": str(stack.folder.root), "COLUMNS": "400", "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def test_a_call_can_be_found_and_its_story_told(stack: Stack, open_centre: OpenCentre) -> None:
    plan = caller(keys=("9", "1"), listen_ms=(1500, 600))
    async with open_centre([plan], [agent(0)]) as centre:
        await centre.perform()
        evidence = await centre.settle()
    call_id = evidence.records[0].call_id
    status, listed = await run(stack, "calls", "--agent", "1001", "--past", "--limit", "1")
    assert status == 0
    assert call_id in listed
    assert "answered" in listed
    status, story = await run(stack, "calls", "show", call_id)
    assert status == 0
    expected = ("pressed a wrong key, 9", "asks for an agent of group sales", "offered to agent 1001 by longest-idle", "INVITE")
    for words in (*expected, "agent 1001 picked up", "wrap-up", "talk"):
        assert words in story, words
    status, tail = await run(stack, "events", "tail", "--past", "1000", "--call", call_id, "--name", "offer-made", "--count", "1")
    assert (status, tail.count("queue.offer-made")) == (0, 1)


async def test_what_does_not_exist_is_said_clearly(stack: Stack) -> None:
    status, output = await run(stack, "calls", "show", "01NOSUCHCALL")
    assert (status, "no such call: '01NOSUCHCALL'" in output) == (1, True)


async def test_apply_names_the_field_at_fault_and_changes_nothing_twice(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("groups:\n  - {id: night, name: Night}\n")
    assert await run(stack, "apply", str(file)) == (0, "created  group/night\n")
    assert await run(stack, "apply", str(file)) == (0, "nothing to change\n")
    for text, complaint in (
        ("groups:\n  - {id: night, name: 'x'}\n  - {id: night, name: 'y'}\n", "groups[1].id"),
        ("numbers:\n  - {number: '+8610', flow: nowhere}\n", "numbers[0].flow"),
        ("settings: {ring_timeout_s: 91}\n", "settings.ring_timeout_s"),
        ("audio:\n  - {id: a, file: missing.wav}\n", "audio[0].file"),
        ("- a list\n", "a mapping"),
        ("groups: [\n", str(file)),
    ):
        file.write_text(text)
        status, output = await run(stack, "apply", str(file))
        assert (status, complaint in output) == (1, True), output


async def test_status_shows_every_part_ready_and_a_second_instance_is_refused(stack: Stack) -> None:
    status, output = await run(stack, "status")
    assert status == 0, output
    for part in ("nats", "postgres", "media-worker", "media-gateway", "ivr", "routing", "agent-state", "reporting", "console"):
        assert part in output
    status, output = await run(stack, "up")
    assert status == 1
    assert str(stack.folder.root) in output
