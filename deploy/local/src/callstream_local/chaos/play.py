"""One part: a fresh copy, calls, the kill, and what came of it."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from callstream.contracts.call_events import CallBridged
from callstream.contracts.queue_events import ContactQueued
from callstream_local.chaos.part import Part
from callstream_local.chaos.scene import TALKS, WAITS, scene
from callstream_local.config import StackOptions
from callstream_local.demo.evidence import Evidence
from callstream_local.demo.manifest import agent_ids, demo_manifest
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.run import fresh_folder
from callstream_local.stack import Stack

Say = Callable[[str], None]

FOLDER = Path("build/chaos")
"""Of the copies' data: recordings and logs stay until the next run."""
TALKING_WITHIN_S = 45.0
BEFORE_S = 1.5
"""Of talk, in which the machine's own gaps are measured for comparison."""
AFTER_S = 2.0
"""Of talk after the part is back."""
PLAYED_WITHIN_S = 150.0


class CannotPlay(Exception):
    """The calls did not come to the point at which something could be killed."""


@dataclass(slots=True)
class Outcome:
    """gaps: the longest pause in ms by tone of the line that heard it, over the kill; gaps_before: without a kill."""

    part: Part
    evidence: Evidence
    back_after_s: float
    gaps: dict[int, float] = field(default_factory=dict)
    gaps_before: dict[int, float] = field(default_factory=dict)
    in_talk: frozenset[str] = frozenset()
    """Call ids at the moment of the kill."""
    waiting: frozenset[str] = frozenset()


async def play(part: Part, say: Say) -> Outcome:
    """Raises CannotPlay, StackError."""
    say("starting a fresh copy")
    async with Stack(fresh_folder(FOLDER / part.name), StackOptions(durability="fast")) as stack:
        return await play_on(stack, part, {user: secrets.token_urlsafe(9) for user in agent_ids(TALKS)}, say)


async def play_on(stack: Stack, part: Part, passwords: dict[str, str], say: Say) -> Outcome:
    """The same on a copy that runs; passwords by agent, as many as callers talk."""
    async with Rehearsal(stack, scene(passwords), demo_manifest(passwords)) as centre:
        await centre.prepare()
        say(f"{TALKS} callers begin to talk, {WAITS} waits")
        async with asyncio.timeout(PLAYED_WITHIN_S):
            calling = asyncio.create_task(centre.perform())
            try:
                in_talk, waiting = await _talking(centre)
                before = await _gaps(centre, BEFORE_S)
                say(part.what)
                back_after_s, gaps = await _kill(part, stack, centre)
                say("the calls come to their ends")
                await calling
            finally:
                calling.cancel()
        evidence = await centre.settle()
        await centre.leave()
        return Outcome(part, evidence, back_after_s, gaps, before, in_talk, waiting)


async def _kill(part: Part, stack: Stack, centre: Rehearsal) -> tuple[float, dict[int, float]]:
    lines = list(centre.network.lines.values())
    for line in lines:
        line.audio.measure_gaps()
    began = time.monotonic()
    await asyncio.gather(*(stack.kill(name) for name in part.kills))
    for name in part.kills:
        await stack.ready(name)
    back_after_s = time.monotonic() - began
    await asyncio.sleep(AFTER_S)
    return back_after_s, {line.tone_hz: line.audio.longest_gap_ms for line in lines}


async def _gaps(centre: Rehearsal, seconds: float) -> dict[int, float]:
    lines = list(centre.network.lines.values())
    for line in lines:
        line.audio.measure_gaps()
    await asyncio.sleep(seconds)
    return {line.tone_hz: line.audio.longest_gap_ms for line in lines}


async def _talking(centre: Rehearsal) -> tuple[frozenset[str], frozenset[str]]:
    """Wait until the talks and the waiting stand; the calls' ids."""
    deadline = time.monotonic() + TALKING_WITHIN_S
    while time.monotonic() < deadline:
        talks = {r.aggregate_id for r in centre.events if isinstance(r.event, CallBridged)}
        queued = {r.event.call_id for r in centre.events if isinstance(r.event, ContactQueued)}
        if len(talks) == TALKS and len(queued - talks) == WAITS:
            return frozenset(talks), frozenset(queued - talks)
        await asyncio.sleep(0.1)
    raise CannotPlay(f"{len(talks)} of {TALKS} callers talk after {TALKING_WITHIN_S:.0f} s")
