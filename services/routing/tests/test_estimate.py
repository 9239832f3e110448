"""How long somebody will wait: estimated from the group's own past, and held against what it was."""

from random import Random

import pytest

from callstream.contracts.commands import EstimateWait, WaitEstimate
from callstream.contracts.queue_events import ContactLeft, ContactQueued
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_routing.app.queries import Queries

from .story import TENANT, Story


def queued(story: Story, name: str) -> ContactQueued:
    return next(r.event for r in story.told if isinstance(r.event, ContactQueued) and r.aggregate_id == name)


def handle(story: Story, name: str, agent_id: str, seconds: float) -> None:
    """One answered call of so many seconds, wrap-up included."""
    story.idle(agent_id)
    story.request(name)
    story.answered(name)
    story.later(seconds - 5)
    story.state(agent_id, "wrap-up")
    story.later(5)
    story.state(agent_id, "idle")


async def ask(story: Story, **what: str) -> WaitEstimate:
    return await Queries(story.hall).estimate(EstimateWait(command_id="q", **what), TENANT)


async def test_one_becomes_free_every_handling_time_by_the_number_of_agents() -> None:
    story = Story(sales=["1001", "1002", "1003"])
    handle(story, "first", "1001", 60)
    story.idle("1002")
    for name in ("a", "b"):
        story.request(name)
        story.answered(name)
    for name in ("r1", "r2", "r3"):
        story.request(name)
    assert [queued(story, name).estimate_ms for name in ("a", "r1", "r2", "r3")] == [0, 30_000, 60_000, 90_000]
    assert (await ask(story, request_id="r2")).estimate_ms == 60_000
    assert (await ask(story, group_id="sales")).estimate_ms == 120_000
    story.later(60)
    story.state("1001", "break")  # half as many, and who is on break does not count
    assert (await ask(story, request_id="r2")) == WaitEstimate(ahead=1, estimate_ms=120_000, error_ms=0)


async def test_without_a_past_or_without_anybody_there_nothing_is_said() -> None:
    story = Story(sales=["1001"])
    story.request("r1")
    assert queued(story, "r1").estimate_ms is None
    story.call_ended("r1")
    handle(story, "first", "1001", 10)
    story.state("1001", "offline")
    story.request("r2")
    assert queued(story, "r2").estimate_ms is None
    assert await ask(story, group_id="sales") == WaitEstimate(ahead=1, estimate_ms=None, error_ms=0)


async def test_only_agents_with_the_needed_skills_shorten_the_wait() -> None:
    story = Story(sales=["1001", "1002", "1003"])
    story.set_agent("1001", skills={"billing": 3})
    handle(story, "first", "1001", 60)
    story.state("1001", "busy")
    story.idle("1002", "1003")
    story.request("skilled", skills={"billing": 2})
    story.request("nobody", skills={"french": 1})
    story.request("plain")
    assert [queued(story, name).estimate_ms for name in ("skilled", "nobody", "plain")] == [60_000, None, 0]
    assert (await ask(story, request_id="skilled")).estimate_ms == 60_000


async def test_the_shortest_of_several_groups_counts() -> None:
    story = Story(sales=["1001"], support=["1002"])
    handle(story, "first", "1001", 60)
    story.state("1001", "busy")
    story.idle("1002")
    story.request("r1", "sales", also_groups=("support",))
    assert queued(story, "r1").estimate_ms == 0


async def test_unknown_ones_are_refused() -> None:
    story = Story(sales=["1001"])
    for what, reason, field in (
        ({"request_id": "nobody"}, Reason.UNKNOWN_CALL, "request_id"),
        ({"group_id": "nowhere"}, Reason.UNKNOWN_GROUP, "group_id"),
        ({}, Reason.UNKNOWN_GROUP, "group_id"),
    ):
        with pytest.raises(Refusal) as refused:
            await ask(story, **what)
        assert (refused.value.reason, refused.value.field) == (reason, field)


async def test_the_error_is_measured_and_estimates_grow_right_when_agents_share_their_time() -> None:
    """Both agents work for another group half of the time, which the estimate does not know but learns."""
    story = Story(sales=["1001", "1002"], other=["1001", "1002"])
    random, number = Random(1), 0
    errors: list[float] = []
    ends: dict[str, float] = {}
    begin = story.clock.now()

    def seconds() -> float:
        return (story.clock.now() - begin).total_seconds()

    for agent_id in ("1001", "1002"):
        story.state(agent_id, "idle")
    for tick in range(12_000):
        story.later(1)
        if tick % 40 == 0 and len(story.board.group("sales").line) < 6:
            number += 1
            story.request(f"s{number}", "sales")
        if tick % 40 == 20 and len(story.board.group("other").line) < 6:
            number += 1
            story.request(f"o{number}", "other")
        for name, request in list(story.board.requests.items()):
            if request.offer is not None and request.ending is None:
                ends[request.offer.agent_id] = seconds() + random.uniform(30, 60)
                story.answered(name)
        for agent_id, at in list(ends.items()):
            if at <= seconds():
                del ends[agent_id]
                story.state(agent_id, "idle")
    for told in story.told:
        event = told.event
        if isinstance(event, ContactLeft) and event.estimate_ms and told.aggregate_id.startswith("s"):
            errors.append(abs(event.waited_ms - event.estimate_ms) / max(1, event.waited_ms))
    late = sorted(errors[len(errors) // 2 :])
    assert len(late) > 80
    assert late[len(late) // 2] < 0.3, "half of the estimates are within 30 %"
    error_ms = story.board.group("sales").pace.error_ms
    assert (await ask(story, group_id="sales")).error_ms == (None if error_ms is None else round(error_ms))
    restarted = story.kept_and_restored()
    assert restarted.board.group("sales").pace == story.board.group("sales").pace
