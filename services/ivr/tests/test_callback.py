"""Who waits is offered to be called back: when, by which key, and what becomes of the call."""

from typing import Any

import pytest

from callstream.contracts.flow import InvalidFlow, OfferCallback, Play, TransferToAgent, read_flow

from . import world as surroundings
from .hotline import Script, flow
from .world import CALLER, World, say

OFFER = OfferCallback(after_s=20, key="2", prompts=say("Press 2 to be called back."), next="soon")
QUEUE = TransferToAgent(id="queue", group_id="sales", failed="sorry", queue_prompts=say("8 s of music"), offer_callback=OFFER)
SOON, SORRY = Play(id="soon", prompts=say("We shall call."), next="bye"), Play(id="sorry", prompts=say("Sorry."), next="bye")
FLOW = flow(QUEUE, SOON, SORRY)
WAITS = ["start main.3", "request sales"]
MUSIC, ASK = "8 s of music x10", "Press 2 to be called back."

STORIES: dict[str, tuple[Script, list[str], list[str]]] = {
    "taken while it is offered": (
        [(21, "press 2"), (21.1, "queue redirected callback")],
        [*WAITS, "callback round", f"call back {CALLER}", "enter soon", "end: flow-ended"],
        [MUSIC, ASK, "We shall call."],
    ),
    "taken later, while music plays": (
        [(40, "press 2"), (40.1, "queue redirected callback")],
        [*WAITS, "callback round", "queue round", f"call back {CALLER}", "enter soon", "end: flow-ended"],
        [MUSIC, ASK, MUSIC, "We shall call."],
    ),
    "not taken": (
        [(50, "queue failed")],
        [*WAITS, "callback round", "queue round", "enter sorry", "end: flow-ended"],
        [MUSIC, ASK, MUSIC, "Sorry."],
    ),
    "other keys, and keys before it is offered, mean nothing": (
        [(5, "press 2"), (21, "press 1"), (30, "press 3"), (50, "hang up")],
        [*WAITS, "callback round", "queue round"],
        [MUSIC, ASK, MUSIC],
    ),
    "pressed twice": (
        [(21, "press 2"), (21.01, "press 2"), (21.1, "queue redirected callback")],
        [*WAITS, "callback round", f"call back {CALLER}", "enter soon", "end: flow-ended"],
        [MUSIC, ASK, "We shall call."],
    ),
    "served before it is offered": (
        [(10, "offer O1"), (19, "answer O1")],
        [*WAITS],
        [MUSIC],
    ),
    "an agent rings when it is time: not before they have let it ring": (
        [(15, "offer O1"), (30, "withdraw O1"), (40, "hang up")],
        [*WAITS, "callback round", "queue round"],
        [MUSIC, ASK, MUSIC],
    ),
    "an agent answers between the key and the end of waiting": (
        [(21, "press 2"), (21.05, "offer O1"), (21.1, "answer O1"), (21.2, "queue answered")],
        [*WAITS, "callback round", f"call back {CALLER}"],
        [MUSIC, ASK],
    ),
    "hung up at once after the key": (
        [(21, "press 2"), (21.05, "hang up")],
        [*WAITS, "callback round", f"call back {CALLER}"],
        [MUSIC, ASK],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_waiting_caller(name: str) -> None:
    script, told, heard = STORIES[name]
    world = World(FLOW, script).run()
    assert (world.story, world.heard, world.open_sessions) == (told, heard, 0)


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("behind", range(2, 14))
def test_a_killed_ivr_does_the_same(name: str, behind: int) -> None:
    script, told, _ = STORIES[name]
    killed = World(FLOW, script)
    killed.kill_behind = behind
    assert killed.run().story == told


def test_it_is_offered_when_it_is_time() -> None:
    assert "20.0 callback round" in World(FLOW, [(30, "hang up")]).run().timed_story


@pytest.mark.parametrize("number", ["", "0013800000001"])
def test_who_cannot_be_called_back_is_not_asked(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "CALLER", number)
    world = World(FLOW, [(50, "press 2"), (60, "hang up")]).run()
    assert world.story == [*WAITS]


def test_without_music_it_is_offered_too() -> None:
    silent = TransferToAgent(id="queue", group_id="sales", failed="sorry", offer_callback=OFFER)
    world = World(flow(silent, SOON, SORRY), [(30, "press 2"), (30.1, "queue redirected callback")]).run()
    assert world.heard == [ASK, "We shall call."]


NODE: dict[str, Any] = {"kind": "transfer-to-agent", "id": "queue", "group_id": "sales", "failed": "bye"}
GOOD: dict[str, Any] = {"after_s": 30, "prompts": [{"kind": "tts", "text": "Press 1."}], "next": "bye"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"key": "#"}, None),
        ({"key": "12"}, "offer_callback.key"),
        ({"after_s": 0}, "offer_callback.after_s"),
        ({"prompts": []}, "offer_callback.prompts"),
        ({"prompts": [{"kind": "tts", "text": "${WaitNo} before you."}]}, "offer_callback.prompts[0].text"),
        ({"next": "nowhere"}, "offer_callback.next"),
        ({"whenever": 1}, "offer_callback"),
    ],
)
def test_what_is_refused(change: dict[str, Any], field: str | None) -> None:
    offering = {**NODE, "offer_callback": GOOD | change}
    nodes = [{"kind": "start", "id": "start", "next": "queue"}, offering, {"kind": "end", "id": "bye"}]
    document = {"id": "f", "name": "F", "nodes": nodes}
    if field is None:
        read_flow(document)
        return
    with pytest.raises(InvalidFlow) as caught:
        read_flow(document)
    assert (caught.value.problems[0].node, caught.value.problems[0].field) == ("queue", field)


def test_a_circle_that_only_a_callback_leaves_is_refused() -> None:
    """A group that serves nobody would send its caller round and round."""
    nodes = [
        {"kind": "start", "id": "start", "next": "queue"},
        {**NODE, "failed": "sorry", "offer_callback": GOOD},
        {"kind": "play", "id": "sorry", "prompts": [{"kind": "tts", "text": "Sorry."}], "next": "queue"},
        {"kind": "end", "id": "bye"},
    ]
    with pytest.raises(InvalidFlow) as caught:
        read_flow({"id": "f", "name": "F", "nodes": nodes})
    assert {problem.node for problem in caught.value.problems} == {"start", "queue", "sorry"}
