"""The customer's leg: from INVITE to answer, and each way it can end."""

from collections.abc import Callable

import pytest

from callstream.contracts.call_events import CallEnded, LegEnded
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.inputs import LegFigures
from callstream_media_gateway.domain.parties import LegStage
from callstream_media_gateway.domain.states import CustomerState

from . import story
from .story import AGENT, CUSTOMER, MENU, Story

READY_ORDERS = [
    ("stored first", [on.ArrivalStored(), on.LegOpened(leg_id=CUSTOMER)]),
    ("media first", [on.LegOpened(leg_id=CUSTOMER), on.ArrivalStored()]),
]


@pytest.mark.parametrize(("_name", "steps"), READY_ORDERS, ids=[name for name, _ in READY_ORDERS])
def test_it_rings_when_the_log_and_the_media_are_ready(_name: str, steps: list[on.Input]) -> None:
    call = Story()
    assert call.began == [do.OpenLeg(CUSTOMER)]
    assert call.names == ["arrived"]
    assert call.step(steps[0]) == []
    assert call.step(steps[1]) == [do.Ring()]


@pytest.mark.parametrize(("_name", "steps"), READY_ORDERS, ids=[name for name, _ in READY_ORDERS])
def test_told_to_answer_before_it_is_ready_it_answers_as_soon_as_it_is(_name: str, steps: list[on.Input]) -> None:
    call = Story()
    assert call.step(on.Answer()) == []
    assert call.step(on.Play(play_id="p1", prompts=MENU, repeat=1, barge_in=False)) == []
    assert call.step(steps[0]) == []
    assert call.step(steps[1]) == [do.AnswerCaller()]
    assert call.step(on.CallerConfirmed()) == [do.WatchLeg(CUSTOMER), do.StartPlay("p1", MENU, 1, False)]
    assert call.names == ["arrived", "answered"]


def test_answering_twice_answers_once() -> None:
    call = story.ringing()
    assert call.step(on.Answer()) == [do.AnswerCaller()]
    assert call.step(on.Answer()) == []
    call.step(on.CallerConfirmed())
    assert call.step(on.Answer()) == []
    assert call.step(on.CallerConfirmed()) == []
    assert call.names.count("answered") == 1


ENDINGS: list[tuple[str, Callable[[], Story], on.Input, list[do.Effect], Reason, Party, int]] = [
    ("cancelled", story.ringing, on.CallerCancelled(), [], Reason.CALLER_CANCELLED, Party.CUSTOMER, 0),
    ("hung up", story.answered, on.HungUp(leg_id=CUSTOMER), [], Reason.CALLER_HUNG_UP, Party.CUSTOMER, 0),
    ("lost", story.answering, on.HungUp(leg_id=CUSTOMER, lost=True), [], Reason.CALLER_LOST, Party.CUSTOMER, 0),
    (
        "declined by the flow",
        story.ringing,
        on.HangUp(reason=Reason.FLOW_ENDED, party=Party.SYSTEM),
        [do.RefuseCaller(603)],
        Reason.FLOW_ENDED,
        Party.SYSTEM,
        603,
    ),
    (
        "no such flow",
        story.preparing,
        on.HangUp(reason=Reason.UNKNOWN_FLOW, party=Party.SYSTEM),
        [do.RefuseCaller(404)],
        Reason.UNKNOWN_FLOW,
        Party.SYSTEM,
        404,
    ),
    (
        "ended by the flow",
        story.answered,
        on.HangUp(reason=Reason.FLOW_ENDED, party=Party.SYSTEM),
        [do.HangUpLeg(CUSTOMER)],
        Reason.FLOW_ENDED,
        Party.SYSTEM,
        0,
    ),
    (
        "supervisor",
        story.answered,
        on.HangUp(reason=Reason.SUPERVISOR, party=Party.SUPERVISOR),
        [do.HangUpLeg(CUSTOMER)],
        Reason.SUPERVISOR,
        Party.SUPERVISOR,
        0,
    ),
    (
        "log away",
        story.preparing,
        on.ArrivalNotStored(),
        [do.RefuseCaller(503)],
        Reason.UNAVAILABLE,
        Party.SYSTEM,
        503,
    ),
    (
        "no port",
        story.preparing,
        on.LegFailed(leg_id=CUSTOMER),
        [do.RefuseCaller(503)],
        Reason.MEDIA_FAILED,
        Party.SYSTEM,
        503,
    ),
    (
        "silence",
        story.answered,
        on.Silent(leg_id=CUSTOMER),
        [do.HangUpLeg(CUSTOMER)],
        Reason.MEDIA_TIMEOUT,
        Party.SYSTEM,
        0,
    ),
    ("worker lost", story.answered, on.MediaLost(), [do.HangUpLeg(CUSTOMER)], Reason.MEDIA_FAILED, Party.SYSTEM, 0),
]


@pytest.mark.feature("F015")
@pytest.mark.parametrize(
    ("_name", "begin", "ending", "effects", "reason", "party", "status"), ENDINGS, ids=[row[0] for row in ENDINGS]
)
def test_every_ending_has_a_reason_and_a_party(
    _name: str,
    begin: Callable[[], Story],
    ending: on.Input,
    effects: list[do.Effect],
    reason: Reason,
    party: Party,
    status: int,
) -> None:
    call = begin()
    assert call.step(ending) == [*effects, do.CloseLeg(CUSTOMER)]
    assert "ended" not in call.names, "the legs come first"
    call.step(on.LegClosed(leg_id=CUSTOMER, figures=LegFigures(packets_received=7, packets_lost=1, jitter_ms=2.345)))
    leg = call.last(LegEnded)
    assert (leg.reason, leg.packets_received, leg.packets_lost, leg.jitter_ms) == (reason, 7, 1, 2.35)
    assert call.last(CallEnded) == CallEnded(reason=reason, party=party, sip_status=status)
    assert call.names[-2:] == ["leg-ended", "ended"]
    assert call.call.finished


COMMANDS = {
    "answer": on.Answer(),
    "play": on.Play(play_id="new", prompts=MENU, repeat=1, barge_in=False),
    "stop": on.Stop(play_id="none"),
    "hang-up": on.HangUp(reason=Reason.NORMAL, party=Party.SYSTEM),
}

LEGAL = {
    CustomerState.PREPARING: {"answer", "stop", "hang-up"},
    CustomerState.ANSWER_WANTED: {"answer", "play", "stop", "hang-up"},
    CustomerState.RINGING: {"answer", "stop", "hang-up"},
    CustomerState.ANSWERING: {"answer", "play", "stop", "hang-up"},
    CustomerState.ANSWERED: {"answer", "play", "stop", "hang-up"},
    CustomerState.CONNECTING: {"answer", "stop", "hang-up"},
    CustomerState.AWAITED: {"stop", "hang-up"},
    CustomerState.DIALLING: {"stop", "hang-up"},
    CustomerState.TALKING: {"answer", "stop", "hang-up"},
    CustomerState.ENDING: {"stop", "hang-up"},
    CustomerState.ENDED: {"stop", "hang-up"},
}


def _in_state(state: CustomerState) -> Story:
    with_prompt = on.Offered(offer_id="offer", request_id="r", agent_id="1001", connect_prompt=story.CONNECT)
    builders: dict[CustomerState, Callable[[], Story]] = {
        CustomerState.PREPARING: story.preparing,
        CustomerState.ANSWER_WANTED: lambda: story.preparing().steps(on.Answer()),
        CustomerState.RINGING: story.ringing,
        CustomerState.ANSWERING: story.answering,
        CustomerState.ANSWERED: story.answered,
        CustomerState.CONNECTING: lambda: story.answered().steps(
            with_prompt, on.LegOpened(leg_id=AGENT), on.PhoneAnswered(leg_id=AGENT), on.AnswerLogged(offer_id="offer")
        ),
        CustomerState.AWAITED: story.dialled,
        CustomerState.DIALLING: story.own_phone_answered,
        CustomerState.TALKING: story.talking,
        CustomerState.ENDING: lambda: story.answered().steps(on.HungUp(leg_id=CUSTOMER)),
        CustomerState.ENDED: story.ended,
    }
    made = builders[state]()
    assert made.call.customer is state
    return made


@pytest.mark.parametrize("state", list(CustomerState))
@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_command_that_the_state_does_not_allow_is_refused_and_changes_nothing(state: CustomerState, command: str) -> None:
    call = _in_state(state)
    if command in LEGAL[state]:
        call.step(COMMANDS[command])
        return
    before = list(call.names)
    with pytest.raises(Refusal) as refusal:
        call.step(COMMANDS[command])
    over = state in (CustomerState.ENDING, CustomerState.ENDED)
    assert refusal.value.reason is (Reason.UNKNOWN_CALL if over else Reason.ILLEGAL_STATE)
    assert (call.call.customer, call.names, call.call.effects) == (state, before, [])


def test_nothing_happens_to_a_call_that_is_over() -> None:
    call = story.talking().steps(on.HungUp(leg_id=CUSTOMER))
    for late in (
        *(on.HungUp(leg_id=AGENT), on.HungUp(leg_id=CUSTOMER), on.CallerCancelled(), on.CallerConfirmed()),
        *(on.PhoneRings(leg_id=AGENT), on.PhoneRefused(leg_id=AGENT, sip_status=486), story.OFFERED, story.withdrawn()),
        *(on.AnswerLogged(offer_id="offer"), on.Silent(leg_id=AGENT), on.LegFailed(leg_id=AGENT)),
        *(on.PlayEnded(play_id="queue", how="completed"), on.KeyPressed(leg_id=CUSTOMER, digit="1", method="info")),
    ):
        assert call.step(late) == [], late
    call.steps(on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    assert call.names.count("leg-ended") == 2
    assert call.names[-1] == "ended"


def test_a_phone_that_answers_a_call_that_is_over_is_hung_up() -> None:
    call = story.agent_rings().steps(on.HungUp(leg_id=CUSTOMER))
    assert call.step(on.PhoneAnswered(leg_id=AGENT)) == [do.HangUpLeg(AGENT)]


def test_superseded_it_says_good_bye_and_writes_nothing_more() -> None:
    call = story.talking()
    before = len(call.names)
    assert do.HangUpLeg(CUSTOMER) in call.step(on.Superseded())
    call.steps(on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    assert call.new(before) == []
    assert call.call.finished


def test_closing_a_leg_that_is_just_being_opened() -> None:
    call = story.preparing()
    assert call.step(on.CallerCancelled()) == [do.CloseLeg(CUSTOMER)]
    assert call.step(on.LegOpened(leg_id=CUSTOMER)) == []
    assert call.call.legs[CUSTOMER].stage is LegStage.CLOSING


def test_an_arrival_that_is_stored_late_is_told_whole() -> None:
    call = story.preparing().steps(on.ArrivalNotStored(), on.ArrivalStored(), on.LegClosed(leg_id=CUSTOMER))
    assert call.names == ["arrived", "leg-ended", "ended"]


def test_event_keys_are_unique() -> None:
    call = story.talking().steps(on.HungUp(leg_id=AGENT), on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    keys = [append.key for append in call.told]
    assert len(set(keys)) == len(keys)
