"""Listen, whisper, barge: who hears the supervisor, and that nobody else is touched."""

import pytest

from callstream.contracts.control_events import ConsultStarted, SupervisionChanged, SupervisionEnded, SupervisionStarted
from callstream.contracts.states import LegRole, Supervision
from callstream.kernel.errors import Refusal
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.situation import view
from callstream_media_gateway.domain.supervise import KEYS

from . import story
from .story import AGENT, CUSTOMER, SECOND, Story, all_of, do_it, hears

BOSS = "call-s1"
TALK = all_of(CUSTOMER, AGENT)
HEARS = {(BOSS, CUSTOMER), (BOSS, AGENT)}
MODES = [
    (Supervision.LISTEN, HEARS),
    (Supervision.WHISPER, HEARS | {(AGENT, BOSS)}),
    (Supervision.BARGE, HEARS | {(AGENT, BOSS), (CUSTOMER, BOSS)}),
]


def supervise(mode: Supervision = Supervision.LISTEN) -> orders.Supervise:
    return orders.Supervise(agent_id="1001", actor="boss", mode=mode, supervisor_agent_id="1009")


def supervised(mode: Supervision = Supervision.LISTEN) -> Story:
    call = story.talking().steps(supervise(mode))
    return call.steps(on.LegOpened(leg_id=BOSS), on.PhoneRings(leg_id=BOSS), on.PhoneAnswered(leg_id=BOSS))


@pytest.mark.parametrize(("mode", "more"), MODES)
def test_the_mode_says_who_hears_the_supervisor(mode: Supervision, more: set[tuple[str, str]]) -> None:
    call = supervised(mode)
    assert hears(call) == TALK | more
    started = call.last(SupervisionStarted)
    assert (started.supervisor, started.agent_id, started.mode) == ("boss", "1001", mode)


def test_before_the_supervisor_has_picked_up_nothing_is_changed() -> None:
    call = story.talking().steps(supervise(), on.LegOpened(leg_id=BOSS), on.PhoneRings(leg_id=BOSS))
    assert hears(call) == TALK


def test_the_mode_may_change_and_each_change_is_told_once() -> None:
    call = supervised()
    for mode, more in [*MODES, MODES[0]]:
        call.steps(supervise(mode), supervise(mode))
        assert hears(call) == TALK | more
    assert [event.mode for event in call.events if isinstance(event, SupervisionChanged)] == [
        *(Supervision.WHISPER, Supervision.BARGE, Supervision.LISTEN),
    ]


def test_at_a_plain_telephone_keys_choose_the_mode() -> None:
    call = story.talking().steps(orders.Supervise(agent_id="1001", actor="boss", mode=Supervision.LISTEN, number=story.OUTSIDE))
    call.steps(on.LegOpened(leg_id=BOSS), on.PhoneRings(leg_id=BOSS))
    spoken = [effect for effect in call.step(on.PhoneAnswered(leg_id=BOSS)) if isinstance(effect, do.StartPlay)]
    assert [(effect.leg_id, effect.prompts) for effect in spoken] == [(BOSS, KEYS)]
    for digit, (mode, more) in zip("231", [*MODES[1:], MODES[0]], strict=True):
        call.step(on.KeyPressed(leg_id=BOSS, digit=digit, method="rfc4733"), after_s=3)
        assert hears(call) == TALK | more
        assert call.last(SupervisionChanged).mode is mode
    assert call.step(on.KeyPressed(leg_id=BOSS, digit="9", method="rfc4733"), after_s=3) == []


@pytest.mark.parametrize("given", [do_it(Control.END_SUPERVISION, actor="boss"), on.HungUp(leg_id=BOSS), on.Silent(leg_id=BOSS)])
def test_the_supervisor_goes_and_nobody_notices(given: on.Input) -> None:
    call = supervised()
    call.step(given)
    assert hears(call) == TALK
    assert call.last(SupervisionEnded).supervisor == "boss"
    assert call.call.ended is None
    call.step(do_it(Control.END_SUPERVISION, actor="boss"))
    assert call.names.count("supervision-ended") == 1


def test_a_supervisor_who_does_not_answer_changes_nothing() -> None:
    call = story.talking().steps(supervise(), on.LegOpened(leg_id=BOSS), on.PhoneRefused(leg_id=BOSS, sip_status=486))
    assert hears(call) == TALK
    assert "supervision-ended" not in call.names, "it never began"


def test_the_supervisor_follows_the_agent_into_a_consultation_not_the_held_customer() -> None:
    call = supervised(Supervision.WHISPER)
    call.step(orders.AskAgent(**story.WHO, target_agent_id="1002"))
    call.steps(
        on.Offered(offer_id="second", request_id=call.last(ConsultStarted).consult_id, agent_id="1002"),
        on.LegOpened(leg_id=SECOND),
        on.PhoneAnswered(leg_id=SECOND),
        on.AnswerLogged(offer_id="second"),
    )
    assert hears(call) == all_of(AGENT, SECOND) | {(BOSS, AGENT), (BOSS, SECOND), (AGENT, BOSS)}
    effects = call.step(do_it(Control.COMPLETE))
    assert do.HangUpLeg(BOSS) in effects, "the supervised service is over"
    assert hears(call) == all_of(CUSTOMER, SECOND)


def test_what_goes_on_is_over_with_the_call() -> None:
    call = supervised().steps(on.HungUp(leg_id=CUSTOMER))
    for leg in (CUSTOMER, AGENT, BOSS):
        call.step(on.LegClosed(leg_id=leg))
    assert call.names[-1] == "ended"
    assert "supervision-ended" in call.names


def test_the_agent_is_not_shown_who_listens() -> None:
    assert all(party.role is not LegRole.SUPERVISOR for party in view(supervised().call, "1001").parties)


@pytest.mark.parametrize("state", [story.agent_rings, story.answered, story.internal_talk, story.ended])
def test_without_a_service_there_is_nothing_to_hear(state: type[Story]) -> None:
    with pytest.raises(Refusal):
        state().step(supervise())
