"""Queue limits, overflow, and places kept: nobody is moved back, nobody goes round in circles."""

import pytest

from callstream.contracts.queue_events import ContactLeft, ContactMoved, ContactQueued

from .story import Story

ANN = "+8613900000001"


def line(story: Story, group: str) -> list[str]:
    return [place[-1] for place in story.board.group(group).line]


@pytest.mark.feature("F136")
def test_a_full_queue_passes_new_requests_on_or_refuses_them() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set_group("sales", max_waiting=2, overflow=("support",))
    story.set_group("support", max_waiting=1)
    for name in ("r1", "r2", "r3", "r4"):
        story.request(name)
    assert (line(story, "sales"), line(story, "support")) == (["r1", "r2"], ["r3"])
    assert story.events("r4") == ["queued", "left failed queue-full"]
    story.idle("1001")  # an offered request still waits
    story.request("r5")
    assert story.events("r5") == ["queued", "left failed queue-full"]
    story.answered("r1")
    story.request("r6")
    assert line(story, "sales") == ["r2", "r6"]


@pytest.mark.feature("F136")
def test_requests_that_come_together_fill_a_queue_one_after_the_other() -> None:
    story = Story(sales=["1001"])
    story.set_group("sales", max_waiting=2)
    story.paused = True
    for name in ("r1", "r2", "r3", "r4"):
        story.request(name)
    story.paused = False
    story.react()
    assert [story.events(name)[-1] for name in ("r1", "r2", "r3", "r4")] == ["queued"] * 2 + ["left failed queue-full"] * 2
    again = story.restarted()
    again.request("r5")
    assert again.events("r5") == ["queued", "left failed queue-full"]


@pytest.mark.feature("F136")
def test_who_has_waited_too_long_goes_on_in_the_next_group_with_the_old_place() -> None:
    story = Story(sales=["1001"], support=["1002"], back=["1003"])
    story.set_group("sales", max_wait_s=20, overflow=("support",))
    story.set_group("support", max_wait_s=15, overflow=("sales", "back"))
    story.request("early")
    story.later(10)
    story.request("young", "support")
    story.later(9.9)
    assert story.events("early") == ["queued"]
    story.later(0.1)
    assert story.events("early") == ["queued", "moved"]
    moved = story.last("early")
    assert isinstance(moved, ContactMoved)
    assert (moved.left, moved.groups, moved.reason) == (("sales",), ("support",), "queue-timeout")
    assert line(story, "support") == ["early", "young"]
    story.later(5)  # young has been there for 15 s; sales is only its overflow
    assert line(story, "sales") == ["young"]
    story.later(10)
    assert line(story, "back") == ["early"], "never back to where it has been"
    story.idle("1003")
    assert story.offers() == ["early→1003"]
    story.answered("early")
    left = story.last("early")
    assert isinstance(left, ContactLeft)
    assert left.waited_ms == 36_000


@pytest.mark.feature("F136")
def test_without_a_group_to_go_to_the_request_leaves_at_the_limit() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set_group("sales", max_wait_s=20, overflow=("support",))
    story.set_group("support", enabled=False)
    story.request("r1")
    story.later(20)
    assert story.events("r1") == ["queued", "left failed queue-timeout"]


@pytest.mark.feature("F136")
def test_the_limit_waits_for_an_offer_to_end() -> None:
    story = Story(sales=["1001"])
    story.set_group("sales", max_wait_s=20)
    story.later(1)
    story.request("r1")
    story.later(10)
    story.idle("1001")
    story.later(15)
    assert story.events("r1") == ["queued", "offer-made"]
    story.later(15)
    assert story.events("r1") == ["queued", "offer-made", "offer-withdrawn ring-timeout", "left failed queue-timeout"]


@pytest.mark.feature("F136")
def test_a_limit_survives_a_restart() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set_group("sales", max_wait_s=20, overflow=("support",))
    story.request("r1")
    story.later(10)
    again = story.restarted()
    again.later(10)
    assert again.events("r1") == ["queued", "moved"]
    assert line(again.restarted(), "support") == ["r1"]


@pytest.mark.feature("F134", "F136")
def test_of_several_groups_only_the_one_waited_out_is_left() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.set_group("sales", max_wait_s=20)
    story.request("r1", "sales", also_groups=("support",))
    story.later(20)
    moved = story.last("r1")
    assert isinstance(moved, ContactMoved)
    assert moved.groups == ("support",)
    assert line(story, "sales") == []


def test_who_gave_up_and_calls_again_soon_takes_the_old_place() -> None:
    story = Story(sales=["1001"])
    story.set_group("sales", resume_s=60)
    story.request("ann", caller=ANN)
    story.later(5)
    story.request("bob")
    story.call_ended("ann")
    story.later(60)
    story.request("ann2", caller=ANN)
    queued = story.last("ann2")
    assert isinstance(queued, ContactQueued)
    assert (queued.resumed, queued.ahead, line(story, "sales")) == ("ann", 0, ["ann2", "bob"])
    assert line(story.restarted(), "sales") == ["ann2", "bob"]
    story.later(10)
    story.idle("1001")
    story.answered("ann2")
    left = story.last("ann2")
    assert isinstance(left, ContactLeft)
    assert left.waited_ms == 11_000, "the wait is that of this call"


@pytest.mark.parametrize(
    ("how", "again", "group", "after"),
    [
        ("too late", ANN, "sales", 61),
        ("another caller", "+8613900000002", "sales", 10),
        ("another group", ANN, "support", 10),
        ("a withheld number", "", "sales", 10),
    ],
)
def test_nobody_else_takes_a_place_that_was_given_up(how: str, again: str, group: str, after: int) -> None:
    story = Story(sales=["1001"], support=["1002"])
    for name in ("sales", "support"):
        story.set_group(name, resume_s=60)
    story.request("first", caller="" if how == "a withheld number" else ANN)
    story.later(5)
    story.call_ended("first")
    story.request("bob", group)
    story.later(after)
    story.request("second", group, caller=again)
    queued = story.last("second")
    assert isinstance(queued, ContactQueued)
    assert (queued.resumed, line(story, group)) == ("", ["bob", "second"])


def test_a_place_is_taken_again_once() -> None:
    story = Story(sales=["1001"])
    story.set_group("sales", resume_s=60)
    story.request("ann", caller=ANN)
    story.later(1)
    story.call_ended("ann")
    story.request("bob")
    story.later(1)
    story.request("ann2", caller=ANN)
    story.request("ann3", caller=ANN)
    assert line(story, "sales") == ["ann2", "bob", "ann3"]


@pytest.mark.feature("F092")
def test_with_everybody_of_the_group_busy_the_busy_groups_may_serve_as_well() -> None:
    story = Story(sales=["1001"], back=["2001"], far=["3001"])
    story.idle("1001", "2001", "3001")
    story.request("a", busy_groups=("back", "far"))
    assert story.offers() == ["a→1001"], "somebody is free: no overflow"
    story.request("b", busy_groups=("back", "far"))
    queued = next(r.event for r in story.told if r.aggregate_id == "b" and isinstance(r.event, ContactQueued))
    assert queued.groups == ("sales", "back", "far")
    assert story.offers()[-1] in ("b→2001", "b→3001")
    assert story.restarted().events("b") == story.events("b")


def test_a_free_agent_for_whom_somebody_waits_already_is_not_free() -> None:
    story = Story(sales=["1001"], back=["2001"])
    story.request("a")
    story.request("b", busy_groups=("back",))
    queued = next(r.event for r in story.told if r.aggregate_id == "b" and isinstance(r.event, ContactQueued))
    assert queued.groups == ("sales", "back")


def test_a_busy_group_that_does_not_exist_is_passed_over() -> None:
    story = Story(sales=["1001"])
    story.request("a", busy_groups=("gone",))
    assert story.events("a") == ["queued"]
