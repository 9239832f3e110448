"""Hold, retrieve and mute: who hears what, what the log is told, and what a second time changes."""

from collections.abc import Callable

import pytest

from callstream.contracts.control_events import AgentMuted, AgentUnmuted, CallHeld, CallRetrieved
from callstream.kernel.errors import Refusal
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control

from . import story
from .story import AGENT, CUSTOMER, OWN, SECOND, Story, all_of, do_it, hears


@pytest.mark.parametrize(("talk", "agent"), [(story.talking, AGENT), (story.outbound_talk, OWN)])
def test_a_held_customer_hears_music_and_nobody_else(talk: Callable[[], Story], agent: str) -> None:
    call = talk()
    assert hears(call) == all_of(CUSTOMER, agent)
    effects = call.step(do_it(Control.HOLD))
    assert effects[-1] == do.Mix(connect=(), disconnect=story.both(CUSTOMER, agent))
    assert hears(call) == set()
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD
    assert call.last(CallHeld) == CallHeld(agent_id="1001", leg_id=CUSTOMER, actor="1001")
    call.step(do_it(Control.RETRIEVE))
    assert hears(call) == all_of(CUSTOMER, agent)
    assert call.tunes == {}
    assert call.last(CallRetrieved) == CallRetrieved(agent_id="1001", leg_id=CUSTOMER, actor="1001")


def test_each_hold_period_has_its_own_pair_of_events() -> None:
    call = story.talking()
    before = len(call.names)
    for _ in range(3):
        call.steps(do_it(Control.HOLD), do_it(Control.RETRIEVE))
    assert call.new(before) == ["held", "retrieved"] * 3


@pytest.mark.parametrize(
    ("state", "again"),
    [(story.held, do_it(Control.HOLD)), (story.talking, do_it(Control.RETRIEVE)), (story.talking, do_it(Control.UNMUTE))],
)
def test_what_is_so_already_is_accepted_and_changes_nothing(state: Callable[[], Story], again: on.Input) -> None:
    call = state()
    before = len(call.names)
    assert call.step(again) == []
    assert call.new(before) == []


def test_the_phones_own_hold_key_is_a_hold_without_an_actor() -> None:
    call = story.talking().steps(on.PhoneHeld(leg_id=AGENT))
    assert call.last(CallHeld).actor == ""
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD
    call.step(on.PhoneRetrieved(leg_id=AGENT))
    assert call.last(CallRetrieved).actor == ""
    assert hears(call) == all_of(CUSTOMER, AGENT)


@pytest.mark.parametrize("leg", [CUSTOMER, "unknown"])
def test_a_hold_of_the_customers_phone_is_theirs(leg: str) -> None:
    call = story.talking()
    assert call.step(on.PhoneHeld(leg_id=leg)) == []
    assert hears(call) == all_of(CUSTOMER, AGENT)


def test_what_was_played_to_the_customer_gives_way_to_the_music() -> None:
    call = story.talking().steps(do_it(Control.HOLD))
    call.step(on.PlayEnded(play_id=call.tunes[CUSTOMER].play_id, how="failed", message="no file"))
    call.step(do_it(Control.RETRIEVE))
    assert hears(call) == all_of(CUSTOMER, AGENT), "music that failed keeps nobody apart"


def test_a_muted_agent_hears_and_is_not_heard() -> None:
    call = story.talking().steps(do_it(Control.MUTE))
    assert hears(call) == {(AGENT, CUSTOMER)}
    assert call.tunes == {}, "no music"
    assert call.last(AgentMuted) == AgentMuted(agent_id="1001", leg_id=AGENT)
    call.steps(do_it(Control.HOLD), do_it(Control.RETRIEVE))
    assert hears(call) == {(AGENT, CUSTOMER)}, "a hold does not unmute"
    call.step(do_it(Control.UNMUTE))
    assert hears(call) == all_of(CUSTOMER, AGENT)
    assert call.last(AgentUnmuted) == AgentUnmuted(agent_id="1001", leg_id=AGENT)


def test_in_an_internal_call_the_other_agent_is_held() -> None:
    call = story.internal_talk().steps(do_it(Control.HOLD))
    assert call.tunes[SECOND].tune is do.Tune.HOLD
    assert hears(call) == set()
    with pytest.raises(Refusal):
        call.step(orders.AskAgent(**story.WHO, target_agent_id="1003"))


@pytest.mark.parametrize("end", [on.HungUp(leg_id=CUSTOMER), on.HungUp(leg_id=AGENT)])
def test_either_side_may_hang_up_while_held(end: on.Input) -> None:
    call = story.held().steps(end, on.LegClosed(leg_id=CUSTOMER), on.LegClosed(leg_id=AGENT))
    assert call.names[-1] == "ended"
    assert call.mixed == set()
