"""What agents ask for: sign in and out, states, next state, the end of wrap-up."""

from typing import Any

import pytest

from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

from .story import Story, do


@pytest.mark.feature("F001", "F043")
def test_nobody_is_signed_in_before_they_sign_in() -> None:
    story = Story()
    assert story.state == "offline"
    with pytest.raises(Refusal) as refused:
        story.reserve()
    assert refused.value.reason is Reason.ILLEGAL_STATE
    story.sign_in()
    assert story.events() == ["signed-in", "state-changed"]
    assert story.state == "idle"
    story.sign_out()
    assert story.events()[2:] == ["state-changed", "signed-out"]
    with pytest.raises(Refusal):
        story.reserve()


@pytest.mark.feature("F001", "F044")
@pytest.mark.parametrize(("default", "can_be_offered"), [("idle", True), ("busy-set", False)])
def test_sign_in_leads_to_the_default_state(default: str, can_be_offered: bool) -> None:
    story = Story(Settings(default_state=AgentState(default)))
    story.sign_in()
    assert story.state == default
    if can_be_offered:
        story.reserve()
        assert story.state == "ringing"
    else:
        with pytest.raises(Refusal):
            story.reserve()


def test_what_is_so_already_changes_nothing() -> None:
    story = Story()
    assert not story.sign_out()
    story.sign_in()
    assert not story.sign_in()
    assert not story.set_state("idle")
    story.set_state("break", "meal")
    assert not story.set_state("break", "meal")
    assert story.path() == ["idle", "break"]


@pytest.mark.feature("F037", "F038", "F040", "F045")
@pytest.mark.parametrize("start", [("busy-set", ""), ("break", "meal"), ("idle", "")])
@pytest.mark.parametrize("goal", [("busy-set", ""), ("break", "meeting"), ("idle", "")])
def test_states_are_switched_at_any_time(start: tuple[str, str], goal: tuple[str, str]) -> None:
    story = Story()
    story.sign_in()
    story.set_state(*start)
    story.set_state(*goal)
    assert (story.state, story.agent.reason) == goal
    if goal[0] != "idle":
        with pytest.raises(Refusal) as refused:
            story.reserve()
        assert refused.value.reason is Reason.ILLEGAL_STATE
        assert refused.value.field == "agent_id"


@pytest.mark.feature("F039", "F040")
@pytest.mark.parametrize(
    ("state", "reason", "field", "says"),
    [
        ("break", "", "reason", "possible are meal, meeting, training"),
        ("break", "golf", "reason", "'golf' is no break reason"),
        ("idle", "meal", "reason", "goes with break"),
        ("busy", "", "state", "busy cannot be chosen"),
        ("ringing", "", "state", "ringing cannot be chosen"),
        ("wrap-up", "", "state", "possible are idle, busy-set, break"),
        ("offline", "", "state", "offline cannot be chosen"),
    ],
)
def test_a_choice_that_is_none_is_refused(state: str, reason: str, field: str, says: str) -> None:
    story = Story()
    story.sign_in()
    with pytest.raises(Refusal, match=says) as refused:
        story.set_state(state, reason)
    assert (refused.value.reason, refused.value.field) == (Reason.INVALID, field)
    assert story.state == "idle"


def test_who_is_not_signed_in_has_no_state_to_choose() -> None:
    story = Story()
    with pytest.raises(Refusal) as refused:
        story.set_state("idle")
    assert (refused.value.reason, refused.value.field) == (Reason.NOT_SIGNED_IN, "agent_id")


@pytest.mark.feature("F045")
@pytest.mark.parametrize(
    ("during", "wish", "path"),
    [
        ("talk", ("break", "meal"), ["wrap-up", "break"]),
        ("talk", ("busy-set",), ["wrap-up", "busy-set"]),
        ("talk", ("idle",), ["wrap-up", "idle"]),
        ("ring", ("busy-set",), ["busy", "wrap-up", "busy-set"]),
    ],
)
def test_a_change_during_a_call_waits_as_next_state(during: str, wish: tuple[str, ...], path: list[str]) -> None:
    story = Story()
    do(story, [("sign_in",), (during,), ("set_state", *wish)])
    assert story.state == {"talk": "busy", "ring": "ringing"}[during]
    assert story.agent.wish is not None
    assert story.agent.wish.state == wish[0]
    before = len(story.path())
    if during == "ring":
        story.answered()
    do(story, [("leg_ended",), ("later", 10)])
    assert story.path()[before:] == path
    assert story.agent.wish is None
    assert story.agent.reason == (wish[1] if len(wish) > 1 else "")


@pytest.mark.feature("F043", "F045")
def test_signing_out_during_a_call_waits_for_its_end() -> None:
    story = Story()
    do(story, [("sign_in",), ("talk",), ("sign_out",)])
    assert story.state == "busy"
    story.call_ended()
    assert story.state == "offline"
    assert story.events()[-2:] == ["state-changed", "signed-out"]
    assert story.last().actor == "1005"


@pytest.mark.feature("F045")
def test_the_last_wish_counts() -> None:
    story = Story()
    do(story, [("sign_in",), ("talk",), ("sign_out",), ("set_state", "break", "meal"), ("leg_ended",), ("later", 10)])
    assert story.state == "break"


@pytest.mark.feature("F045")
@pytest.mark.parametrize("choice", [("idle",), ("busy-set",), ("break", "meal")])
def test_a_change_in_wrap_up_applies_at_once(choice: tuple[str, ...]) -> None:
    story = Story()
    do(story, [("sign_in",), ("talk",), ("leg_ended",), ("set_state", *choice)])
    assert story.state == choice[0]
    story.later(60)
    assert story.state == choice[0]


@pytest.mark.feature("F041", "F051")
def test_start_answering_ends_wrap_up_at_once() -> None:
    story = Story()
    do(story, [("sign_in",), ("talk",), ("set_state", "busy-set"), ("leg_ended",)])
    with pytest.raises(Refusal):
        story.reserve("o2", "c2")
    story.end_wrap_up()
    assert (story.state, story.last().cause) == ("idle", "wrap-up-ended")
    story.reserve("o2", "c2")
    assert story.state == "ringing"


@pytest.mark.feature("F051")
@pytest.mark.parametrize(
    "steps", [[], [("sign_in",)], [("sign_in",), ("ring",)], [("sign_in",), ("talk",)], [("sign_in",), ("set_state", "busy-set")]]
)
def test_outside_wrap_up_there_is_nothing_to_end(steps: list[tuple[Any, ...]]) -> None:
    story = Story()
    do(story, steps)
    before = story.state
    with pytest.raises(Refusal, match=f"in state {before}") as refused:
        story.end_wrap_up()
    assert (refused.value.reason, refused.value.field) == (Reason.ILLEGAL_STATE, "agent_id")
    assert story.state == before
