"""Calls that an agent begins, and calls that a supervisor listens to: seized, in it, over."""

import pytest

from callstream.contracts.commands import CallTruth, LegTruth
from callstream.contracts.states import LegRole
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

from .story import TENANT, Story, do, holds


def dialling(*before: tuple[str, ...]) -> Story:
    story = Story()
    do(story, [("sign_in",), *before, ("seize",), ("dialled",)])
    return story


@pytest.mark.feature("F137")
@pytest.mark.parametrize(
    ("before", "state"),
    [([], "idle"), ([("set_state", "busy-set")], "busy-set"), ([("set_state", "break", "meal")], "break")],
)
def test_an_agent_is_seized_from_each_state_at_choice_and_comes_back_to_it(before: list[tuple[str, ...]], state: str) -> None:
    story = Story()
    do(story, [("sign_in",), *before])
    assert story.seize()
    assert (story.state, story.last().cause, story.last().call_id) == ("busy", "seized", "d1")
    do(story, [("dialled",), ("picked_up",), ("over", "d1")])
    assert (story.state, story.last().cause) == (state, "not-reached"), "nobody was reached: nothing to wrap up"
    assert story.agent.reason == ("meal" if state == "break" else "")


@pytest.mark.feature("F137")
@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], Reason.NOT_SIGNED_IN),
        ([("sign_in",), ("ring",)], Reason.ILLEGAL_STATE),
        ([("sign_in",), ("talk",)], Reason.ILLEGAL_STATE),
        ([("sign_in",), ("talk",), ("leg_ended",)], Reason.ILLEGAL_STATE),
        ([("sign_in",), ("seize", "d9")], Reason.ILLEGAL_STATE),
        ([("sign_in", "1005", "tab"), ("seconds", 31)], Reason.AGENT_UNREACHABLE),
    ],
)
def test_who_is_not_at_choice_begins_no_call(steps: list[tuple[object, ...]], reason: Reason) -> None:
    story = Story()
    do(story, steps)
    with pytest.raises(Refusal) as refused:
        story.seize()
    assert (refused.value.reason, refused.value.field) == (reason, "agent_id")


def test_seizing_again_for_the_same_call_changes_nothing() -> None:
    story = Story()
    do(story, [("sign_in",), ("seize",)])
    assert not story.seize()
    story.dialled()
    assert not story.seize()
    assert story.path() == ["idle", "busy"]


def test_a_call_that_never_begins_gives_the_agent_back() -> None:
    story = Story()
    do(story, [("sign_in",), ("set_state", "busy-set"), ("seize",), ("later", 4.9)])
    assert story.state == "busy"
    story.later(0.1)
    assert (story.state, story.last().cause) == ("busy-set", "seizure-expired")
    story.dialled()
    assert (story.state, story.last().cause) == ("busy", "dialled"), "it began after all: their phone rings"
    do(story, [("reached",), ("own_leg_ended",)])
    assert story.state == "wrap-up"


def test_a_call_that_has_begun_may_ring_for_long() -> None:
    story = dialling()
    story.later(120)
    assert story.state == "busy"


def test_a_refused_call_gives_the_agent_back_at_once_and_a_begun_one_does_not() -> None:
    story = Story()
    do(story, [("sign_in",), ("seize",)])
    assert story.release("d1")
    assert (story.state, story.last().cause) == ("idle", "released")
    story = dialling()
    with pytest.raises(Refusal) as refused:
        story.release("d1")
    assert refused.value.reason is Reason.ILLEGAL_STATE


@pytest.mark.feature("F149")
def test_wrap_up_follows_a_call_that_reached_its_customer() -> None:
    story = dialling(("set_state", "break", "meal"))
    do(story, [("picked_up",), ("reached",), ("over", "d1")])
    assert (story.state, story.last().cause) == ("wrap-up", "call-ended")
    story.later(10)
    assert (story.state, story.agent.reason) == ("break", "meal")


@pytest.mark.parametrize("end", ["own_leg_ended", "over", "call_ended"])
def test_a_wish_of_the_call_applies_when_nobody_was_reached(end: str) -> None:
    story = dialling()
    do(story, [("set_state", "break", "meal"), (end, "d1")])
    assert (story.state, story.agent.reason) == ("break", "meal")
    story = dialling()
    do(story, [("sign_out",), (end, "d1")])
    assert story.state == "offline"


def test_nobody_is_offered_a_call_while_they_dial() -> None:
    story = dialling()
    with pytest.raises(Refusal) as refused:
        story.reserve()
    assert refused.value.reason is Reason.ILLEGAL_STATE


def test_the_agent_who_transfers_wraps_up_while_the_call_goes_on() -> None:
    story = dialling()
    do(story, [("picked_up",), ("reached",), ("own_leg_ended",)])
    assert story.state == "wrap-up"
    story.later(60)
    story.call_ended("d1")
    assert story.state == "idle"
    assert story.path() == ["idle", "busy", "wrap-up", "idle"]


@pytest.mark.parametrize("end", [("own_leg_ended", "c1", "supervisor"), ("over", "c1"), ("call_ended", "c1")])
def test_supervision_ends_without_wrap_up(end: tuple[str, ...]) -> None:
    story = Story()
    do(
        story,
        [("arrived",), ("sign_in",), ("set_state", "busy-set"), ("seize", "c1", "supervision"), ("listens",), ("later", 30)],
    )
    assert story.state == "busy"
    do(story, [end])
    assert (story.state, story.last().cause) == ("busy-set", "supervision-ended")


# against the media


def held(call_id: str = "d1", *, answered: bool = True, role: str = "agent") -> CallTruth:
    leg = LegTruth(leg_id=f"own-{call_id}", role=LegRole(role), agent_id="1005", answered=answered)
    return CallTruth(tenant=TENANT, call_id=call_id, legs=(leg,))


def test_a_dialling_agent_agrees_with_the_media() -> None:
    story = dialling()
    story.seconds(6, truth=[held(answered=False)])
    story.picked_up()
    story.seconds(6, truth=[held()])
    assert (story.state, story.mended) == ("busy", [])


def test_a_seized_agent_is_left_alone_until_the_call_begins() -> None:
    story = Story()
    do(story, [("arrived",), ("sign_in",), ("talk",), ("leg_ended",), ("end_wrap_up",), ("seize",)])
    story.seconds(4, truth=[holds()])
    assert (story.state, story.mended) == ("busy", [])


@pytest.mark.parametrize(("steps", "state"), [([], "idle"), ([("reached",)], "wrap-up")])
def test_the_lost_end_of_an_own_leg_is_found(steps: list[tuple[str, ...]], state: str) -> None:
    story = dialling()
    do(story, steps)
    story.seconds(5, truth=[CallTruth(tenant=TENANT, call_id="d1")])
    assert (story.state, story.mended) == (state, ["leg-gone"])


def test_a_lost_gateway_ends_the_dialled_call() -> None:
    story = dialling()
    story.seconds(6, truth=None)
    assert story.mended == ["gateway-lost"]
    assert story.state == "idle"


def test_a_supervisor_who_hears_is_no_mismatch() -> None:
    story = Story()
    do(story, [("arrived",), ("sign_in",), ("seize", "c1", "supervision"), ("listens",)])
    story.seconds(6, truth=[held("c1", role="supervisor")])
    assert (story.state, story.mended) == ("busy", [])
