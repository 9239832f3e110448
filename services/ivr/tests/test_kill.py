"""kill -9 of ivr at every point of a call: what it left in the log is enough to go on as if nothing had been."""

import pytest

from callstream.contracts import ivr_events as ivr

from .hotline import HOTLINE, TO_SERVICE, Script
from .world import World

SCRIPTS: dict[str, Script] = {
    "wrong key, star, sales, music, agent": [
        *[(3, "press 7"), (6, "press *"), (9, "press 1")],
        *[(14, "offer O1"), (20, "withdraw O1"), (25, "offer O2"), (26, "answer O2")],
    ],
    "typed ahead": [(1, "press 0"), (1.1, "press 1"), (1.2, "press 2"), (9, "queue failed")],
    "silence": [],
    "nobody online": [(3, "press 2"), (5, "queue failed")],
    "leaves in the queue": [(3, "press 1"), (20, "hang up")],
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_kill_behind_any_event_changes_nothing_in_the_log(name: str) -> None:
    undisturbed = World(HOTLINE, SCRIPTS[name]).run()
    assert len(undisturbed.log) > 10
    for position in range(1, len(undisturbed.log) + 1):
        killed = World(HOTLINE, SCRIPTS[name])
        killed.kill_behind = position
        killed.run()
        assert killed.log == undisturbed.log, f"killed behind {position}"
        assert killed.heard == undisturbed.heard
        assert killed.open_sessions == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_pause_behind_any_event_loses_and_doubles_nothing(name: str) -> None:
    undisturbed = World(HOTLINE, SCRIPTS[name]).run()
    ends = [line for line in undisturbed.story if line.startswith("end:")]
    for position in range(1, len(undisturbed.log) + 1):
        killed = World(HOTLINE, SCRIPTS[name])
        killed.kill_behind, killed.down_s = position, 1.3
        killed.run()
        assert killed.story[0] == "start main.3"
        assert [line for line in killed.story if line.startswith("end:")] == ends
        assert killed.open_sessions == 0
        plays = [command.command_id for command in killed.commands if command.NAME == "play"]
        assert len(killed.heard) == len(set(plays)), "a playback sent again under its id is heard once"


@pytest.mark.feature("F079")
def test_a_key_pressed_while_ivr_is_down_is_taken_when_it_is_back() -> None:
    world = World(HOTLINE, [(4.5, "press 2"), (12, "hang up")])
    in_menu = next(
        i
        for i, r in enumerate(World(HOTLINE).run(4).log, 1)
        if isinstance(r.event, ivr.NodeEntered) and r.event.node_id == "menu"
    )
    world.kill_behind, world.down_s = in_menu, 6
    world.run()
    assert isinstance(world.log[in_menu - 1].event, ivr.NodeEntered), "killed just when the menu was entered"
    assert world.story == [*TO_SERVICE]
    assert world.heard == ["Welcome.", "4 s of music x10"], "the menu was never heard, its key counts all the same"
    assert [line for line in world.timed_story if "key 2" in line] == ["8.0 key 2: Service"]


def test_a_menu_times_out_once_although_ivr_was_down_at_that_moment() -> None:
    world = World(HOTLINE, [(16, "hang up")])
    world.kill_behind, world.down_s = 6, 8  # behind the end of the menu's prompt
    world.run(15)
    assert [line for line in world.timed_story if "no key" in line] == ["12.0 no key (1)"]


def test_a_call_that_came_and_went_while_ivr_was_down_is_closed() -> None:
    world = World(HOTLINE, [(1, "hang up")])
    world.kill_behind, world.down_s = 1, 3
    world.run()
    assert (world.timed_story, world.open_sessions) == ([], 0)
    assert world.commands == []
