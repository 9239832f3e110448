"""kill -9 of one service after the other while calls are in the menu, in the queue, ringing and talking.

Nothing may be lost, doubled or stuck: the same verdict as over any other run, and every caller finds the world as a caller of a
healthy system does. (What each part does to survive is written in docs/architecture.md, "When things fail".)
"""

import asyncio

import pytest

from callstream_local.demo.manifest import agent_ids, demo_manifest
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.scenario import scenario
from callstream_local.demo.verdict import judge
from callstream_local.stack import Stack

from .conftest import PASSWORDS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

VICTIMS = ("ivr", "routing", "agent-state", "reporting")


async def kill_in_turn(stack: Stack) -> None:
    """Each is killed in the middle of things, twice, and awaited before the next one."""
    for victim in VICTIMS * 2:
        await asyncio.sleep(1.5)
        await stack.kill(victim)
        await stack.ready(victim)


async def test_services_killed_in_turn_lose_double_and_block_nothing(stack: Stack) -> None:
    plans = scenario(36, 6, {user: PASSWORDS[user] for user in agent_ids(6)}, seed=7)
    before = stack.restarts()
    async with Rehearsal(stack, plans, demo_manifest(PASSWORDS)) as centre:
        await centre.prepare()
        killing = asyncio.create_task(kill_in_turn(stack))
        await centre.perform()
        await killing
        evidence = await centre.settle()
        await centre.leave()
    verdict = judge(evidence)
    assert verdict.problems == []
    assert verdict.report.calls_placed == verdict.report.records == 36
    assert verdict.report.audio_ok == verdict.report.recordings
    restarted = {name: count - before[name] for name, count in stack.restarts().items() if count > before[name]}
    assert restarted == dict.fromkeys(VICTIMS, 2)
