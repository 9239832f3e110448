"""The simulation tells what routing and agents would do, second by second."""

import pytest

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.config import Settings
from callstream.contracts.queue_events import ContactLeft, ContactQueued, OfferMade
from callstream.contracts.states import AgentState, MissedPolicy
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_agent_state.domain.table import TABLE
from callstream_local.lab.compare import compare
from callstream_local.lab.generate import Plan, generated, generated_policy
from callstream_local.lab.measure import ServiceLevel, gini, measure, read_service_level
from callstream_local.lab.policy import changed
from callstream_local.lab.report import json_of
from callstream_local.lab.simulate import simulate
from callstream_local.lab.traffic import Ring, RingEnd

from .scene import NINE, contact, day, fates, policy, working, workload

LEVEL = ServiceLevel(80, 20)


def test_the_second_caller_waits_until_ring_talk_and_wrap_up_of_the_first_are_over() -> None:
    run = simulate(
        workload(
            contact("a", 0, talk=60, wrap=None, rings=(Ring(4),)),
            contact("b", 1, rings=(Ring(3),)),
        ),
        policy(Settings(wrap_up_s=10), sales=["1001"]),
    )
    assert {name: fate.waited_s for name, fate in fates(run).items()} == {"a": 4.0, "b": 4 + 60 + 10 - 1 + 3.0}
    person = run.people[0]
    assert (person.spent[AgentState.BUSY], person.spent[AgentState.WRAP_UP]) == (120.0, 10.0)
    assert sum(person.spent.values()) == 3600
    assert measure(run, LEVEL).occupancy == pytest.approx(130 / 3600)


def test_priority_goes_before_the_longer_wait_and_patience_ends_a_wait() -> None:
    run = simulate(
        workload(
            contact("first", 0, talk=100),
            contact("plain", 1),
            contact("urgent", 2, priority=5),
            contact("hasty", 3, patience=20),
        ),
        policy(sales=["1001"]),
    )
    told = fates(run)
    assert told["urgent"].waited_s == 98.0
    assert told["plain"].waited_s == 159.0
    assert (told["hasty"].outcome, told["hasty"].waited_s) == (RequestOutcome.ABANDONED, 20.0)
    figures = measure(run, LEVEL)
    assert (figures.requests, figures.answered, figures.abandoned) == (4, 3, 1)
    assert figures.service_level == 1 / 4
    assert measure(run, ServiceLevel(80, 20, 21)).service_level == 1 / 3


@pytest.mark.parametrize(("missed_policy", "second_offer"), [(MissedPolicy.STAY_IDLE, "1001"), (MissedPolicy.BREAK, "1002")])
def test_a_missed_offer_goes_by_the_policy(missed_policy: MissedPolicy, second_offer: str) -> None:
    """1001 misses; 1002 comes only later. With `stay-idle` 1001 is asked again, with `break` nobody is there until then."""
    settings = Settings(ring_timeout_s=15, missed_policy=missed_policy)
    plans = {"1001": (working(0),), "1002": (working(30),)}
    run = simulate(
        workload(contact("a", 1, rings=(Ring(0, RingEnd.SILENT), Ring(2))), plans=plans),
        policy(settings, sales=["1001", "1002"]),
    )
    fate = fates(run)["a"]
    assert (fate.agent_id, fate.offers) == (second_offer, 2)
    assert fate.waited_s == (17.0 if missed_policy is MissedPolicy.STAY_IDLE else 31.0)


def test_agents_follow_their_plans_and_a_choice_in_a_call_waits() -> None:
    plans = {"1001": (working(0), working(10, AgentState.OFFLINE), working(600))}
    run = simulate(
        workload(contact("a", 0, talk=60), contact("b", 70), plans=plans),
        policy(sales=["1001"]),
        keep_log=True,
    )
    told = fates(run)
    assert told["a"].waited_s == 0
    assert told["b"].waited_s == 600 - 70
    states = [recorded.event.state for recorded in run.log if isinstance(recorded.event, AgentStateChanged)]
    assert states[:4] == [AgentState.IDLE, AgentState.RINGING, AgentState.BUSY, AgentState.OFFLINE]


def test_every_change_of_an_agent_stands_in_the_real_table_and_every_contact_has_one_end() -> None:
    plan = Plan(calls=3000, agents=12, groups=3, skills=2, missed=0.1, patience=60)
    run = simulate(
        generated(plan, NINE, 5, 0),
        changed(generated_policy(plan), {"settings": {"ring_timeout_s": 10, "missed_policy": "break-after", "missed_limit": 2}}),
        keep_log=True,
    )
    figures = measure(run, LEVEL)
    assert figures.requests == len(run.fates) == figures.answered + figures.abandoned + figures.other + figures.waiting
    assert min(figures.answered, figures.abandoned) > 100
    ways = {(before, after) for (before, _), after in TABLE.rows.items()}
    queued, left, offered = set(), set(), dict[str, str]()
    for recorded in run.log:
        event = recorded.event
        if isinstance(event, AgentStateChanged):
            assert (event.previous, event.state) in ways
        elif isinstance(event, ContactQueued):
            queued.add(recorded.aggregate_id)
        elif isinstance(event, ContactLeft):
            assert recorded.aggregate_id not in left
            left.add(recorded.aggregate_id)
        elif isinstance(event, OfferMade):
            assert offered.get(recorded.aggregate_id) != event.agent_id or figures.waiting >= 0
            offered[recorded.aggregate_id] = event.agent_id
    assert queued == left == {fate.contact.asked.request_id for fate in run.fates}


def test_a_group_that_is_switched_off_serves_nobody() -> None:
    base = policy(sales=["1001"])
    run = simulate(workload(contact("a", 0)), changed(base, {"groups": [{"id": "sales", "enabled": False}]}))
    fate = fates(run)["a"]
    assert (fate.outcome, fate.reason) == (RequestOutcome.FAILED, Reason.UNKNOWN_GROUP)
    assert measure(run, LEVEL).other == 1


def test_who_waits_for_ever_is_counted_as_waiting() -> None:
    figures = measure(simulate(workload(contact("a", 0)), policy(sales=[], support=["1001"])), LEVEL)
    assert (figures.waiting, figures.service_level) == (1, 0.0)


def test_a_seed_gives_the_same_result_to_the_byte_and_another_seed_another() -> None:
    plan = Plan(calls=800, agents=4)
    base = generated_policy(plan)
    candidate = changed(base, {"settings": {"wrap_up_s": 2}})

    def result(seed: int) -> bytes:
        return json_of(compare(lambda n: generated(plan, NINE, seed, n), base, candidate, LEVEL, replications=2, seed=seed))

    assert result(3) == result(3)
    assert result(3).replace(b'"seed": 3', b"") != result(4).replace(b'"seed": 4', b"")


def test_both_policies_meet_the_same_callers() -> None:
    """Against itself a policy shows no difference at all: nothing but the policy may make one."""
    plan = Plan(calls=500, agents=3)
    base = generated_policy(plan)
    same = compare(lambda n: generated(plan, NINE, 1, n), base, base, LEVEL, replications=3, seed=1)
    for outcome in same.outcomes[""].values():
        assert (outcome.difference.low, outcome.difference.high) == (0, 0)


def test_more_agents_are_seen_to_help() -> None:
    plan = Plan(calls=1500, agents=5, patience=90)
    fewer = changed(generated_policy(plan), {"agents": [{"id": "a0001", "groups": []}]})
    found = compare(lambda n: generated(plan, NINE, 1, n), fewer, generated_policy(plan), LEVEL, replications=4, seed=1)
    assert found.outcomes[""]["service_level"].difference.low > 0
    assert found.outcomes[""]["average_wait_s"].difference.high < 0
    assert found.outcomes[""]["occupancy"].difference.high < 0


@pytest.mark.feature("F119")
def test_longest_idle_is_fair_to_equal_agents() -> None:
    run = day(Plan(calls=20_000, agents=40, profile="flat"), 1, 0, Settings())
    assert 0 < measure(run, LEVEL).gini <= 0.05


@pytest.mark.parametrize(
    ("values", "expected"), [([], 0), ([0, 0], 0), ([3, 3, 3], 0), ([0, 0, 0, 8], 0.75), ([1, 2, 3, 4], 0.25)]
)
def test_gini(values: list[float], expected: float) -> None:
    assert gini(values) == pytest.approx(expected)


def test_fairness_compares_equals_only() -> None:
    """1003 alone serves support: that they have fewer calls is no unfairness."""
    calls = [contact(f"r{n}", 200 * n) for n in range(10)]
    run = simulate(workload(*calls, contact("s", 5, group="support")), policy(sales=["1001", "1002"], support=["1003"]))
    assert measure(run, LEVEL).gini == 0
    assert measure(run, LEVEL, "support").answered == 1


def test_service_level_is_read() -> None:
    assert read_service_level("90/15.5", 2) == ServiceLevel(90, 15.5, 2)
