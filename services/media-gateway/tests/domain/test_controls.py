"""Which command is possible when: the table, the view that is made of it, and the refusals, all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from callstream.contracts.config import Audio, CollectTemplate, Survey
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import OF_SUPERVISORS, POSSIBLE, Control, Situation, possible
from callstream_media_gateway.domain.controls_doc import document
from callstream_media_gateway.domain.decide import command
from callstream_media_gateway.domain.situation import situation, view

from . import story
from .story import AGENT, CONNECT, OUTSIDE, OWN, WHO, Story, do_it


def connecting() -> Story:
    offered = on.Offered(offer_id="offer", request_id="r", agent_id="1001", connect_prompt=CONNECT)
    return story.answered().steps(
        offered, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT), on.AnswerLogged(offer_id="offer")
    )


class At(Struct):
    state: Callable[[], Story]
    agent_id: str = "1001"


SITUATIONS: dict[Situation, At] = {
    Situation.RINGING: At(story.agent_rings),
    Situation.CONNECTING: At(connecting),
    Situation.DIALLING: At(story.callee_rings),
    Situation.TALKING: At(story.talking),
    Situation.HELD: At(story.held),
    Situation.ASKING: At(story.asking),
    Situation.CONSULTING: At(story.consulting),
    Situation.CALLING: At(story.on_two_lines),
    Situation.CONSULTED: At(story.consulting, "1002"),
    Situation.IN_FLOW: At(story.in_flow),
    Situation.CONFERENCE: At(story.conference),
    Situation.JOINED: At(story.conference, "1002"),
    Situation.ABSENT: At(story.talking, "1002"),
    Situation.OVER: At(story.ended),
}

COMMANDS: dict[Control, on.Input] = {
    **{
        control: do_it(control)
        for control in (
            *(Control.HOLD, Control.RETRIEVE, Control.MUTE, Control.UNMUTE, Control.COMPLETE, Control.CANCEL),
            *(Control.JOIN, Control.LEAVE, Control.DROP_PARTY, Control.END_SUPERVISION, Control.RESUME),
        )
    },
    Control.BLIND_TRANSFER: orders.HandOver(**WHO, target_agent_id="1003"),
    Control.CONSULT: orders.AskOutside(**WHO, number=OUTSIDE),
    Control.SUPERVISE: orders.Supervise(agent_id="1001", actor="boss", supervisor_agent_id="1009", mode=story.LISTEN),
    Control.HANG_UP: do_it(Control.HANG_UP),
    Control.SEND_DIGITS: orders.SendKeys(**WHO, digits="12#"),
    Control.PLAY: orders.PlayTo(**WHO, play_id="p9", prompts=story.MENU),
    Control.COLLECT: orders.Collect(**WHO, collection_id="c1", template=CollectTemplate(id="order", name="Order number")),
    Control.RUN_FLOW: orders.RunFlow(**WHO, flow_id="confirm", flow_version=1),
    Control.SURVEY: orders.AskRating(**WHO, survey=Survey(prompts=story.MENU)),
    Control.TEAR_DOWN: on.TearDown(agent_id="1001", actor="boss"),
    Control.TRANSFER: on.Transfer(agent_id="1001", target_agent_id="1003", actor="boss", prompts=(Audio(audio_id="a"),)),
}


@pytest.mark.parametrize("where", list(Situation))
def test_every_situation_is_met(where: Situation) -> None:
    at = SITUATIONS[where]
    assert situation(at.state().call, at.agent_id) is where


@pytest.mark.feature("F035")
@pytest.mark.parametrize("control", list(COMMANDS))
@pytest.mark.parametrize("where", list(Situation))
def test_a_command_is_refused_exactly_where_the_table_has_no_entry(where: Situation, control: Control) -> None:
    at = SITUATIONS[where]
    call = at.state()
    given = replace(COMMANDS[control], agent_id=at.agent_id)
    before = list(call.names)
    if control in POSSIBLE[where]:
        call.step(given)
        return
    with pytest.raises(Refusal) as refusal:
        call.step(given)
    assert refusal.value.reason is (Reason.UNKNOWN_CALL if where is Situation.OVER else Reason.ILLEGAL_STATE)
    assert (call.names, call.call.effects) == (before, []), "nothing has changed"


@pytest.mark.parametrize("where", list(Situation))
def test_the_view_shows_what_would_change_something(where: Situation) -> None:
    at = SITUATIONS[where]
    call = at.state()
    shown = view(call.call, at.agent_id)
    assert shown.situation == where
    for name in shown.controls:
        control = Control(name)
        assert control in POSSIBLE[where] - OF_SUPERVISORS
        if control in COMMANDS:
            story_of = at.state()
            before = len(story_of.names)
            effects = story_of.step(replace(COMMANDS[control], agent_id=at.agent_id))
            assert effects or len(story_of.names) > before, f"{control} changed nothing"


@pytest.mark.feature("F150")
@pytest.mark.parametrize("control", sorted(POSSIBLE[Situation.TALKING] & COMMANDS.keys()))
def test_an_outgoing_talk_has_every_control_of_an_incoming_one(control: Control) -> None:
    incoming, outgoing = story.talking(), story.outbound_talk()
    before = len(incoming.names), len(outgoing.names)
    for call in (incoming, outgoing):
        call.step(COMMANDS[control])
    assert outgoing.new(before[1]) == incoming.new(before[0])


@pytest.mark.feature("F150")
@pytest.mark.parametrize("control", sorted(COMMANDS.keys() - POSSIBLE[Situation.DIALLING]))
def test_before_the_callee_has_answered_there_is_nothing_to_control(control: Control) -> None:
    with pytest.raises(Refusal):
        story.callee_rings().step(COMMANDS[control])


def test_a_command_that_was_carried_out_changes_nothing_when_it_comes_again() -> None:
    call = story.talking()
    asked = replace(COMMANDS[Control.CONSULT], cause="c1")
    assert command(call.call, asked, call.now) != []
    assert command(call.call, asked, call.now) == []
    with pytest.raises(Refusal):
        command(call.call, replace(asked, cause="c2"), call.now)


def test_held_and_muted_are_shown() -> None:
    call = story.held().steps(do_it(Control.MUTE))
    shown = view(call.call, "1001")
    assert [(party.held, party.muted) for party in shown.parties] == [(True, False), (False, True)]
    assert all(party.answered for party in shown.parties)
    assert {"retrieve", "unmute"} <= set(shown.controls)
    assert not {"hold", "mute"} & set(shown.controls)


def test_an_internal_call_has_no_customer_to_do_anything_with() -> None:
    assert possible(Situation.TALKING, internal=True) == {
        *(Control.HOLD, Control.RETRIEVE, Control.MUTE, Control.UNMUTE, Control.HANG_UP),
    }
    shown = view(story.internal_talk().call, "1001")
    assert shown.controls == ("hold", "mute", "agent-hang-up")
    assert [party.agent_id for party in shown.parties] == ["1001", "1002"]
    assert shown.parties[0].leg_id == OWN


def test_the_document_is_what_the_table_says() -> None:
    said = (Path(__file__).parents[4] / "docs" / "call-control.md").read_text(encoding="utf-8")
    assert said == document(), "run: python -m callstream_media_gateway.domain.controls_doc > docs/call-control.md"
