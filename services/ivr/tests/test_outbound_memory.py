"""Callers whom an agent called lately pass the flow (F132, F133); callers whose request is stopped are told (F211)."""

from datetime import timedelta

import pytest

from callstream.contracts.config import Audio, Settings
from callstream.kernel.outcomes import Reason

from .hotline import HOTLINE, THROUGH_MENU, Script
from .world import World, say

DAYS_3 = timedelta(days=3)
HOLD = "Please hold the line. You are being connected. x10"


def recalled(
    script: Script, memory: str = "preferred", ago: timedelta | None = DAYS_3, settings: Settings | None = None
) -> World:
    return World(HOTLINE, script, memory=memory, dialled_ago=ago, settings=settings)


@pytest.mark.parametrize(("memory", "line"), [("preferred", "request agent 1001"), ("direct", "request agent 1001 patiently")])
def test_who_was_called_by_an_agent_goes_past_the_flow_to_that_agent(memory: str, line: str) -> None:
    world = recalled([(1, "offer O1"), (3, "answer O1"), (9, "hang up")], memory).run()
    assert world.story == ["start main.3", line]
    assert world.heard == [HOLD]
    assert world.open_sessions == 0


@pytest.mark.feature("F132", "F133")
@pytest.mark.parametrize(
    ("memory", "ago"),
    [
        ("none", timedelta(minutes=1)),
        ("preferred", DAYS_3 + timedelta(milliseconds=1)),
        ("direct", DAYS_3 + timedelta(milliseconds=1)),
        ("preferred", None),
    ],
)
def test_everybody_else_begins_in_the_flow(memory: str, ago: timedelta | None) -> None:
    world = recalled([(1, "hang up")], memory, ago).run()
    assert world.story == ["start main.3", "enter welcome"]


@pytest.mark.parametrize("script", [[(0.5, "queue failed")], [(0.5, "offer O1"), (2, "withdraw O1"), (2, "queue failed")]])
def test_with_that_agent_busy_or_offline_the_call_takes_the_normal_flow(script: Script) -> None:
    world = recalled([*script, (7.5, "press 2"), (9, "hang up")]).run()
    assert world.story == [
        *[THROUGH_MENU[0], "request agent 1001", *THROUGH_MENU[1:]],
        *["key 2: Service", "request service"],
    ]
    assert world.heard == [HOLD, "Welcome.", "Sales 1, service 2.", "4 s of music x10"]


def test_what_the_caller_hears_meanwhile_is_the_tenants() -> None:
    settings = Settings(transfer_prompts=say("5 s of jazz"))
    world = recalled([(60, "hang up")], settings=settings).run()
    assert world.heard == ["5 s of jazz x10", "5 s of jazz x10"], "again, as long as they wait"
    assert world.story == ["start main.3", "request agent 1001", "queue round"]


def test_a_kill_behind_any_event_changes_nothing() -> None:
    script: Script = [(0.5, "offer O1"), (2, "withdraw O1"), (2, "queue failed"), (7.5, "press 2"), (9, "hang up")]
    expected = recalled(script).run().story
    for behind in range(1, len(recalled(script).run().log)):
        world = recalled(script)
        world.kill_behind = behind
        assert world.run().story == expected, f"killed behind {behind}"


def test_a_stopped_request_past_the_flow_ends_the_call() -> None:
    assert recalled([(1, "queue stopped")]).run().story == ["start main.3", "request agent 1001", "end: supervisor"]


# F211

GOODBYE = Settings(stopped_prompts=say("3 s of goodbye"))
TO_SERVICE: Script = [(4.5, "press 2")]


def test_a_stopped_caller_is_told_before_the_call_ends() -> None:
    world = World(HOTLINE, [*TO_SERVICE, (8, "queue stopped")], settings=GOODBYE).run()
    assert world.heard[-1] == "3 s of goodbye"
    assert world.timed_story[-2:] == ["8.0 stopped round", "11.0 end: supervisor"]


def test_a_stopped_caller_who_hangs_up_meanwhile_has_hung_up() -> None:
    world = World(HOTLINE, [*TO_SERVICE, (8, "queue stopped"), (9, "hang up")], settings=GOODBYE).run()
    assert not any(line.startswith("end:") for line in world.story)
    assert world.open_sessions == 0


def test_without_words_or_with_broken_ones_the_call_ends_at_once() -> None:
    assert World(HOTLINE, [*TO_SERVICE, (8, "queue stopped")]).run().timed_story[-1] == "8.0 end: supervisor"
    broken = Settings(stopped_prompts=(Audio(audio_id="missing"),))
    world = World(HOTLINE, [*TO_SERVICE, (8, "queue stopped")], settings=broken).run()
    assert world.story[-3:] == ["stopped round", f"prompt failed: {Reason.INVALID}", "end: supervisor"]


def test_the_words_survive_a_kill() -> None:
    script = [*TO_SERVICE, (8, "queue stopped")]
    expected = World(HOTLINE, script, settings=GOODBYE).run()
    for behind in range(1, len(expected.log)):
        world = World(HOTLINE, script, settings=GOODBYE)
        world.kill_behind = behind
        assert world.run().story == expected.story, f"killed behind {behind}"
