"""Calls through flows, told as stories: what the caller does, what the session records, what the caller hears."""

import pytest

from callstream.contracts import ivr_events as ivr
from callstream.contracts.call_events import CallEnded, DigitReceived
from callstream.contracts.config import Audio, SkillStep
from callstream.contracts.flow import Branch, Choice, Flow, Play, TransferToAgent
from callstream.kernel.outcomes import Party, Reason

from .hotline import HOTLINE, MENU, SALES, SERVICE, SORRY, THROUGH_MENU, TO_SALES, TO_SERVICE, WELCOME, Script, flow
from .world import World, say

STORIES: dict[str, tuple[Script, list[str], list[str]]] = {
    "a key in the menu": (
        [(4.5, "press 2"), (6, "hang up")],
        [
            *THROUGH_MENU,
            "key 2: Service",
            "request service",
        ],
        ["Welcome.", "Sales 1, service 2.", "4 s of music x10"],
    ),
    "the key cuts the menu's prompt short": (
        [(2.5, "press 1"), (3, "hang up")],
        [*TO_SALES],
        ["Welcome.", "Sales 1, service 2.", "One moment."],
    ),
    "typed ahead during the welcome": (
        [(1, "press 1"), (2, "hang up")],
        [*TO_SALES],
        ["Welcome.", "One moment."],
    ),
    "a key that only skips the welcome is no error": (
        [(1, "press 0"), (2, "press 2"), (3, "hang up")],
        [
            *THROUGH_MENU,
            "key 2: Service",
            "request service",
        ],
        ["Welcome.", "Sales 1, service 2.", "4 s of music x10"],
    ),
    "star leads back": (
        [(3, "press *"), (4, "press 0"), (4.5, "press 2"), (5, "hang up")],
        [
            *[*THROUGH_MENU, "key *: Again", "enter welcome", "enter menu", "key 2: Service"],
            *["request service"],
        ],
        ["Welcome.", "Sales 1, service 2.", "Welcome.", "Sales 1, service 2.", "4 s of music x10"],
    ),
    "wrong key, then the right one": (
        [(3, "press 7"), (6, "press 1"), (7, "hang up")],
        [
            *[*THROUGH_MENU, "wrong key 7 (1)", "key 1: Sales", "request sales"],
        ],
        ["Welcome.", "Sales 1, service 2.", "Wrong key.", "One moment."],
    ),
    "no key, wrong keys, too many of both": (
        [(12, "press 7"), (15, "press 8")],
        [*THROUGH_MENU, "no key (1)", "wrong key 7 (2)", "wrong key 8 (3)", "end: max-errors"],
        ["Welcome.", "Sales 1, service 2.", "Still there?", "Wrong key."],
    ),
    "never a key": (
        [],
        [*THROUGH_MENU, "no key (1)", "no key (2)", "no key (3)", "end: max-errors"],
        ["Welcome.", "Sales 1, service 2.", "Still there?", "Still there?"],
    ),
    "nobody online": (
        [(3, "press 1"), (4, "queue failed")],
        [
            *[*TO_SALES, "enter sorry"],
            "end: flow-ended",
        ],
        ["Welcome.", "Sales 1, service 2.", "One moment.", "Nobody is here."],
    ),
    "an agent answers": (
        [(3, "press 1"), (6, "offer O1"), (9, "answer O1"), (60, "hang up")],
        [
            *[*TO_SALES, "queue round"],
        ],
        ["Welcome.", "Sales 1, service 2.", "One moment.", "10 s of music + ${WaitNo} before you."],
    ),
    "the first agent answers too late, the second in time": (
        [
            (3, "press 2"),
            (4, "offer O1"),
            (9, "withdraw O1"),
            (9, "answer O1"),
            (20, "offer O2"),
            (21, "answer O2"),
            (60, "hang up"),
        ],
        [
            *[*TO_SERVICE, "queue round"],
        ],
        ["Welcome.", "Sales 1, service 2.", "4 s of music x10", "4 s of music x10"],
    ),
    "routing says answered": (
        [(3, "press 2"), (4, "queue answered"), (60, "hang up")],
        [*TO_SERVICE],
        ["Welcome.", "Sales 1, service 2.", "4 s of music x10"],
    ),
    "a supervisor ends the wait": (
        [(3, "press 2"), (4, "queue stopped")],
        [*TO_SERVICE, "end: supervisor"],
        ["Welcome.", "Sales 1, service 2.", "4 s of music x10"],
    ),
    "queue prompts go round and round": (
        [(3, "press 1"), (32, "hang up")],
        [
            *[*TO_SALES],
            *["queue round", "queue round", "queue round"],
        ],
        ["Welcome.", "Sales 1, service 2.", "One moment.", *["10 s of music + ${WaitNo} before you."] * 3],
    ),
    "keys mean nothing in the queue": (
        [(3, "press 2"), (4, "press 1"), (5, "press 7"), (6, "queue failed"), (6.5, "press 1")],
        [
            *[*TO_SERVICE, "enter sorry"],
            "end: flow-ended",
        ],
        ["Welcome.", "Sales 1, service 2.", "4 s of music x10", "Nobody is here."],
    ),
    "hangs up at once": ([(0.015, "hang up")], ["start main.3", "enter welcome"], []),
}


@pytest.mark.feature("F071", "F074", "F078", "F079", "F080", "F081", "F082", "F085", "F086", "F087", "F103")
@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    script, story, heard = STORIES[name]
    world = World(HOTLINE, script).run()
    assert (world.story, world.heard) == (story, heard)
    assert world.open_sessions == 0, "nothing is left behind"


@pytest.mark.feature("F082", "F103")
@pytest.mark.parametrize(
    ("script", "reason"), [([], Reason.MAX_ERRORS), ([(3, "press 2"), (4, "queue failed")], Reason.FLOW_ENDED)]
)
def test_the_call_ends_with_the_reason_of_its_session(script: Script, reason: Reason) -> None:
    world = World(HOTLINE, script).run()
    ended = world.log[-1].event
    assert isinstance(ended, CallEnded)
    assert (ended.reason, ended.party) == (reason, Party.SYSTEM)


@pytest.mark.feature("F080")
def test_the_time_for_a_key_begins_when_the_prompt_is_over() -> None:
    world = World(HOTLINE, []).run()
    assert [line for line in world.timed_story if "no key" in line] == ["9.0 no key (1)", "16.0 no key (2)", "23.1 no key (3)"]


@pytest.mark.feature("F080", "F081")
def test_a_menu_without_special_prompts_is_read_again() -> None:
    bare = Branch(id="menu", prompts=say("Press 1."), choices=(Choice(key="1", name="", next="bye"),), timeout_s=1, max_errors=2)
    world = World(flow(bare), [(2.5, "press 9")]).run()
    assert world.heard == ["Press 1.", "Press 1.", "Press 1."]
    assert world.story[-3:] == ["no key (2)", "no key (3)", "end: max-errors"]


@pytest.mark.feature("F077")
def test_a_prompt_is_repeated_as_often_as_told() -> None:
    world = World(flow(Play(id="news", prompts=say("News."), repeat=3, next="bye"))).run()
    assert world.heard == ["News. x3"]
    assert world.timed_story[-1].startswith("6.0 end: flow-ended")


LEGAL = Play(id="legal", prompts=say("6 s of law"), barge_in=False, next="menu")
MUTE_MENU = Branch(
    id="menu",
    prompts=say("4 s of menu"),
    choices=(Choice(key="1", name="One", next="bye"),),
    timeout_s=3,
    max_errors=0,
    barge_in=False,
)


@pytest.mark.feature("F076")
def test_keys_count_during_a_prompt_that_may_be_interrupted_only() -> None:
    deaf = flow(LEGAL, MUTE_MENU)
    during_both = World(deaf, [(1, "press 1"), (8, "press 1"), (9, "press 7")]).run()
    assert during_both.story == ["start main.3", "enter legal", "enter menu", "no key (1)", "end: max-errors"]
    assert during_both.heard == ["6 s of law", "4 s of menu"]
    behind_both = World(deaf, [(10.5, "press 1")]).run()
    assert behind_both.story[-2:] == ["key 1: One", "end: flow-ended"]


@pytest.mark.feature("F085", "F086", "F087", "F091")
def test_the_request_carries_what_routing_and_the_agent_need() -> None:
    world = World(HOTLINE, [(3, "press 7"), (6, "press 1"), (7, "hang up")]).run()
    request = next(r.event for r in world.log if isinstance(r.event, ivr.AgentRequested))
    assert (request.group_id, request.priority, request.gateway, request.customer_leg_id) == ("sales", 4, "g1", "LEG")
    assert request.connect_prompt == SALES.connect_prompts
    assert [(entry.label, entry.key, entry.branch) for entry in request.trail] == [
        ("Main menu", "7", ""),
        ("Main menu", "1", "Sales"),
    ]
    assert [entry.time[17:23] for entry in request.trail] == ["03.000", "06.000"]


@pytest.mark.feature("F134")
def test_the_request_carries_what_decides_who_may_serve_it() -> None:
    node = TransferToAgent(
        id="q",
        group_id="sales",
        also_groups=("support",),
        failed="bye",
        skills={"billing": 3},
        relax=(SkillStep(after_s=30, skills={"billing": 1}),),
        preferred_agent="1005",
    )
    world = World(flow(node), [(5, "hang up")]).run()
    request = next(r.event for r in world.log if isinstance(r.event, ivr.AgentRequested))
    assert (request.group_id, request.also_groups, request.preferred_agent) == ("sales", ("support",), "1005")
    assert (request.skills, request.relax) == (node.skills, node.relax)


def test_a_second_request_of_a_call_has_an_id_of_its_own() -> None:
    second = TransferToAgent(id="second", group_id="reserve", failed="bye")
    first = TransferToAgent(id="first", group_id="sales", failed="second")
    world = World(flow(first, second), [(1, "queue failed"), (2, "queue failed")]).run()
    requests = [r.event.request_id for r in world.log if isinstance(r.event, ivr.AgentRequested)]
    assert requests == ["C-r1", "C-r2"]
    assert world.story[-1] == "end: flow-ended"


def test_a_flow_without_a_sound_ends_the_call_unanswered() -> None:
    world = World(flow(first="bye")).run()
    assert world.story == ["start main.3", "end: flow-ended"]
    assert [command.NAME for command in world.commands] == ["hang-up"]


def test_waiting_in_silence_is_answered_too() -> None:
    world = World(flow(TransferToAgent(id="q", group_id="g", failed="bye")), [(5, "hang up")]).run()
    assert [command.NAME for command in world.commands] == ["answer-call"]


@pytest.mark.feature("F074")
def test_a_sound_that_cannot_be_played_does_not_hang_the_flow() -> None:
    broken = Play(id="news", prompts=(Audio(audio_id="missing"),), next="menu")
    world = World(flow(broken, MENU, SALES, SERVICE, SORRY, WELCOME), [(4, "press 2"), (5, "hang up")]).run()
    assert world.story[:5] == [
        "start main.3",
        "enter news",
        "prompt failed: invalid",
        "enter menu",
        "key 2: Service",
    ]


def test_broken_queue_music_is_tried_again_after_a_pause() -> None:
    world = World(
        flow(TransferToAgent(id="q", group_id="g", failed="bye", queue_prompts=(Audio(audio_id="missing"),))), [(12, "hang up")]
    ).run()
    assert world.timed_story[2:] == [
        "0.0 prompt failed: invalid",
        "5.0 queue round",
        "5.0 prompt failed: invalid",
        "10.0 queue round",
        "10.0 prompt failed: invalid",
    ]


def test_a_sound_of_a_tenth_of_a_second_goes_round_once_a_second() -> None:
    music = TransferToAgent(id="q", group_id="g", failed="bye", queue_prompts=say("0.01 s ${WaitNo}"))
    world = World(flow(music), [(5, "hang up")]).run()
    assert world.story.count("queue round") == 4


def test_a_node_that_plays_nothing_silences_the_one_before() -> None:
    loud = TransferToAgent(id="loud", group_id="a", failed="quiet", queue_prompts=say("60 s of music"))
    quiet = TransferToAgent(id="quiet", group_id="b", failed="bye")
    world = World(flow(loud, quiet), [(5, "queue failed"), (10, "hang up")]).run()
    assert [command.NAME for command in world.commands] == ["answer-call", "play", "stop-playback"]


@pytest.mark.parametrize(
    ("flow_", "bound", "reason"), [(HOTLINE, False, Reason.UNKNOWN_NUMBER), (None, True, Reason.UNKNOWN_FLOW)]
)
def test_a_number_that_leads_nowhere_is_hung_up_after_a_moment(flow_: Flow | None, bound: bool, reason: Reason) -> None:
    world = World(flow_, bound=bound).run()
    assert world.timed_story == [f"2.0 end: {reason}"]
    assert [command.NAME for command in world.commands] == ["hang-up"]


def test_a_number_published_while_the_call_arrives_is_served() -> None:
    world = World(HOTLINE, [(1, "hang up")], bound=False)
    world.at(0.1, lambda: setattr(world.catalogue, "bound", True))
    world.at(0.2, lambda: world._sessions.changed.update({"C": None}))
    world.run()
    assert world.story[0] == "start main.3"


def test_no_caller_fills_the_memory_with_keys() -> None:
    world = World(HOTLINE).run(until=1)
    for _ in range(500):
        world.append(DigitReceived(digit="9", leg_id="LEG"))
    session = world._sessions.get("C")
    assert session is not None
    assert len(session.keys) == 20
