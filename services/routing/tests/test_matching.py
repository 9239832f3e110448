"""Who is offered to whom, and what the decision record says about it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream.contracts.commands import ListWaiting, QueuePosition
from callstream.contracts.queue_events import Decision, OfferMade
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_routing.app.queries import Queries
from callstream_routing.domain.policy import configure_agent

from .story import TENANT, Story


def decision(story: Story, name: str) -> Decision:
    made = [r.event for r in story.told if isinstance(r.event, OfferMade) and r.aggregate_id == name]
    return made[-1].decision


@pytest.mark.feature("F119")
def test_the_longest_idle_agent_is_first() -> None:
    story = Story(sales=["1001", "1002", "1003"])
    story.idle("1002", "1003", "1001")
    for name in ("r1", "r2", "r3"):
        story.request(name)
    assert story.offers() == ["r1→1002", "r2→1003", "r3→1001"]


@pytest.mark.feature("F119")
def test_idle_time_counts_from_the_last_time_that_they_became_idle() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001", "1002")
    story.state("1001", "break")
    story.idle("1001")
    story.request("r1")
    assert story.offers() == ["r1→1002"]
    story2 = Story(sales=["1001", "1002"], support=["1001"])
    story2.idle("1001", "1002")  # idle time counts across all groups
    story2.request("r1", "support")
    story2.answered("r1")
    story2.idle("1001")
    story2.request("r2", "sales")
    assert story2.offers() == ["r1→1001", "r2→1002"]


@pytest.mark.feature("F125")
def test_the_longest_waiting_caller_is_first_within_a_priority() -> None:
    story = Story(sales=["1001"])
    for name, priority in (("low", 0), ("early", 5), ("late", 5)):
        story.request(name, priority=priority)
        story.later(1)
    order = []
    for _ in range(3):
        story.idle("1001")
        name = story.offers()[-1].split("→")[0]
        order.append(name)
        story.answered(name)
    assert order == ["early", "late", "low"]


@pytest.mark.feature("F125")
def test_in_the_same_millisecond_the_log_says_who_came_first() -> None:
    story = Story(sales=["1001"])
    for name in ("r9", "r10", "r1"):
        story.request(name)
    assert [place[-1] for place in story.board.group("sales").line] == ["r9", "r10", "r1"]


@pytest.mark.feature("F125")
def test_groups_compete_by_the_same_order() -> None:
    story = Story(sales=["1001"], support=["1001"])
    story.request("young", "sales")
    story.later(1)
    story.request("younger", "sales")
    story.later(1)
    story.request("urgent", "support", priority=1)
    story.idle("1001")
    assert story.offers() == ["urgent→1001"]
    story.answered("urgent")
    story.idle("1001")
    assert story.offers() == ["urgent→1001", "young→1001"]


@pytest.mark.feature("F048")
def test_an_agent_of_several_groups_is_matched_once() -> None:
    story = Story(sales=["1001"], support=["1001"], vip=["1001"])
    for group in ("sales", "support", "vip"):
        story.request(group, group)
    story.idle("1001")
    assert story.offers() == ["sales→1001"]


@pytest.mark.feature("F119", "F131")
def test_the_record_says_who_was_chosen_and_why_not_the_others() -> None:
    story = Story(sales=["1001", "1002", "1003", "1004", "1005"])
    story.idle("1001", "1002", "1003", "1004")
    story.state("1004", "busy-set")
    story.request("r1")
    story.paused = True
    story.later(30)
    story.paused = False
    story.react()
    record = decision(story, "r1")
    assert (record.rule, record.group_id, record.eligible, record.waited_ms, record.ahead) == (
        "longest-idle",
        "sales",
        2,
        30_000,
        0,
    )
    assert [(c.agent_id, c.rank, c.idle_ms, c.why_not) for c in record.candidates] == [
        ("1002", 1, 33_000, ""),
        ("1003", 2, 32_000, ""),
        ("1004", 0, 0, "state:busy-set"),
        ("1001", 0, 0, "state:ringing"),
        ("1005", 0, 0, "state:offline"),
    ]
    story.state("1001", "idle")
    story.failed("r1")
    record = decision(story, "r1")
    assert [(c.agent_id, c.rank, c.why_not) for c in record.candidates] == [
        ("1003", 1, ""),
        ("1001", 0, "offered-before"),
        ("1004", 0, "state:busy-set"),
        ("1002", 0, "state:ringing"),
        ("1005", 0, "state:offline"),
    ]


def test_a_repeated_offer_is_recorded_as_eligible() -> None:
    story = Story(sales=["1001", "1002"])
    story.idle("1001")
    story.request("r1")
    story.state("1001", "idle")
    record = decision(story, "r1")
    assert (record.eligible, [(c.agent_id, c.rank) for c in record.candidates]) == (1, [("1001", 1), ("1002", 0)])


def test_the_record_of_a_large_group_is_cut_and_counts_the_rest() -> None:
    agents = [f"{1000 + n}" for n in range(200)]
    story = Story(sales=agents)
    story.paused = True
    for agent_id in agents[:120]:
        story.state(agent_id, "idle")
    for agent_id in agents[120:150]:
        story.state(agent_id, "busy")
    story.paused = False
    story.request("r1")
    record = decision(story, "r1")
    assert len(record.candidates) == 50
    assert [c.rank for c in record.candidates] == list(range(1, 51))
    assert record.eligible == 120
    assert record.left_out == {"eligible": 70, "state:busy": 30, "state:offline": 50}


@settings(max_examples=60, deadline=None)
@given(
    idle=st.integers(1, 70),
    busy=st.integers(0, 70),
    before=st.integers(0, 70),
)
def test_every_agent_of_the_group_is_accounted_for_in_the_record(idle: int, busy: int, before: int) -> None:
    agents = [f"{1000 + n}" for n in range(idle + busy)]
    story = Story(sales=agents)
    story.request("r1")
    story.board.requests["r1"].offered = set(agents[:before])
    story.paused = True
    for number, agent_id in enumerate(agents):
        story.state(agent_id, "idle" if number < idle else "busy")
    story.paused = False
    story.react()
    record = decision(story, "r1")
    fresh = idle - min(before, idle)
    assert record.eligible == (fresh or idle)
    assert len(record.candidates) + sum(record.left_out.values()) == len(agents)
    assert len({c.agent_id for c in record.candidates}) == len(record.candidates) <= 50
    assert record.candidates[0].rank == 1
    if fresh:
        assert record.candidates[0].agent_id not in story.board.requests["r1"].offered - {record.candidates[0].agent_id}


@pytest.mark.feature("F072", "F130")
async def test_the_position_is_the_number_of_callers_ahead() -> None:
    story = Story(sales=["1001"], support=["1002"])
    queries = Queries(story.hall)
    for name, group, priority in (("r1", "sales", 0), ("r2", "sales", 0), ("vip", "sales", 9), ("other", "support", 0)):
        story.request(name, group, priority=priority)
        story.later(1)

    async def positions() -> dict[str, int]:
        return {
            name: await queries.queue_position(QueuePosition(command_id="q", request_id=name), TENANT)
            for name in story.board.requests
        }

    assert await positions() == {"r1": 1, "r2": 2, "vip": 0, "other": 0}
    story.idle("1001")  # vip rings: still ahead until answered
    assert await positions() == {"r1": 1, "r2": 2, "vip": 0, "other": 0}
    story.answered("vip")
    assert await positions() == {"r1": 0, "r2": 1, "other": 0}
    story.call_ended("r1")
    assert await positions() == {"r2": 0, "other": 0}
    for gone in ("vip", "r1", "nobody"):
        with pytest.raises(Refusal) as refused:
            await queries.queue_position(QueuePosition(command_id="q", request_id=gone), TENANT)
        assert (refused.value.reason, refused.value.field) == (Reason.UNKNOWN_CALL, "request_id")


async def test_the_list_of_the_waiting() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.idle("1001")
    for name, group in (("r1", "sales"), ("r2", "support"), ("r3", "sales")):
        story.request(name, group)
        story.later(1)
    waiting = await Queries(story.hall).waiting(ListWaiting(command_id="q"), TENANT)
    assert [(w.request_id, w.group_id, w.ahead, w.offered_to) for w in waiting] == [
        ("r1", "sales", 0, "1001"),
        ("r2", "support", 0, ""),
        ("r3", "sales", 1, ""),
    ]
    assert await Queries(story.hall).waiting(ListWaiting(command_id="q"), "other") == []


def test_configuration_moves_agents_between_groups() -> None:
    story = Story(sales=["1001"], support=["1002"])
    story.idle("1001")
    story.request("r1", "support")
    assert story.offers() == []
    story.groups = {"sales": [], "support": ["1001", "1002"]}
    story._configure()
    story.react()
    assert story.offers() == ["r1→1001"]
    configure_agent(story.board, "1001", None)
    story.state("1001", "idle")
    assert story.offers() == ["r1→1001"]
    assert all(not group.is_free("1001") for group in story.board.groups.values())
