"""What an agent does with the customer besides talking: keys, plays, digits by a template, a survey."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from callstream.contracts.call_events import CallEnded, DigitReceived, LegEnded, PlaybackFinished
from callstream.contracts.config import CollectTemplate, Speech, Survey
from callstream.contracts.control_events import CallRated, CollectionStarted, DigitsCollected, DigitsSent, PlaybackStarted
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control

from . import story
from .story import AGENT, CUSTOMER, MENU, WHO, Story, all_of, do_it, hears

# keys to the far end


@pytest.mark.parametrize(
    ("state", "leg"),
    [
        (story.talking, lambda _: CUSTOMER),
        (story.outbound_talk, lambda _: CUSTOMER),
        (story.consulting_outside, story.outside_leg),
    ],
)
def test_keys_go_to_whom_the_agent_talks_with_and_are_no_secret_of_the_log(
    state: Callable[[], Story], leg: Callable[[Story], str]
) -> None:
    call = state()
    assert call.step(orders.SendKeys(**WHO, digits="0*9#D")) == [do.SendDigits(leg(call), "0*9#D")]
    assert call.last(DigitsSent) == DigitsSent(leg_id=leg(call), count=5, actor="1001")


@pytest.mark.parametrize("digits", ["", "12a", "1 2", "1" * 65])
def test_what_is_no_key_is_refused(digits: str) -> None:
    with pytest.raises(Refusal) as refusal:
        story.talking().step(orders.SendKeys(**WHO, digits=digits))
    assert (refusal.value.reason, refusal.value.field) == (Reason.INVALID, "digits")


# plays

SAY = orders.PlayTo(**WHO, play_id="p9", prompts=(Speech(text="Your parcel is on its way."),))


def test_the_customer_hears_it_and_the_log_knows_what() -> None:
    call = story.talking()
    assert call.step(SAY) == [do.StartPlay("p9", SAY.prompts, 1, False)]
    assert call.last(PlaybackStarted) == PlaybackStarted(play_id="p9", actor="1001", text="Your parcel is on its way.")
    assert call.step(SAY) == [], "repeated"
    call.step(on.PlayEnded(play_id="p9", how="completed"))
    assert call.last(PlaybackFinished) == PlaybackFinished(play_id="p9", how="completed")
    assert hears(call) == all_of(CUSTOMER, AGENT)


@pytest.mark.parametrize("given", [on.Stop(play_id="p9"), do_it(Control.HOLD)])
def test_it_can_be_stopped(given: on.Input) -> None:
    call = story.talking().steps(SAY)
    assert do.StopPlay("p9") in call.step(given)
    assert call.last(PlaybackFinished).how == "stopped"


@pytest.mark.parametrize("given", [SAY, orders.PlayTo(agent_id="1001", actor="boss", play_id="p", prompts=())])
@pytest.mark.parametrize("state", [story.answered, story.held, story.consulting, story.internal_talk])
def test_without_a_customer_to_hear_it_nothing_is_played(state: Callable[[], Story], given: on.Input) -> None:
    call = state()
    before = list(call.names)
    with pytest.raises(Refusal):
        call.step(given)
    assert call.names == before


# digits by a template


CARD = CollectTemplate(id="card", name="Card", prompts=MENU, min_digits=2, max_digits=6)


def ask(**fields: Any) -> orders.Collect:
    return orders.Collect(**WHO, collection_id="c1", template=replace(CARD, **fields))


def keys(call: Story, digits: str, method: str = "rfc4733") -> Story:
    for digit in digits:
        call.step(on.KeyPressed(leg_id=CUSTOMER, digit=digit, method=method), after_s=3)
    return call


COLLECTED = [
    ("ended by the hash", "123#", "123", "complete"),
    ("as many as there may be", "1234567", "123456", "complete"),
    ("a hash too early is none", "1#2#", "12", "complete"),
    ("enough when time is up", "12", "12", "complete"),
    ("too few when time is up", "1", "1", "timeout"),
    ("none when time is up", "", "", "timeout"),
]


@pytest.mark.parametrize("prompts", [MENU, ()])
@pytest.mark.parametrize(("_name", "pressed", "digits", "how"), COLLECTED, ids=[row[0] for row in COLLECTED])
def test_digits_are_collected(_name: str, pressed: str, digits: str, how: str, prompts: object) -> None:
    call = story.talking().steps(ask(prompts=prompts))
    if prompts:
        call.step(on.PlayEnded(play_id="c1-prompt", how="completed"))
    keys(call, pressed)
    if call.call.collection is not None:
        call.wait("collect")
    assert call.last(DigitsCollected) == DigitsCollected(collection_id="c1", template_id="card", digits=digits, how=how)
    told = [event.digit for event in call.events if isinstance(event, DigitReceived)]
    assert "".join(told) == pressed[6:], "keys of the collection are told by it alone"
    assert call.timers == {}


def test_of_a_secret_nobody_hears_the_customer_and_only_the_end_is_kept() -> None:
    call = story.talking()
    assert call.step(ask(sensitive=True, max_digits=16)) == [
        do.MaskLeg(CUSTOMER, on=True),
        do.StartPlay("c1-prompt", MENU, 1, True),
    ]
    keys(call, "4111111111111234"[:15])
    effects = call.step(on.KeyPressed(leg_id=CUSTOMER, digit="4", method="rfc4733"))
    assert do.MaskLeg(CUSTOMER, on=False) in effects
    assert call.last(DigitsCollected).digits == "*" * 12 + "1234"
    assert "41111" not in "".join(map(str, call.events))
    assert call.last(CollectionStarted).sensitive


@pytest.mark.parametrize("given", [do_it(Control.HOLD), on.HungUp(leg_id=CUSTOMER), do_it(Control.HANG_UP)])
def test_a_collection_ends_with_the_talk(given: on.Input) -> None:
    call = keys(story.talking().steps(ask()), "12").steps(given)
    assert call.last(DigitsCollected).how == "cancelled"
    assert call.timers == {}


def test_one_collection_at_a_time() -> None:
    call = story.talking().steps(ask())
    assert call.step(ask()) == [], "repeated"
    with pytest.raises(Refusal):
        call.step(orders.Collect(**WHO, collection_id="c2", template=ask().template))
    with pytest.raises(Refusal):
        call.step(SAY)


def test_an_info_key_stops_the_prompt() -> None:
    call = story.talking().steps(ask())
    assert call.step(on.KeyPressed(leg_id=CUSTOMER, digit="1", method="info")) == [do.StopPlay("c1-prompt")]


# survey

SURVEY = Survey(prompts=MENU, keys=3, closing=(Speech(text="Thank you."),))
RATE = orders.AskRating(**WHO, survey=SURVEY)


def rated(state: Callable[[], Story] = story.talking) -> Story:
    return state().steps(RATE)


@pytest.mark.parametrize("state", [story.talking, story.outbound_talk])
def test_the_agent_goes_the_customer_stays_and_the_key_is_the_rating(state: Callable[[], Story]) -> None:
    call = rated(state)
    assert hears(call) == set()
    call.step(on.PlayEnded(play_id="call-survey-ask", how="interrupted"))
    keys(call, "9*2")
    assert call.last(CallRated) == CallRated(agent_id="1001", rating=2)
    assert keys(call, "3").names.count("rated") == 1, "the first one counts"
    call.step(on.PlayEnded(play_id="call-survey-thank", how="completed"))
    for leg in list(call.call.legs):
        call.step(on.LegClosed(leg_id=leg))
    assert [event.reason for event in call.events if isinstance(event, LegEnded) and event.agent_id] == [Reason.NORMAL]
    assert call.last(CallEnded) == CallEnded(reason=Reason.NORMAL, party=Party.SYSTEM)
    assert "digit-received" not in call.names


def test_a_customer_who_says_nothing_is_thanked_too() -> None:
    call = rated().steps(on.PlayEnded(play_id="call-survey-ask", how="completed"))
    assert call.wait("survey") == [do.StartPlay("call-survey-thank", SURVEY.closing, 1, False)]
    assert "rated" not in call.names


def test_a_customer_who_hangs_up_gives_no_rating() -> None:
    call = rated().steps(on.HungUp(leg_id=CUSTOMER), on.LegClosed(leg_id=AGENT), on.LegClosed(leg_id=CUSTOMER))
    assert call.last(CallEnded).reason is Reason.CALLER_HUNG_UP


@pytest.mark.parametrize("state", [story.answered, story.held, story.conference, story.internal_talk])
def test_a_survey_needs_a_talk_of_two(state: Callable[[], Story]) -> None:
    with pytest.raises(Refusal):
        rated(state)
