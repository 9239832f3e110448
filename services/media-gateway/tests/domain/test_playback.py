"""Playbacks end once, whoever ends them; keys are told once, however they come."""

import pytest

from callstream.contracts.call_events import DigitReceived, PlaybackFinished
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on

from . import story
from .story import CUSTOMER, MENU, Story


def finished(call: Story) -> list[tuple[str, str]]:
    return [(e.play_id, e.how) for e in call.events if isinstance(e, PlaybackFinished)]


def keys(call: Story) -> list[tuple[str, str]]:
    return [(e.digit, e.play_id) for e in call.events if isinstance(e, DigitReceived)]


def play(play_id: str, *, barge_in: bool = False) -> on.Play:
    return on.Play(play_id=play_id, prompts=MENU, repeat=1, barge_in=barge_in)


def key(digit: str, method: str = "rfc4733") -> on.KeyPressed:
    return on.KeyPressed(leg_id=CUSTOMER, digit=digit, method=method)


@pytest.mark.parametrize("how", ["completed", "interrupted", "failed"])
def test_a_playback_that_ends_by_itself_is_told_once(how: str) -> None:
    call = story.playing()
    call.steps(on.PlayEnded(play_id="p1", how=how, message="m"), on.PlayEnded(play_id="p1", how=how))
    assert finished(call) == [("p1", how)]


def test_a_stopped_playback_is_told_once_though_the_worker_tells_it_too() -> None:
    call = story.playing()
    assert call.step(on.Stop(play_id="p1")) == [do.StopPlay("p1")]
    assert call.step(on.Stop(play_id="p1")) == []
    call.step(on.PlayEnded(play_id="p1", how="stopped"))
    assert finished(call) == [("p1", "stopped")]


def test_a_new_playback_replaces_the_old_one() -> None:
    call = story.playing()
    assert call.step(play("p2")) == [do.StartPlay("p2", MENU, 1, False)], "the worker stops the old one by itself"
    call.step(on.PlayEnded(play_id="p1", how="stopped"))
    call.step(on.PlayEnded(play_id="p2", how="completed"))
    assert finished(call) == [("p1", "stopped"), ("p2", "completed")]


def test_a_play_command_that_is_repeated_changes_nothing() -> None:
    call = story.playing()
    assert call.step(play("p1")) == []
    call.step(on.PlayEnded(play_id="p1", how="completed"))
    assert call.step(play("p1")) == []
    assert finished(call) == [("p1", "completed")]


@pytest.mark.parametrize(
    ("field", "command"),
    [
        ("prompts", on.Play(play_id="x", prompts=(), repeat=1, barge_in=False)),
        ("repeat", on.Play(play_id="x", prompts=MENU, repeat=-1, barge_in=False)),
    ],
)
def test_a_play_command_that_makes_no_sense_names_its_field(field: str, command: on.Play) -> None:
    with pytest.raises(Refusal) as refusal:
        story.answered().step(command)
    assert (refusal.value.reason, refusal.value.field) == (Reason.INVALID, field)


def test_what_plays_when_the_call_ends_is_told_before_the_legs() -> None:
    call = story.playing().steps(on.HungUp(leg_id=CUSTOMER), on.LegClosed(leg_id=CUSTOMER))
    assert call.names[-3:] == ["playback-finished", "leg-ended", "ended"]


@pytest.mark.feature("F076")
def test_an_rfc4733_key_interrupts_in_the_worker_and_names_the_playback() -> None:
    call = story.playing(barge_in=True)
    call.step(on.PlayEnded(play_id="p1", how="interrupted"))
    assert call.step(key("5")) == []
    call.step(key("6"), after_s=5)
    assert finished(call) == [("p1", "interrupted")]
    assert keys(call) == [("5", "p1"), ("6", "")]


@pytest.mark.feature("F076")
@pytest.mark.parametrize(("barge_in", "effects", "ends"), [(True, [do.StopPlay("p1")], [("p1", "interrupted")]), (False, [], [])])
def test_an_info_key_interrupts_where_it_may(barge_in: bool, effects: list[do.Effect], ends: list[tuple[str, str]]) -> None:
    call = story.playing(barge_in=barge_in)
    assert call.step(key("5", "info")) == effects
    assert (finished(call), keys(call)) == (ends, [("5", "p1")])


BOTH_WAYS = [
    ("one key", [("1", "info", 0.0), ("1", "rfc4733", 0.1)], "1"),
    ("one key, the other order", [("1", "rfc4733", 0.0), ("1", "info", 0.1)], "1"),
    ("the same key twice", [("1", "info", 0.0), ("1", "rfc4733", 0.1), ("1", "info", 0.3), ("1", "rfc4733", 0.1)], "11"),
    ("twice, told late", [("1", "info", 0.0), ("1", "info", 0.3), ("1", "rfc4733", 0.2), ("1", "rfc4733", 0.3)], "11"),
    ("two keys crossing", [("1", "info", 0.0), ("2", "info", 0.2), ("1", "rfc4733", 0.1), ("2", "rfc4733", 0.2)], "12"),
    ("one way only, twice", [("1", "info", 0.0), ("1", "info", 0.1)], "11"),
    ("too far apart to be one", [("1", "info", 0.0), ("1", "rfc4733", 2.5)], "11"),
]


@pytest.mark.parametrize(("_name", "presses", "heard"), BOTH_WAYS, ids=[row[0] for row in BOTH_WAYS])
def test_a_key_sent_both_ways_is_one_key(_name: str, presses: list[tuple[str, str, float]], heard: str) -> None:
    call = story.answered()
    for digit, method, after_s in presses:
        call.step(key(digit, method), after_s=after_s)
    assert "".join(digit for digit, _ in keys(call)) == heard


def test_the_agents_keys_are_not_the_customers() -> None:
    call = story.talking()
    call.step(on.KeyPressed(leg_id=story.AGENT, digit="1", method="rfc4733"))
    assert keys(call) == []
