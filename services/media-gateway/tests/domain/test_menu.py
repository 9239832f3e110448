"""The feature menu of an agent on a plain phone, and the beep before an automatic answer."""

from collections.abc import Callable

import pytest

from callstream.contracts.control_events import CallHeld, CallRetrieved
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import POSSIBLE, Control
from callstream_media_gateway.domain.menu import MENU, NOT_POSSIBLE
from callstream_media_gateway.domain.on_control import DO

from . import story
from .story import AGENT, CUSTOMER, SECOND, WHO, Story, all_of, hears


def press(call: Story, keys: str, leg: str = AGENT) -> list[do.Effect]:
    return [effect for key in keys for effect in call.step(on.KeyPressed(leg_id=leg, digit=key, method="rfc4733"), after_s=3)]


def spoken(effects: list[do.Effect]) -> list[str]:
    return [prompt.text for effect in effects if isinstance(effect, do.StartPlay) for prompt in effect.prompts]  # type: ignore[union-attr]


def test_every_choice_is_possible_where_it_is_offered() -> None:
    for where, choices in MENU.items():
        for choice in choices.values():
            assert choice.control in POSSIBLE[where]
            assert choice.number or choice.control in DO


def test_star_speaks_the_menu_to_the_agent_alone() -> None:
    call = story.talking()
    effects = press(call, "*")
    assert [effect.leg_id for effect in effects if isinstance(effect, do.StartPlay)] == [AGENT]
    assert spoken(effects) == ["1, hold. 2, transfer. 3, three-way call. Star, back."]
    assert hears(call) == all_of(CUSTOMER, AGENT)


def test_hold_and_back_by_keys() -> None:
    call = story.talking()
    press(call, "*1")
    assert call.last(CallHeld).actor == "1001"
    press(call, "*1")
    assert call.last(CallRetrieved).actor == "1001"
    assert hears(call) == all_of(CUSTOMER, AGENT)


@pytest.mark.parametrize(("keys", "control"), [("*2", Control.BLIND_TRANSFER), ("*3", Control.CONSULT)])
def test_a_number_is_keyed_in_up_to_the_hash(keys: str, control: Control) -> None:
    call = story.talking()
    assert press(call, f"{keys}1002#")[-1] == do.Choose("1001", control, "1002")
    assert call.call.menus == {}


def test_three_talk_by_keys() -> None:
    call = story.consulting()
    press(call, "*3")
    assert hears(call) == all_of(CUSTOMER, AGENT, SECOND)
    press(call, "*1")
    assert hears(call) == all_of(CUSTOMER, AGENT)


def test_the_phones_own_transfer_key_is_a_blind_transfer() -> None:
    call = story.talking()
    assert call.step(on.PhoneRefers(leg_id=AGENT, typed="1002")) == [do.Choose("1001", Control.BLIND_TRANSFER, "1002")]
    done = call.step(orders.HandOver(**WHO, target_agent_id="1002"))
    assert done.index(do.AnswerRefer(AGENT, 200)) < done.index(do.HangUpLeg(AGENT)), "the phone hears of it before the BYE"


def test_a_transfer_key_that_is_not_possible_is_answered_and_said() -> None:
    refused = story.conference().step(on.PhoneRefers(leg_id=AGENT, typed="1003"))
    assert refused[0] == do.AnswerRefer(AGENT, 603)
    assert spoken(refused[1:]) == [NOT_POSSIBLE]
    assert story.talking().step(on.PhoneRefers(leg_id=CUSTOMER, typed="1002")) == [do.AnswerRefer(CUSTOMER, 603)]


def test_a_transfer_is_not_told_as_done_when_the_customer_has_gone_before() -> None:
    call = story.talking().steps(on.PhoneRefers(leg_id=AGENT, typed="1002"))
    assert do.AnswerRefer(AGENT, 480) in call.step(on.HungUp(leg_id=CUSTOMER))


def test_what_cannot_be_done_is_said() -> None:
    call = story.talking()
    assert spoken(call.step(on.MenuRefused(agent_id="1001"))) == [NOT_POSSIBLE]
    call.step(on.PhoneRefers(leg_id=AGENT, typed="1002"))
    refused = call.step(on.MenuRefused(agent_id="1001", sip_status=403))
    assert refused[0] == do.AnswerRefer(AGENT, 403)
    assert spoken(refused[1:]) == [NOT_POSSIBLE]


@pytest.mark.parametrize("leave", [lambda call: press(call, "*"), lambda call: call.wait(f"menu:{AGENT}")], ids=["star", "time"])
def test_the_menu_closes(leave: Callable[[Story], list[do.Effect]]) -> None:
    call = story.talking()
    press(call, "*")
    assert [type(effect) for effect in leave(call)] == [do.StopPlay]
    assert (call.call.menus, call.timers) == ({}, {})
    assert press(call, "1") == [], "the key is nobody's again"


@pytest.mark.parametrize(
    ("state", "leg"), [(story.picked_up, AGENT), (story.internal_talk, SECOND), (story.target_rings, SECOND)]
)
def test_without_a_talk_there_is_no_menu(state: Callable[[], Story], leg: str) -> None:
    call = state()
    assert press(call, "*1", leg) == []
    assert call.call.menus == {}


def test_who_answers_automatically_hears_a_beep_before_the_talk() -> None:
    offered = on.Offered(offer_id="offer", request_id="request", agent_id="1001", auto_answer=True)
    call = story.playing("queue").steps(offered)
    assert call.call.legs[AGENT].auto_answer
    call.steps(on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT))
    assert [type(effect) for effect in call.step(on.AnswerLogged(offer_id="offer"))] == [do.StartTune]
    assert call.tunes[AGENT].tune is do.Tune.BEEP
    assert hears(call) == set()
    call.step(on.PlayEnded(play_id=call.tunes.pop(AGENT).play_id, how="completed"))
    assert hears(call) == all_of(CUSTOMER, AGENT)
