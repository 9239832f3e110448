"""The log against the media: each difference is injected by losing events, and ends within five seconds."""

from collections.abc import Sequence

import pytest

from callstream.contracts.call_events import CallEnded
from callstream.contracts.commands import CallTruth
from callstream.kernel.outcomes import Reason

from .story import Story, holds

WITHIN_S = 5
"""The promise: any mismatch is over by then."""


def talking() -> Story:
    story = Story()
    story.arrived()
    story.sign_in()
    story.ring()
    story.leg_started()
    story.answered()
    return story


@pytest.mark.parametrize(
    ("lost", "then", "truth", "kind", "state"),
    [
        pytest.param("leg-ended", ["leg_ended"], [holds()], "leg-gone", "wrap-up", id="the end of the leg was lost"),
        pytest.param("ended", ["call_ended"], [], "call-gone", "wrap-up", id="the end of the call was refused by the log"),
    ],
)
def test_a_busy_agent_whose_leg_is_gone_is_freed(
    lost: str, then: list[str], truth: list[CallTruth], kind: str, state: str
) -> None:
    story = talking()
    story.deaf.add(lost)
    for name in then:
        if name == "leg_ended":
            story.leg_ended()
    story.deaf.clear()
    assert story.state == "busy", "the fold has missed it"
    story.seconds(WITHIN_S, truth=truth)
    assert story.mended == [kind]
    assert story.path()[-1] == state
    if kind == "leg-gone":
        assert story.last().cause == "media-leg-gone"


def test_an_agent_rings_for_an_offer_that_nobody_rings() -> None:
    """The gateway was starting while the offer was made."""
    story = Story()
    story.arrived()
    story.sign_in()
    story.ring()
    story.seconds(WITHIN_S, truth=[holds()])
    assert (story.state, story.last().cause, story.mended) == ("idle", "media-offer-gone", ["offer-gone"])
    assert story.reserve("o2", "c2"), "the lost offer keeps them from no other"


def test_a_missed_withdrawal_frees_the_ringing_agent() -> None:
    story = Story()
    story.arrived()
    story.sign_in()
    story.ring()
    story.deaf.add("offer-withdrawn")
    story.withdrawn()
    story.deaf.clear()
    assert story.state == "ringing"
    story.seconds(WITHIN_S, truth=[holds()])
    assert story.state == "idle"
    assert story.reserve("o2", "c2")


def test_a_missed_answer_makes_the_agent_busy() -> None:
    story = Story()
    story.arrived()
    story.sign_in()
    story.ring()
    story.deaf.add("offer-answered")
    story.answered()
    story.deaf.clear()
    story.seconds(WITHIN_S, truth=[holds("c1", "o1", answered=True)])
    assert (story.state, story.last().cause, story.agent.call_id) == ("busy", "media-in-talk", "c1")
    story.leg_ended()
    assert story.state == "wrap-up"


def test_an_idle_agent_in_talk_gets_no_second_call() -> None:
    """Offer and answer were both lost to this fold; the reservation ran out."""
    story = Story()
    story.arrived()
    story.sign_in()
    story.reserve()
    story.deaf |= {"offer-made", "offer-answered"}
    story.offer_made()
    story.answered()
    story.deaf.clear()
    story.seconds(3)
    assert story.state == "idle"
    story.seconds(WITHIN_S, truth=[holds("c1", "o1", answered=True)])
    assert (story.state, story.agent.offer_id) == ("busy", "o1")
    story.call_ended()
    assert story.state == "wrap-up"


def test_a_phone_that_rings_for_nobody_is_stopped() -> None:
    """The gateway has missed the withdrawal."""
    story = Story()
    story.arrived()
    story.sign_in()
    story.ring()
    story.withdrawn()
    story.seconds(3, truth=[holds("c1", "o1")])
    assert story.mended == ["stray-offer"]
    assert story.state == "idle"


def test_an_offer_that_stands_open_for_an_agent_who_left_it_is_forgotten() -> None:
    story = Story()
    story.arrived()
    story.sign_in()
    story.reserve()
    story.later(3)
    story.offer_made()
    story.deaf.add("offer-withdrawn")
    story.withdrawn("agent-gone")
    story.deaf.clear()
    assert story.agent.open_offer == "o1"
    story.seconds(WITHIN_S, truth=[holds()])
    assert story.mended == ["stale-offer"]
    assert story.reserve("o2", "c2")


def test_a_gateway_that_does_not_come_back_loses_its_calls_and_frees_its_agents() -> None:
    story = talking()
    story.arrived("c2")
    story.seconds(WITHIN_S, truth=None)
    assert story.mended == ["gateway-lost", "gateway-lost"]
    ends = [r.event for r in story.told if isinstance(r.event, CallEnded)]
    assert [end.reason for end in ends] == [Reason.GATEWAY_LOST] * 2
    assert story.state == "wrap-up"
    assert story.roster.calls.calls == {}


def test_a_gateway_that_is_silent_for_a_moment_loses_nothing() -> None:
    story = talking()
    for _ in range(5):
        story.seconds(2, truth=None)
        story.seconds(1, truth=[holds("c1", "o1", answered=True)])
    assert (story.mended, story.state) == ([], "busy")


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param([holds()], id="the leg's end is on its way to the log"),
        pytest.param([], id="the call's end is on its way"),
    ],
)
def test_what_is_only_on_its_way_is_left_alone(truth: Sequence[CallTruth]) -> None:
    story = talking()
    story.seconds(1, truth=truth)
    story.leg_ended()
    story.call_ended()
    story.seconds(WITHIN_S, truth=truth)
    assert story.mended == []


def test_where_both_agree_nothing_is_mended() -> None:
    story = talking()
    story.seconds(20, truth=[holds("c1", "o1", answered=True)])
    story.leg_ended()
    story.seconds(20, truth=[holds()])
    story.call_ended()
    story.seconds(20, truth=[])
    assert story.mended == []


def test_the_late_truth_changes_nothing_any_more() -> None:
    """The lost event is found again behind the repair."""
    story = talking()
    story.seconds(WITHIN_S, truth=[holds()])
    assert story.state == "wrap-up"
    changes = len(story.changes())
    story.leg_ended()
    story.call_ended()
    assert len(story.changes()) == changes


def test_a_restart_after_a_repair_finds_the_same_agent() -> None:
    story = talking()
    story.seconds(WITHIN_S, truth=[holds()])
    assert story.restarted().agent == story.agent
