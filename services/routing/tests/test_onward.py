"""Calls that an agent serves already: transferred to a group or an agent, and colleagues who are asked."""

import pytest

from callstream.contracts import queue_events as queue
from callstream.contracts.config import Customer, CustomerType
from callstream.kernel.errors import Refusal
from callstream_routing.domain.supervise import Action, check

from .story import Story

VIP = "+8613900000001"


def served(**groups: list[str]) -> Story:
    """1001 serves caller `a` of call c-a."""
    story = Story(**groups)
    story.idle("1001")
    story.request("a", group="sales", priority=4, caller=VIP)
    story.answered("a")
    return story


@pytest.mark.feature("F019")
def test_a_transfer_to_a_group_keeps_the_first_wait_type_and_priority() -> None:
    story = Story(sales=["1001"], tech=["2001"])
    story.set(CustomerType(id="gold", name="gold", level=7, groups=("sales",)), Customer(number=VIP, type="gold"))
    story.request("a", group="sales", priority=4, caller=VIP)
    began = story.clock.now()
    story.later(30)
    story.idle("1001")
    story.answered("a")
    story.request("b", group="tech", priority=9)
    story.later(60)
    story.transferred("a", "t", "1001", group="tech", caller=VIP)
    queued = story.last("t")
    assert isinstance(queued, queue.ContactQueued)
    assert (queued.group_id, queued.enqueued_at, queued.customer_type, queued.level, queued.priority) == (
        "tech", began, "gold", 7, 4,
    )  # fmt: skip
    assert queued.ahead == 0, "before who came later and weighs less"
    story.idle("2001")
    assert story.offers()[-1] == "t→2001"
    assert story.restarted().events("t") == story.events("t")


@pytest.mark.feature("F019")
def test_who_gave_the_call_away_gets_it_back_only_when_there_is_nobody_else() -> None:
    story = served(sales=["1001", "1002"])
    story.transferred("a", "t", "1001", group="sales", caller=VIP)
    story.idle("1001")
    assert story.offers()[-1] == "t→1001", "nobody else is there"
    story = served(sales=["1001", "1002"])
    story.idle("1002")
    story.paused = True
    story.state("1001", "wrap-up")
    story.state("1001", "idle")
    story.transferred("a", "t", "1001", group="sales", caller=VIP)
    story.paused = False
    story.react()
    assert story.offers()[-1] == "t→1002"


def test_a_transfer_to_a_group_that_does_not_exist_leaves_at_once() -> None:
    story = served(sales=["1001"])
    story.transferred("a", "t", "1001", group="nowhere", caller=VIP)
    assert story.events("t") == ["queued", "left failed unknown-group"]


def test_a_transfer_to_an_agent_is_offered_to_them_whatever_their_groups() -> None:
    story = served(sales=["1001"], tech=["2001", "2002"])
    story.idle("2002", "2001")
    story.transferred("a", "t", "1001", to="2001", caller=VIP)
    assert story.offers()[-1] == "t→2001"
    assert story.offer("t").decision.rule == "transfer"


def test_a_dialled_customer_is_transferred_by_the_groups_of_the_target() -> None:
    """Nobody served them for a group, and the target cannot take it: the target's group does."""
    story = Story(sales=["1001"], tech=["2001", "2002"])
    story.dialled("1001", VIP)
    story.idle("2002")
    story.transferred("out", "t", "1001", to="2001", caller=VIP)
    assert story.offers() == ["t→2002"]


# wanted agents


@pytest.mark.parametrize("purpose", ["consult", "invite", "internal"])
def test_a_wanted_agent_is_reserved_and_offered_like_any_other(purpose: str) -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.wanted("a", "w", "1001", "2001", purpose)
    assert story.offers()[-1] == "w→2001"
    assert (story.offer("w").decision.rule, story.offer("w").decision.group_id) == (purpose, "")
    story.answered("w")
    assert story.events("w") == ["queued", "offer-made", "left answered answered"]
    assert story.restarted().events("w") == story.events("w")
    assert story.kept_and_restored().board.requests == story.board.requests
    assert "" not in story.board.groups


def test_a_colleagues_question_counts_for_nothing() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    before = story.board.memory.last_agent(VIP)
    story.wanted("a", "w", "1001", "2001")
    story.answered("w")
    seat = story.board.seat("2001")
    assert (seat.offered, seat.answered, seat.serving) == (0, 0, "")
    assert story.board.memory.last_agent(VIP) == before


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("offline", "not-signed-in"),
        ("busy", "agent-busy"),
        ("ringing", "agent-busy"),
        ("wrap-up", "agent-busy"),
        ("busy-set", "agent-busy"),
        ("break", "agent-busy"),
    ],
)
def test_a_wanted_agent_who_cannot_is_told_at_once_and_nobody_else_is_asked(state: str, reason: str) -> None:
    story = served(sales=["1001"], tech=["2001", "2002"])
    story.idle("2002")
    story.state("2001", state)
    story.wanted("a", "w", "1001", "2001")
    assert story.events("w") == ["queued", f"left failed {reason}"]
    assert story.offers() == ["a→1001"]


def test_an_agent_whom_agent_state_refuses_is_not_asked_again() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.refusing = {"2001"}
    story.wanted("a", "w", "1001", "2001")
    assert story.events("w") == ["queued", "left failed agent-busy"]


@pytest.mark.parametrize(("happens", "reason"), [("rings out", "ring-timeout"), ("rejects", "agent-rejected")])
def test_a_wanted_agent_who_does_not_answer_is_not_rung_again(happens: str, reason: str) -> None:
    story = served(sales=["1001"], tech=["2001", "2002"])
    story.idle("2001", "2002")
    story.wanted("a", "w", "1001", "2001")
    if happens == "rejects":
        story.failed("w", "agent-rejected")
    else:
        story.later(31)
    assert story.events("w") == ["queued", "offer-made", f"offer-withdrawn {reason}", f"left failed {reason}"]


def test_a_consultation_that_is_called_off_stops_the_ringing() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.wanted("a", "w", "1001", "2001")
    story.consult_ended("a", "w")
    assert story.events("w") == ["queued", "offer-made", "offer-withdrawn normal", "left abandoned normal"]


def test_the_end_of_a_consultation_that_took_place_changes_nothing() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.wanted("a", "w", "1001", "2001")
    story.answered("w")
    story.consult_ended("a", "w", "completed")
    assert story.events("w") == ["queued", "offer-made", "left answered answered"]


def test_the_end_of_the_call_stops_the_ringing() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.wanted("a", "w", "1001", "2001")
    story.call_ended("a")
    assert story.events("w")[-1] == "left abandoned caller-hung-up"


def test_a_wanted_agent_whose_reservation_nobody_answers_is_given_up() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.paused = True
    story.wanted("a", "w", "1001", "2001")
    story.later(6)
    story.paused = False
    story.react()
    assert story.events("w")[-1] == "left failed unavailable"


def test_a_supervisor_has_no_part_in_a_colleagues_question() -> None:
    story = served(sales=["1001"], tech=["2001"])
    story.idle("2001")
    story.wanted("a", "w", "1001", "2001")
    with pytest.raises(Refusal):
        check(story.board, "w", Action.STOP)


# callers whom an agent called


def recalling(patient: bool, state: str = "idle") -> Story:
    """1001 called this caller; 1002 is free in their group."""
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    if state != "idle":
        story.state("1001", state)
    story.request("a", group="", caller=VIP, only_agent="1001", patient=patient)
    return story


@pytest.mark.parametrize("patient", [True, False])
def test_a_recalled_caller_is_offered_to_the_agent_who_called_them(patient: bool) -> None:
    story = recalling(patient)
    assert (story.offers(), story.offer("a").decision.rule) == (["a→1001"], "outbound-memory")
    story.answered("a")
    seat = story.board.seat("1001")
    assert (seat.offered, seat.answered, story.board.memory.last_agent(VIP)) == (1, 1, "1001")
    assert story.events("a")[-1] == "left answered answered"
    assert story.restarted().events("a") == story.events("a")


@pytest.mark.parametrize("state", ["busy", "wrap-up", "ringing", "break", "busy-set", "offline"])
def test_preferred_means_free_now_or_the_flow(state: str) -> None:
    story = recalling(False, state)
    assert story.events("a")[-1].startswith("left failed")
    assert story.offers() == []


@pytest.mark.parametrize("state", ["busy", "wrap-up"])
def test_direct_waits_for_an_agent_who_is_in_a_call(state: str) -> None:
    story = recalling(True, state)
    story.later(60)
    assert story.events("a") == ["queued"]
    assert story.kept_and_restored().board.only == {"1001": {"a"}}
    story.idle("1001")
    assert story.offers() == ["a→1001"]


@pytest.mark.parametrize("state", ["break", "busy-set", "offline"])
def test_direct_does_not_wait_for_an_agent_who_is_away(state: str) -> None:
    assert recalling(True, state).events("a")[-1].startswith("left failed")


def test_direct_waits_for_two_minutes() -> None:
    story = recalling(True, "busy")
    story.later(119.9)
    assert story.events("a") == ["queued"]
    story.later(0.2)
    assert story.events("a") == ["queued", "left failed agent-busy"]


def test_direct_gives_up_when_the_agent_leaves_meanwhile() -> None:
    story = recalling(True, "busy")
    story.state("1001", "wrap-up")
    assert story.events("a") == ["queued"]
    story.state("1001", "break")
    assert story.events("a")[-1] == "left failed agent-busy"
