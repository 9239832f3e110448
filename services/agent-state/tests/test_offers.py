"""Offers, calls and wrap-up: what queues and calls make of an agent, in log order."""

from typing import Any

import msgspec
import pytest

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.config import Settings
from callstream.contracts.states import AfterWrapUp, AgentState, MissedPolicy
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

from .story import Story, do


@pytest.mark.feature("F037", "F039", "F041", "F050")
@pytest.mark.parametrize("end", [[("over",)], [("leg_ended",), ("call_ended",)]], ids=["with its legs", "leg by leg"])
def test_one_call_from_idle_to_idle(end: list[tuple[str, ...]]) -> None:
    story = Story()
    do(story, [("arrived",), ("sign_in",), ("ring",), ("leg_started",), ("answered",), ("left", "answered", "c1", "1005")])
    do(story, end)
    assert story.path() == ["idle", "ringing", "busy", "wrap-up"]
    assert [change.cause for change in story.changes()] == ["sign-in", "reserved", "answered", "call-ended"]
    busy = story.changes()[2]
    assert (busy.call_id, busy.offer_id, busy.request_id) == ("c1", "o1", "r-c1")
    story.later(9.9)
    assert story.state == "wrap-up"
    story.later(0.1)
    assert (story.state, story.last().cause) == ("idle", "wrap-up-timer")


@pytest.mark.feature("F048")
@pytest.mark.parametrize("steps", [[("reserve",)], [("ring",)]])
def test_a_second_offer_is_refused_while_one_rings(steps: list[tuple[Any, ...]]) -> None:
    story = Story()
    do(story, [("sign_in",), *steps])
    with pytest.raises(Refusal) as refused:
        story.reserve("o2", "c2")
    assert (refused.value.reason, refused.value.field) == (Reason.ALREADY_RESERVED, "agent_id")
    assert not story.reserve("o1", "c1")  # the same offer again: its first answer was lost
    assert story.agent.offer_id == "o1"


@pytest.mark.feature("F037", "F038", "F039", "F040", "F041", "F043", "F048")
@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([("sign_out",)], "offline"),
        ([("set_state", "busy-set")], "busy-set"),
        ([("set_state", "break", "meal")], "break"),
        ([("talk",)], "busy"),
        ([("talk",), ("leg_ended",)], "wrap-up"),
    ],
)
def test_nobody_but_the_idle_is_offered_anything(steps: list[tuple[Any, ...]], state: str) -> None:
    story = Story()
    do(story, [("sign_in",), *steps])
    assert story.state == state
    with pytest.raises(Refusal) as refused:
        story.reserve("o2", "c2")
    assert refused.value.reason is Reason.ILLEGAL_STATE
    assert story.state == state


def test_a_reservation_without_an_offer_expires() -> None:
    story = Story()
    do(story, [("sign_in",), ("reserve",), ("later", 2.9)])
    assert story.state == "ringing"
    story.later(0.1)
    assert (story.state, story.last().cause) == ("idle", "reservation-expired")
    assert story.agent.misses == 0


def test_an_offer_that_is_made_stops_the_expiry() -> None:
    story = Story()
    do(story, [("sign_in",), ("ring",), ("later", 600)])
    assert story.state == "ringing"


def test_routing_gives_a_reservation_back() -> None:
    story = Story()
    do(story, [("sign_in",), ("reserve",)])
    assert not story.release("o2")  # not this one
    assert story.release("o1")
    assert (story.state, story.last().cause) == ("idle", "released")
    assert not story.release("o1")
    story.ring("o3", "c3")
    with pytest.raises(Refusal, match="must be withdrawn") as refused:
        story.release("o3")
    assert (refused.value.reason, refused.value.field) == (Reason.ILLEGAL_STATE, "offer_id")


@pytest.mark.feature("F032", "F033")
@pytest.mark.parametrize(
    ("policy", "timeouts", "states"),
    [
        (MissedPolicy.STAY_IDLE, 3, ["idle", "idle", "idle"]),
        (MissedPolicy.BREAK, 1, ["break"]),
        (MissedPolicy.BREAK_AFTER, 2, ["idle", "break"]),
    ],
)
def test_missed_offers_follow_the_policy(policy: MissedPolicy, timeouts: int, states: list[str]) -> None:
    """D2."""
    story = Story(Settings(missed_policy=policy, missed_limit=2))
    story.sign_in()
    seen = []
    for number in range(timeouts):
        do(story, [("ring", f"o{number}", f"c{number}"), ("withdrawn", "ring-timeout", f"o{number}", f"c{number}")])
        seen.append(story.state)
        assert story.last().cause == "ring-timeout"
    assert seen == states
    if states[-1] == "break":
        assert (story.agent.reason, story.last().actor) == ("auto", "system")
        with pytest.raises(Refusal):
            story.reserve("o9", "c9")
        assert story.agent.misses == 0  # the policy has been applied: counting begins anew


@pytest.mark.feature("F032")
def test_only_misses_in_a_row_count() -> None:
    story = Story(Settings(missed_policy=MissedPolicy.BREAK_AFTER, missed_limit=2))
    do(story, [("sign_in",), ("ring", "o1", "c1"), ("withdrawn", "ring-timeout", "o1", "c1")])
    assert story.agent.misses == 1
    do(story, [("ring", "o2", "c2"), ("withdrawn", "caller-hung-up", "o2", "c2")])
    assert story.agent.misses == 1  # the caller left: neither a miss nor an answer
    do(story, [("talk", "o3", "c3"), ("call_ended", "c3"), ("end_wrap_up",)])
    do(story, [("ring", "o4", "c4"), ("withdrawn", "ring-timeout", "o4", "c4")])
    assert story.state == "idle"
    assert story.agent.misses == 1


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("caller-hung-up", "caller-left"),
        ("agent-unreachable", "agent-unreachable"),
        ("agent-rejected", "agent-rejected"),
    ],
)
def test_other_ends_of_an_offer_lead_back_to_idle(reason: str, cause: str) -> None:
    story = Story(Settings(missed_policy=MissedPolicy.BREAK))
    do(story, [("sign_in",), ("ring",), ("withdrawn", reason)])
    assert (story.state, story.last().cause) == ("idle", cause)


@pytest.mark.feature("F045")
@pytest.mark.parametrize(
    ("policy", "wish", "state", "reason"),
    [
        (MissedPolicy.STAY_IDLE, ("busy-set",), "busy-set", ""),
        (MissedPolicy.STAY_IDLE, ("break", "meal"), "break", "meal"),
        (MissedPolicy.BREAK, ("busy-set",), "busy-set", ""),
        (MissedPolicy.BREAK, ("break", "meal"), "break", "meal"),
        (MissedPolicy.BREAK, ("idle",), "break", "auto"),
    ],
)
def test_a_wish_made_while_it_rang(policy: MissedPolicy, wish: tuple[str, ...], state: str, reason: str) -> None:
    story = Story(Settings(missed_policy=policy))
    do(story, [("sign_in",), ("ring",), ("set_state", *wish), ("withdrawn",)])
    assert (story.state, story.agent.reason) == (state, reason)
    assert story.agent.wish is None


@pytest.mark.parametrize("ending", [("withdrawn", "caller-hung-up"), ("left", "abandoned"), ("call_ended",), ("left", "failed")])
@pytest.mark.parametrize("made", [True, False])
def test_whatever_ends_the_request_frees_the_agent_once(ending: tuple[str, ...], made: bool) -> None:
    story = Story()
    do(story, [("sign_in",), ("ring",) if made else ("reserve",), ending])
    assert (story.state, story.last().cause) == ("idle", "caller-left")
    do(story, [("withdrawn", "caller-hung-up"), ("left",), ("call_ended",), ("later", 60)])
    assert story.path() == ["idle", "ringing", "idle"]


@pytest.mark.parametrize(
    ("name", "steps", "path"),
    [
        ("answer before the timeout", [("answered",), ("withdrawn",)], ["busy"]),
        ("timeout before the answer", [("withdrawn",), ("answered",)], ["idle"]),
        ("answer, then the caller leaves", [("answered",), ("call_ended",)], ["busy", "wrap-up"]),
        ("the caller leaves, then the answer", [("call_ended",), ("answered",)], ["idle"]),
        ("an answer of another offer", [("answered", "o0")], []),
        ("a withdrawal of another offer", [("withdrawn", "ring-timeout", "o0")], []),
        ("everything twice", [("answered",), ("answered",), ("leg_ended",), ("leg_ended",)], ["busy", "wrap-up"]),
        ("the leg of another offer ends", [("answered",), ("leg_ended", "o0")], ["busy"]),
    ],
)
@pytest.mark.parametrize("lagging", [False, True])
def test_the_order_of_the_log_decides(name: str, steps: list[tuple[Any, ...]], path: list[str], lagging: bool) -> None:
    """The same when the service is behind and sees all of it before its first own event."""
    story = Story()
    do(story, [("sign_in",), ("ring",)])
    story.paused = lagging
    do(story, steps)
    story.paused = False
    story.react()
    assert story.path()[2:] == path, name


@pytest.mark.feature("F048")
def test_while_an_answer_waits_to_be_followed_nothing_else_is_offered() -> None:
    story = Story()
    do(story, [("sign_in",), ("ring",)])
    story.paused = True
    story.withdrawn()
    with pytest.raises(Refusal):
        story.reserve("o2", "c2")


def test_what_another_instance_has_followed_is_not_followed_again() -> None:
    """Its event came between the fact and ours, under another cause: the reservation's timer."""
    story = Story()
    do(story, [("sign_in",), ("reserve",)])
    story.paused = True
    story.left()
    expired = AgentStateChanged(state=AgentState.IDLE, previous=AgentState.RINGING, cause="reservation-expired", actor="system")
    story.tell(expired, "1005", causation_id=story.agent.last_event_id)
    story.paused = False
    story.react()
    assert story.path() == ["idle", "ringing", "idle"]
    assert story.agent.facts == []


def test_an_event_that_is_delivered_again_changes_nothing() -> None:
    story = Story()
    do(story, [("sign_in",), ("talk",), ("set_state", "break", "meal"), ("leg_ended",)])
    before = (msgspec.json.encode(story.agent), story.roster.timers.next_due())
    for recorded in [recorded for recorded in story.told if recorded.aggregate == "agent"]:
        story.roster.evolve(recorded)
        story.react()
        assert (msgspec.json.encode(story.agent), story.roster.timers.next_due()) == before


def test_an_answer_behind_a_wrong_expiry_still_makes_busy() -> None:
    """The reservation expired although the offer had just been made; the phone was answered before routing withdrew it."""
    story = Story()
    do(story, [("sign_in",), ("reserve",)])
    story.later(3)
    assert story.state == "idle"
    story.offer_made()
    with pytest.raises(Refusal, match="not over"):
        story.reserve("o2", "c2")
    story.answered()
    assert story.state == "busy"
    story.call_ended()
    assert story.state == "wrap-up"


def test_after_the_withdrawal_of_a_wrong_expiry_all_is_well() -> None:
    story = Story()
    do(story, [("sign_in",), ("reserve",), ("later", 3), ("offer_made",), ("withdrawn", "agent-gone"), ("answered",)])
    assert story.state == "idle"
    story.ring("o2", "c2")
    assert story.state == "ringing"


@pytest.mark.feature("F050")
@pytest.mark.parametrize(
    ("settings", "waits", "state"),
    [
        (Settings(wrap_up_s=1), 1, "idle"),
        (Settings(wrap_up_s=90), 89.9, "wrap-up"),
        (Settings(wrap_up_s=90), 90, "idle"),
        (Settings(auto_idle=False), 3600, "wrap-up"),
        (Settings(after_wrap_up=AfterWrapUp.IDLE), 10, "idle"),
        (Settings(after_wrap_up=AfterWrapUp.PREVIOUS), 10, "idle"),
    ],
)
def test_the_wrap_up_timer(settings: Settings, waits: float, state: str) -> None:
    story = Story(settings)
    do(story, [("sign_in",), ("talk",), ("call_ended",), ("later", waits)])
    assert story.state == state


@pytest.mark.feature("F050")
@pytest.mark.parametrize(("after", "state"), [(AfterWrapUp.PREVIOUS, ("break", "meal")), (AfterWrapUp.IDLE, ("idle", ""))])
def test_wrap_up_leads_back_to_the_state_before_the_call(after: AfterWrapUp, state: tuple[str, str]) -> None:
    """D3. The state before was a break: the answer of an offer whose reservation had expired found the agent there."""
    story = Story(Settings(after_wrap_up=after))
    do(story, [("sign_in",), ("reserve",), ("later", 3), ("set_state", "break", "meal"), ("offer_made",), ("answered",)])
    do(story, [("call_ended",), ("later", 10)])
    assert (story.state, story.agent.reason) == state


@pytest.mark.feature("F050")
def test_wrap_up_counts_from_the_end_of_the_call_also_after_an_outage() -> None:
    story = Story(Settings(wrap_up_s=30))
    do(story, [("sign_in",), ("talk",)])
    story.paused = True
    do(story, [("call_ended",), ("later", 20)])
    story.paused = False
    again = story.restarted()
    assert again.state == "wrap-up"
    again.later(9.9)
    assert again.state == "wrap-up"
    again.later(0.1)
    assert again.state == "idle"


@pytest.mark.parametrize(
    "steps",
    [
        [("reserve",)],
        [("ring",)],
        [("talk",)],
        [("talk",), ("set_state", "break", "meal")],
        [("talk",), ("leg_ended",)],
        [("ring",), ("withdrawn",)],
        [("talk",), ("sign_out",), ("call_ended",)],
    ],
)
def test_a_restart_finds_every_agent_where_they_were(steps: list[tuple[Any, ...]]) -> None:
    story = Story()
    do(story, [("sign_in",), *steps])
    again = story.restarted()
    assert again.agent == story.agent
    assert again.told == story.told
    assert again.roster.timers.next_due() == story.roster.timers.next_due()
