"""Callbacks that keep the place: whose turn it is, what an attempt comes to, and that there is never two of one customer."""

from datetime import timedelta

import pytest

from callstream.contracts import queue_events as queue
from callstream.contracts.commands import EstimateWait, ListWaiting, QueuePosition
from callstream.contracts.config import CallbackPolicy, SkillStep
from callstream.contracts.ivr_events import CallbackAsked
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_routing.app.queries import Queries
from callstream_routing.domain.supervise import Action, check
from callstream_routing.domain.words import explain

from .story import TENANT, Story

ANN, BEN = "+8613800000001", "+8613800000002"


def of(story: Story, name: str) -> queue.ContactQueued:
    """How a request was queued."""
    return next(r.event for r in story.told if r.aggregate_id == name and isinstance(r.event, queue.ContactQueued))


def tried(story: Story, name: str) -> list[queue.CallbackTried]:
    return [r.event for r in story.told if r.aggregate_id == name and isinstance(r.event, queue.CallbackTried)]


def one_waits(story: Story | None = None, **more: object) -> tuple[Story, str]:
    """Ann has asked to be called back, two seconds after she came; nobody is free yet."""
    story = story or Story(sales=["1001"])
    story.request("a", caller=ANN, **more)
    story.later(2)
    return story, story.asks_back("a", ANN)


async def waiting(story: Story) -> list[tuple[str, str]]:
    views = await Queries(story.hall).waiting(ListWaiting(command_id="q"), TENANT)
    return [(view.request_id, view.callback) for view in views]


def test_the_caller_leaves_and_the_callback_has_everything_that_they_were_queued_with() -> None:
    relax = (SkillStep(after_s=60),)
    story, back = one_waits(priority=4, skills={"billing": 2}, relax=relax, also_groups=("support",))
    assert story.events("a") == ["queued", "left redirected callback"]
    before, queued = of(story, "a"), of(story, back)
    same = ("call_id", "group_id", "groups", "priority", "enqueued_at", "customer_type", "level")
    assert [getattr(queued, name) for name in same] == [getattr(before, name) for name in same]
    assert queued.callback is not None
    assert (queued.callback.of, queued.callback.number) == ("a", ANN)
    assert queued.callback.expires_at - queued.callback.asked_at == timedelta(days=1)
    request = story.board.requests[back]
    assert (request.skills, request.relax, request.requested_at) == ({"billing": 2}, relax, before.enqueued_at)


async def test_it_is_served_in_its_old_place_neither_before_nor_after() -> None:
    story = Story(sales=["1001"])
    story.request("first")
    story.later(1)
    story, back = one_waits(story)
    story.request("last")
    assert await waiting(story) == [("first", ""), (back, ANN), ("last", "")]
    for name in ("first", back, "last"):
        story.idle("1001")
        assert story.offers()[-1] == f"{name}→1001"
        story.answered(name)
        if name == back:
            story.reached(name)
    assert story.events(back)[-2:] == ["offer-made", "left answered answered"]


def test_the_agent_first_then_the_customer_and_only_then_it_is_answered() -> None:
    story, back = one_waits()
    story.idle("1001")
    offer = story.offer(back)
    assert offer.call_id != "c-a", "an attempt is a call of its own"
    assert offer.decision.callback == 1
    assert "attempt 1" in " ".join(explain("1001", offer.decision))
    story.answered(back)
    story.later(100)
    assert story.events(back)[-1] == "offer-made", "no ring timeout while the customer is rung"
    story.reached(back)
    left = story.last(back)
    assert isinstance(left, queue.ContactLeft)
    assert (left.outcome, left.agent_id, left.offer_id, left.call_id) == ("answered", "1001", offer.offer_id, "c-a")
    assert offer.call_id not in story.board.of_call
    assert ANN not in story.board.callbacks


@pytest.mark.parametrize("reason", ["no-answer", "busy", "callee-rejected", "callee-unreachable"])
def test_a_customer_who_is_not_reached_is_called_again_after_a_rest(reason: str) -> None:
    story, back = one_waits()
    story.set_group("sales", callback=CallbackPolicy(attempts=2, retry_s=300))
    story.idle("1001")
    story.answered(back)
    story.not_reached(back, reason)
    (first,) = tried(story, back)
    assert (first.reason, first.attempts, first.agent_id) == (reason, 1, "1001")
    assert first.next_at == story.clock.now() - timedelta(seconds=0) + timedelta(seconds=300)
    assert story.board.group("sales").line == [], "it rests and stands in no line"
    story.later(299)
    assert len(story.offers()) == 1
    story.request("younger")
    story.later(2)
    story.state("1001", "busy")
    story.call_ended("younger")
    story.state("1001", "idle")
    assert story.offers()[-1] == f"{back}→1001"
    assert story.offer(back).decision.callback == 2
    story.answered(back)
    story.not_reached(back, reason)
    assert story.events(back)[-2:] == ["callback-tried", f"left failed {reason}"]
    assert tried(story, back)[-1].next_at is None


@pytest.mark.parametrize(("reason", "party"), [("agent-hung-up", "agent"), ("gateway-lost", "system"), ("no-trunk", "system")])
def test_what_is_none_of_the_customers_doing_is_no_attempt(reason: str, party: str) -> None:
    story, back = one_waits()
    story.idle("1001")
    for _ in range(5):
        story.answered(back)
        story.not_reached(back, reason, party)
        story.later(31)
    assert [each.attempts for each in tried(story, back)] == [0] * 5
    assert story.events(back)[-1] == "offer-made"


def test_after_its_rest_it_stands_before_who_came_later() -> None:
    story, back = one_waits()
    story.idle("1001")
    story.answered(back)
    story.not_reached(back)
    story.state("1001", "break")
    story.request("younger")
    story.later(301)
    story.idle("1001")
    assert story.offers()[-1] == f"{back}→1001"


def test_while_it_rests_others_are_served() -> None:
    story, back = one_waits()
    story.idle("1001")
    story.answered(back)
    story.request("younger")
    story.not_reached(back)
    assert story.offers()[-1] == "younger→1001"


async def test_it_is_counted_once_while_it_stands_in_line_and_not_while_it_rests() -> None:
    story, back = one_waits(Story(sales=["1001", "1002"]))
    story.request("later", caller=BEN)
    queries = Queries(story.hall)

    async def counted() -> tuple[int, int]:
        """Ahead of who came later, and of who would come now."""
        position = await queries.queue_position(QueuePosition(command_id="p", request_id="later"), TENANT)
        return position, (await queries.estimate(EstimateWait(command_id="e", group_id="sales"), TENANT)).ahead

    assert await counted() == (1, 2)
    story.refusing = {"1002"}
    story.idle("1001")
    assert await counted() == (1, 2), "who is being offered counts until they are served"
    story.answered(back)
    assert await counted() == (1, 2)
    story.refusing = {"1001", "1002"}
    story.not_reached(back)
    assert await counted() == (0, 1)
    with pytest.raises(Refusal) as refused:
        await queries.queue_position(QueuePosition(command_id="p", request_id=back), TENANT)
    assert refused.value.reason is Reason.UNKNOWN_CALL
    story.later(301)
    assert await counted() == (1, 2)


def test_an_agent_who_lets_it_ring_is_followed_by_another_one() -> None:
    story, back = one_waits(Story(sales=["1001", "1002"]))
    story.idle("1001")
    story.later(31)
    assert story.events(back)[-1] == "offer-withdrawn ring-timeout"
    assert tried(story, back) == [], "the customer knows nothing of it"
    story.idle("1002")
    assert story.offers() == [f"{back}→1001", f"{back}→1002"]


def test_the_same_caller_calling_again_has_the_place_and_the_callback_ends() -> None:
    story, back = one_waits()
    story.later(100)
    story.request("other", caller=BEN)
    story.request("again", caller=ANN)
    assert story.events(back)[-1] == "left redirected called-again"
    queued = of(story, "again")
    assert (queued.resumed, queued.enqueued_at, queued.ahead) == (back, of(story, "a").enqueued_at, 0)
    story.idle("1001")
    assert story.offers() == ["again→1001"]


def test_calling_again_while_an_agent_rings_takes_the_callback_from_them() -> None:
    story, back = one_waits()
    story.idle("1001")
    story.request("again", caller=ANN)
    assert story.events(back)[-2:] == ["offer-withdrawn called-again", "left redirected called-again"]


@pytest.mark.parametrize(("reached", "end"), [(True, "left answered answered"), (False, "left redirected called-again")])
def test_calling_again_while_being_called_lets_the_attempt_decide(reached: bool, end: str) -> None:
    story, back = one_waits()
    story.idle("1001")
    story.answered(back)
    story.request("again", caller=ANN)
    assert of(story, "again").resumed == back
    if reached:
        story.reached(back)
    else:
        story.not_reached(back, "busy", "customer")
    assert story.events(back)[-1] == end


def test_of_two_calls_at_once_only_one_is_called_back() -> None:
    story = Story(sales=["1001"])
    story.request("a", caller=ANN)
    story.later(5)
    story.request("b", caller=ANN)
    first, second = story.asks_back("a", ANN), story.asks_back("b", ANN)
    assert story.events(first)[-1] == "left redirected called-again"
    assert of(story, second).enqueued_at == of(story, "a").enqueued_at


def test_of_two_calls_at_once_the_served_one_ends_the_others_callback() -> None:
    story = Story(sales=["1001"])
    story.request("a", caller=ANN)
    story.request("b", caller=ANN)
    back = story.asks_back("b", ANN)
    story.idle("1001")
    story.answered("a")
    assert story.events(back)[-1] == "left redirected called-again"


def test_a_customer_who_asks_again_while_they_are_being_called_is_not_called_twice() -> None:
    story, back = one_waits()
    story.idle("1001")
    story.answered(back)
    story.request("again", caller=ANN)
    second = story.asks_back("again", ANN)
    assert story.events(second) == ["queued"]
    story.reached(back)
    assert story.events(back)[-1] == "left answered answered"
    assert story.events(second)[-1] == "left redirected called-again"


def test_another_group_is_another_matter() -> None:
    story, back = one_waits(Story(sales=["1001"], support=["1002"]))
    story.request("again", "support", caller=ANN)
    assert of(story, "again").resumed == ""
    assert story.events(back) == ["queued"]


def test_it_expires() -> None:
    story, back = one_waits()
    story.later(86_399)
    assert story.events(back) == ["queued"]
    story.later(1)
    assert story.events(back)[-1] == "left failed callback-expired"


def test_no_attempt_is_put_off_beyond_its_time() -> None:
    story = Story(sales=["1001"])
    story.set_group("sales", callback=CallbackPolicy(attempts=5, retry_s=300, expires_s=60))
    story, back = one_waits(story)
    story.idle("1001")
    story.answered(back)
    story.not_reached(back)
    assert story.events(back)[-2:] == ["callback-tried", "left failed no-answer"]


def test_a_group_that_closes_ends_it() -> None:
    story, back = one_waits()
    story.set_group("sales", enabled=False)
    assert story.events(back)[-1] == "left failed unknown-group"


async def test_a_supervisor_sees_it_and_ends_it() -> None:
    story, back = one_waits()
    story.idle("1001")
    story.answered(back)
    with pytest.raises(Refusal) as refused:
        check(story.board, back, Action.STOP)
    assert refused.value.reason is Reason.ILLEGAL_STATE
    story.not_reached(back)
    assert await waiting(story) == [(back, ANN)], "resting, and yet to be seen"
    check(story.board, back, Action.STOP)
    story.tell(queue.RequestStopAsked(call_id="c-a", actor="boss"), back)
    assert story.events(back)[-1] == "left stopped supervisor"
    assert await waiting(story) == []


def test_an_answer_before_the_stop_in_the_log_lets_the_attempt_decide() -> None:
    story, back = one_waits()
    story.idle("1001")
    story.paused = True
    story.answered(back)
    story.tell(queue.RequestStopAsked(call_id="c-a", actor="boss"), back)
    story.paused = False
    story.react()
    assert story.events(back)[-1] == "stop-asked"
    story.not_reached(back)
    assert story.events(back)[-2:] == ["callback-tried", "left stopped supervisor"]


def test_an_answer_between_asking_and_leaving_has_won() -> None:
    story = Story(sales=["1001"])
    story.idle("1001")
    story.request("a", caller=ANN)
    offer = story.offer("a")
    story.paused = True
    story.tell(_asked("a"), "c-a")
    story.answered("a", offer.offer_id)
    story.paused = False
    story.react()
    assert story.events("a")[-1] == "left answered answered"
    assert "a-back" not in story.board.requests


def test_who_hung_up_before_asking_is_not_called_back() -> None:
    story = Story(sales=["1001"])
    story.request("a", caller=ANN)
    story.paused = True
    story.call_ended("a")
    story.tell(_asked("a"), "c-a")
    story.paused = False
    story.react()
    assert story.events("a")[-1] == "left abandoned caller-hung-up"
    assert story.board.requests == {}


def test_the_limits_of_the_line_are_not_for_who_is_not_on_it() -> None:
    story = Story(sales=["1001"])
    story.set_group("sales", max_waiting=1, max_wait_s=30)
    story, back = one_waits(story)
    story.request("b")
    assert of(story, "b").refused is None
    story.later(31)
    assert story.events("b")[-1] == "left failed queue-timeout"
    assert story.events(back) == ["queued"]


def test_nothing_is_learnt_from_its_wait() -> None:
    story, back = one_waits()
    story.later(5000)
    story.idle("1001")
    story.answered(back)
    story.reached(back)
    assert list(story.board.group("sales").target.recent) == []


@pytest.mark.parametrize("kept", [False, True])
def test_a_restart_at_any_moment_changes_nothing(kept: bool) -> None:
    """Killed and built again from the log, or from a snapshot, after every step."""

    def again(before: Story) -> Story:
        after = before.kept_and_restored() if kept else before.restarted()
        after.matches, after.paused = before.matches, False
        after.react()
        return after

    story, back = one_waits()
    story = again(story)
    story.idle("1001")
    story = again(story)
    story.answered(back)
    story = again(story)
    story.not_reached(back)
    story = again(story)
    assert story.board.requests[back].resting
    story.later(300)
    story = again(story)
    story.answered(back)
    story = again(story)
    story.reached(back)
    assert story.events(back) == [
        *("queued", "offer-made", "callback-tried", "offer-made", "left answered answered"),
    ]


def _asked(name: str) -> CallbackAsked:
    return CallbackAsked(request_id=name, number=ANN, node_id="n", label="", key="1", handled=0)
