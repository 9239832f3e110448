"""What `callstream chaos --only media` plays, on the copy of these tests: real kills of real processes during calls."""

import pytest

from callstream_local.chaos.judge import problems
from callstream_local.chaos.part import PARTS, Part
from callstream_local.chaos.play import play_on
from callstream_local.chaos.scene import TALKS, WAITS
from callstream_local.demo.manifest import agent_ids
from callstream_local.stack import Stack

from .conftest import PASSWORDS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("part", [part for part in PARTS if part.group == "media"], ids=lambda part: part.name)
async def test_the_media_parts_go_as_promised(stack: Stack, part: Part) -> None:
    """No gap is judged here: a test machine may be too busy to speak in time."""
    outcome = await play_on(stack, part, {user: PASSWORDS[user] for user in agent_ids(TALKS)}, lambda _: None)
    wrong = [problem for problem in problems(outcome) if "heard nothing for" not in problem]
    assert wrong == []
    assert len(outcome.in_talk) == TALKS
    assert len(outcome.waiting) == WAITS
    assert len(outcome.evidence.records) == TALKS + WAITS
