"""Calls that end in a mailbox: what the caller does, what the session records, what is asked of the gateway."""

from typing import Any

import pytest

from callstream.contracts.commands import TakeMessage
from callstream.contracts.config import Audio
from callstream.contracts.flow import Branch, Choice, Flow, InvalidFlow, Play, TransferToAgent, Voicemail, read_flow
from callstream.kernel.outcomes import Reason

from .hotline import Script, flow
from .world import World, say

BOX = Voicemail(id="box", label="Voicemail", prompts=say("Speak after the beep."), group_id="sales", max_s=60, next="thanks")
THANKS = Play(id="thanks", prompts=say("Thank you."), next="bye")
FLOW = flow(BOX, THANKS)
TO_BOX = ["start main.3", "enter box"]

STORIES: dict[str, tuple[Script, list[str], list[str]]] = {
    "ended by #": (
        [(10, "press #")],
        [*TO_BOX, "message round", "enter thanks", "end: flow-ended"],
        ["Speak after the beep.", "beep for group:sales", "Thank you."],
    ),
    "as long as may be": (
        [],
        [*TO_BOX, "message round", "enter thanks", "end: flow-ended"],
        ["Speak after the beep.", "beep for group:sales", "Thank you."],
    ),
    "a key leads to the beep at once, others in the message do nothing": (
        [(1, "press #"), (5, "press 1"), (9, "press #")],
        [*TO_BOX, "message round", "enter thanks", "end: flow-ended"],
        ["Speak after the beep.", "beep for group:sales", "Thank you."],
    ),
    "hung up while speaking": (
        [(10, "hang up")],
        [*TO_BOX, "message round"],
        ["Speak after the beep.", "beep for group:sales"],
    ),
    "hung up before the beep": ([(1, "hang up")], [*TO_BOX], ["Speak after the beep."]),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_message(name: str) -> None:
    script, told, heard = STORIES[name]
    world = World(FLOW, script).run()
    assert (world.story, world.heard, world.open_sessions) == (told, heard, 0)


@pytest.mark.parametrize("script", [script for script, _, _ in STORIES.values()])
@pytest.mark.parametrize("behind", range(2, 14))
def test_a_killed_ivr_asks_for_the_same_message_again(script: Script, behind: int) -> None:
    whole, killed = World(FLOW, script).run(), World(FLOW, script)
    killed.kill_behind = behind
    killed.run()
    assert killed.story == whole.story
    taken = [command for command in killed.commands if isinstance(command, TakeMessage)]
    assert len({command.command_id for command in taken}) <= 1


def test_an_agents_mailbox_behind_a_queue_that_fails() -> None:
    box = Voicemail(id="box", prompts=say("Speak."), agent_id="1001", next="bye")
    world = World(
        flow(TransferToAgent(id="queue", group_id="sales", failed="box"), box), [(1, "queue failed"), (9, "press #")]
    ).run()
    assert world.heard == ["Speak.", "beep for agent:1001"]
    assert world.story == ["start main.3", "request sales", "enter box", "message round", "end: flow-ended"]


def test_prompts_that_cannot_be_played_keep_nobody_from_speaking() -> None:
    box = Voicemail(id="box", prompts=(Audio(audio_id="missing"),), group_id="sales", next="bye")
    world = World(flow(box), [(9, "press #")]).run()
    assert world.story == ["start main.3", "enter box", "prompt failed: invalid", "message round", "end: flow-ended"]


def test_what_is_pressed_in_a_message_is_not_taken_by_the_next_menu() -> None:
    menu = Branch(id="menu", prompts=say("Again 1."), choices=(Choice(key="1", name="", next="bye"),), max_errors=0)
    box = Voicemail(id="box", prompts=say("Speak."), group_id="sales", next="menu")
    world = World(flow(box, menu), [(5, "press 1"), (6, "press #")]).run()
    assert world.story[-2:] == ["no key (1)", f"end: {Reason.MAX_ERRORS}"]


BOX_NODE: dict[str, Any] = {
    "kind": "voicemail", "id": "box", "prompts": [{"kind": "tts", "text": "Speak."}], "group_id": "sales", "next": "bye",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"group_id": None, "agent_id": "1001"}, None),
        ({"agent_id": "1001"}, "group_id"),
        ({"group_id": None}, "group_id"),
        ({"prompts": []}, "prompts"),
        ({"max_s": 4}, "max_s"),
        ({"silence_s": 1}, "silence_s"),
        ({"max_s": 601}, "max_s"),
        ({"next": "nowhere"}, "next"),
        ({"prompts": [{"kind": "tts", "text": "${WaitNo} before you"}]}, "prompts[0].text"),
    ],
)
def test_a_node_that_does_not_fit(change: dict[str, Any], field: str | None) -> None:
    nodes = [{"kind": "start", "id": "start", "next": "box"}, {**BOX_NODE, **change}, {"kind": "end", "id": "bye"}]
    document = {"id": "f", "name": "F", "nodes": nodes}
    if field is None:
        assert isinstance(read_flow(document), Flow)
        return
    with pytest.raises(InvalidFlow) as refused:
        read_flow(document)
    first = refused.value.problems[0]
    assert (first.node, first.field) == ("box", field)
