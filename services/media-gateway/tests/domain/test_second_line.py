"""An agent consults on a second call of their phone: one leg to the customer, one to whom they ask."""

import pytest

from callstream.contracts.control_events import CallTransferred, ConsultEnded
from callstream.contracts.states import Supervision
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control, Situation
from callstream_media_gateway.domain.sip_status import PROCESS_LOST
from callstream_media_gateway.domain.situation import situation, view
from callstream_media_gateway.domain.truth import truth_of

from . import story
from .story import AGENT, CUSTOMER, LINE, OUTSIDE, SECOND, WHO, Story, all_of, do_it, hears


def where(call: Story) -> Situation:
    return situation(call.call, "1001")


def kinds(effects: list[do.Effect]) -> list[type[do.Effect]]:
    return [type(effect) for effect in effects]


def test_the_phone_rings_when_the_target_does_and_is_answered_when_it_answers() -> None:
    call = story.talking().steps(on.PhoneHeld(leg_id=AGENT))
    before = len(call.names)
    begun = call.step(orders.AskOutside(**WHO, number=OUTSIDE, own_leg=LINE))
    target = story.outside_leg(call)
    assert [effect for effect in begun if isinstance(effect, do.OpenLeg)] == [do.OpenLeg(LINE), do.OpenLeg(target)]
    assert call.step(on.LegOpened(leg_id=LINE)) == [], "nobody rings the phone that calls"
    call.step(on.LegOpened(leg_id=target))
    assert call.step(on.PhoneRings(leg_id=target)) == [do.RingPhone(LINE)]
    assert call.step(on.PhoneRings(leg_id=target)) == []
    answered = call.step(on.PhoneAnswered(leg_id=target))
    assert [effect for effect in answered if not isinstance(effect, do.Mix)] == [
        do.WatchLeg(target),
        do.AnswerPhone(LINE),
        do.WatchLeg(LINE),
    ]
    assert hears(call) == all_of(LINE, target)
    assert call.tunes[CUSTOMER].tune is do.Tune.HOLD
    assert call.new(before) == ["consult-started", "leg-started", "leg-ringing", "leg-answered"], "of the target, not of the line"


def test_the_line_is_answered_with_its_media_when_the_target_was_quicker() -> None:
    call = story.talking().steps(orders.AskOutside(**WHO, number=OUTSIDE, own_leg=LINE))
    target = story.outside_leg(call)
    call.steps(on.LegOpened(leg_id=target), on.PhoneAnswered(leg_id=target))
    assert hears(call) == set()
    assert kinds(call.step(on.LegOpened(leg_id=LINE))) == [do.AnswerPhone, do.WatchLeg, do.Mix]
    assert hears(call) == all_of(LINE, target)


def test_nobody_is_told_of_the_line() -> None:
    call = story.on_two_lines()
    assert {leg.leg_id for leg in truth_of(call.call).legs} == {CUSTOMER, AGENT, SECOND}
    assert {party.leg_id for party in view(call.call, "1001").parties} == {CUSTOMER, AGENT, SECOND}
    call.step(on.HungUp(leg_id=LINE))
    before = len(call.names)
    call.step(on.LegClosed(leg_id=LINE))
    assert call.new(before) == []


@pytest.mark.parametrize(("asks", "other"), [(AGENT, LINE), (LINE, AGENT)])
def test_either_call_of_the_phone_completes_the_transfer(asks: str, other: str) -> None:
    call = story.on_two_lines().steps(on.PhoneHeld(leg_id=LINE))
    assert hears(call) == set()
    done = call.step(on.PhoneRefers(leg_id=asks, typed="1002", other=other))
    ends = [effect for effect in done if isinstance(effect, do.AnswerRefer | do.HangUpLeg)]
    assert ends[0] == do.AnswerRefer(asks, 200), "before any BYE"
    assert {effect.leg_id for effect in ends[1:]} == {AGENT, LINE}
    assert hears(call) == all_of(CUSTOMER, SECOND)
    assert call.tunes == {}
    moved = call.last(CallTransferred)
    assert (moved.how, moved.agent_id, moved.to_agent_id) == ("consult", "1001", "1002")


NOT_CONNECTED = [
    ("the target still rings", story.line_rings, AGENT, LINE),
    ("a leg with itself", story.on_two_lines, AGENT, AGENT),
    ("somebody else's leg", story.on_two_lines, AGENT, SECOND),
    ("a call of somebody else's", story.on_two_lines, AGENT, "other-call-a"),
    ("without a consultation", story.talking, AGENT, CUSTOMER),
    ("a consultation from the screen", story.consulting, AGENT, SECOND),
    ("who is consulted", story.on_two_lines, SECOND, AGENT),
]


@pytest.mark.parametrize(("what", "state", "asks", "other"), NOT_CONNECTED, ids=[row[0] for row in NOT_CONNECTED])
def test_calls_that_are_not_connected(what: str, state: object, asks: str, other: str) -> None:
    assert callable(state)
    call = state()
    before, heard = len(call.names), hears(call)
    assert call.step(on.PhoneRefers(leg_id=asks, typed="x", other=other)) == [do.AnswerRefer(asks, 481)]
    assert (len(call.names), hears(call)) == (before, heard)


def test_the_keys_of_the_phone_choose_with_whom_the_agent_talks() -> None:
    call = story.on_two_lines()
    call.steps(on.PhoneHeld(leg_id=LINE), on.PhoneRetrieved(leg_id=AGENT))
    assert hears(call) == all_of(CUSTOMER, AGENT)
    assert set(call.tunes) == {SECOND}
    call.steps(on.PhoneHeld(leg_id=AGENT), on.PhoneRetrieved(leg_id=LINE))
    assert hears(call) == all_of(LINE, SECOND)
    assert set(call.tunes) == {CUSTOMER}
    assert where(call) is Situation.CALLING
    call.steps(on.PhoneRetrieved(leg_id=AGENT))
    assert hears(call) == all_of(LINE, SECOND) | all_of(CUSTOMER, AGENT), "the phone's own conference"


def test_the_customer_is_taken_back_while_the_target_still_rings() -> None:
    call = story.line_rings().steps(on.PhoneRetrieved(leg_id=AGENT))
    assert hears(call) == all_of(CUSTOMER, AGENT)
    call.steps(on.PhoneHeld(leg_id=AGENT), on.PhoneAnswered(leg_id=SECOND), on.AnswerLogged(offer_id="second"))
    assert hears(call) == all_of(LINE, SECOND)
    assert set(call.tunes) == {CUSTOMER}


@pytest.mark.parametrize("gone", [on.HungUp(leg_id=LINE), do_it(Control.CANCEL), on.HungUp(leg_id=SECOND)])
def test_after_the_consultation_the_phone_still_holds_the_customer(gone: on.Input) -> None:
    call = story.on_two_lines()
    call.step(gone)
    assert where(call) is Situation.HELD
    assert call.last(ConsultEnded).how in ("cancelled", "target-left")
    assert LINE not in hears(call)
    call.step(on.PhoneRetrieved(leg_id=AGENT))
    assert hears(call) == all_of(CUSTOMER, AGENT)


def test_a_phone_that_holds_nobody_has_the_customer_back_at_once() -> None:
    call = story.on_two_lines().steps(on.PhoneRetrieved(leg_id=AGENT), do_it(Control.HOLD), on.HungUp(leg_id=LINE))
    assert where(call) is Situation.TALKING
    assert hears(call) == all_of(CUSTOMER, AGENT)


@pytest.mark.parametrize(
    ("gone", "status"),
    [
        (on.PhoneRefused(leg_id=SECOND, sip_status=486), 603),
        (do_it(Control.CANCEL), 480),
        (on.HungUp(leg_id=CUSTOMER), 480),
        (on.HungUp(leg_id=AGENT), 480),
    ],
)
def test_a_phone_that_calls_in_vain_is_told_why(gone: on.Input, status: int) -> None:
    call = story.line_rings()
    if isinstance(gone, on.PhoneRefused):
        call.step(gone)
        gone = on.RequestLeft(request_id=call.call.consult.consult_id, reason=Reason.AGENT_REJECTED)  # type: ignore[union-attr]
    assert do.HangUpLeg(LINE, status) in call.step(gone)
    assert call.call.legs[LINE].stage == "closing"


@pytest.mark.parametrize("gone", [on.HungUp(leg_id=LINE), on.PhoneRefused(leg_id=LINE, sip_status=PROCESS_LOST)])
def test_a_phone_that_gives_up_rings_nobody_any_more(gone: on.Input) -> None:
    call = story.line_rings()
    assert do.HangUpLeg(SECOND) in call.step(gone)
    assert where(call) is Situation.HELD


def test_a_line_without_media_fails_the_consultation_only() -> None:
    call = story.talking().steps(orders.AskOutside(**WHO, number=OUTSIDE, own_leg=LINE))
    assert do.HangUpLeg(LINE, 503) in call.step(on.LegFailed(leg_id=LINE))
    assert where(call) is Situation.TALKING


def test_a_muted_agent_is_muted_on_both_lines() -> None:
    call = story.on_two_lines().steps(do_it(Control.MUTE))
    assert hears(call) == {(LINE, SECOND)}
    call.step(do_it(Control.UNMUTE))
    assert hears(call) == all_of(LINE, SECOND)


def test_a_supervisor_goes_where_the_agent_is() -> None:
    call = story.talking().steps(orders.Supervise(agent_id="1001", actor="boss", supervisor_agent_id="1009", mode=story.LISTEN))
    boss = next(iter(call.call.watches))
    call.steps(on.LegOpened(leg_id=boss), on.PhoneAnswered(leg_id=boss), on.PhoneHeld(leg_id=AGENT))
    call.steps(orders.AskOutside(**WHO, number=OUTSIDE, own_leg=LINE), on.LegOpened(leg_id=LINE))
    target = story.outside_leg(call)
    call.steps(on.LegOpened(leg_id=target), on.PhoneAnswered(leg_id=target))
    assert hears(call) == all_of(LINE, target) | {(boss, LINE), (boss, target)}
    call.step(orders.Supervise(agent_id="1001", actor="boss", supervisor_agent_id="1009", mode=Supervision.WHISPER))
    assert (LINE, boss) in hears(call)
    call.steps(on.PhoneHeld(leg_id=LINE), on.PhoneRetrieved(leg_id=AGENT))
    assert hears(call) == all_of(CUSTOMER, AGENT) | {(boss, CUSTOMER), (boss, AGENT), (AGENT, boss)}


def test_an_agent_who_hangs_the_customer_up_leaves_them_with_the_target() -> None:
    """ADR 16, whatever the phone: no customer is lost by a hang-up in the middle."""
    call = story.on_two_lines()
    done = call.step(on.HungUp(leg_id=AGENT))
    assert any(isinstance(effect, do.HangUpLeg) and effect.leg_id == LINE for effect in done)
    assert hears(call) == all_of(CUSTOMER, SECOND)
