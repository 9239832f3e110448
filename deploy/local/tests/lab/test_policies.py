"""What routing's rules do, the lab shows: limits, overflow, priorities, customer types. And whatever they are, nobody is lost."""

from typing import Any

import pytest

from callstream.contracts.queue_events import ContactLeft, ContactMoved
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_local.lab.generate import Plan, generated, generated_policy
from callstream_local.lab.measure import ServiceLevel, measure
from callstream_local.lab.policy import changed
from callstream_local.lab.simulate import simulate

from .scene import NINE, contact, fates, policy, workload

LEVEL = ServiceLevel(80, 20)
PLAN = Plan(calls=1500, agents=14, groups=3, hours="9-12", missed=0.05, patience=80)
DAY = generated(PLAN, NINE.replace(hour=0), 6, 0)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"groups": [{"id": "g1", "max_waiting": 1, "overflow": ["g2"]}, {"id": "g2", "max_waiting": 1, "overflow": ["g3"]}]},
        {"groups": [{"id": "g1", "max_wait_s": 15, "overflow": ["g2", "g3"]}, {"id": "g3", "max_wait_s": 5}]},
        {"groups": [{"id": "g1", "level": 9, "ageing_s": 30}], "agents": [{"id": "a*", "groups": ["g1", "g2", "g3"]}]},
        {"settings": {"rank_by": ["fewest-calls", "answer-rate"], "missed_policy": "break", "ring_timeout_s": 5}},
        {"groups": [{"id": "g2", "service_level": {"share": 0.9, "within_s": 10}, "rank_by": ["agent-priority"]}]},
        {"groups": [{"id": "g3", "enabled": False}]},
    ],
)
def test_every_contact_has_one_end_whatever_the_policy(wanted: dict[str, Any]) -> None:
    run = simulate(DAY, changed(generated_policy(PLAN), wanted), keep_log=True)
    figures = measure(run, LEVEL)
    ends = [recorded.aggregate_id for recorded in run.log if isinstance(recorded.event, ContactLeft)]
    assert len(ends) == len(set(ends)) == figures.requests == len(DAY.contacts)
    assert figures.answered + figures.abandoned + figures.other == figures.requests
    assert figures.answered > 300


def test_overflow_helps_a_group_that_is_too_small() -> None:
    few = {"agents": [{"id": "a000[147]", "groups": ["g2"]}, {"id": "a001[0-3]", "groups": ["g2", "g3"]}]}
    base = changed(generated_policy(PLAN), few)
    over = changed(base, {"groups": [{"id": "g1", "max_wait_s": 20, "overflow": ["g2"]}]})
    plain, helped = simulate(DAY, base, keep_log=True), simulate(DAY, over, keep_log=True)
    assert measure(helped, LEVEL, "g1").abandon_rate < measure(plain, LEVEL, "g1").abandon_rate / 2
    assert not any(isinstance(recorded.event, ContactMoved) for recorded in plain.log)
    assert any(isinstance(recorded.event, ContactMoved) for recorded in helped.log)


def test_who_finds_the_queue_full_fails_at_once() -> None:
    base = changed(policy(sales=["1001"]), {"groups": [{"id": "sales", "max_waiting": 1}]})
    told = fates(simulate(workload(contact("a", 0), contact("b", 1), contact("c", 2)), base))
    assert [(told[name].outcome, told[name].reason) for name in "abc"] == [
        (RequestOutcome.ANSWERED, Reason.ANSWERED),
        (RequestOutcome.ANSWERED, Reason.ANSWERED),
        (RequestOutcome.FAILED, Reason.QUEUE_FULL),
    ]


def test_agents_with_priority_get_the_calls() -> None:
    """The fairness that a group gives up for its best people can be read from the figures: they are no equals any more."""
    calls = [contact(f"r{n}", 100 * n) for n in range(12)]
    ranked = {
        "groups": [{"id": "sales", "rank_by": ["agent-priority"]}],
        "agents": [{"id": "1002", "priorities": {"sales": 1}}, {"id": "1001", "priorities": {"sales": 2}}],
    }
    base = policy(sales=["1001", "1002"])
    by_turns, by_rank = simulate(workload(*calls), base), simulate(workload(*calls), changed(base, ranked))
    assert [fate.agent_id for fate in by_turns.fates].count("1001") == 6
    assert {fate.agent_id for fate in by_rank.fates} == {"1002"}
    assert measure(by_turns, LEVEL).gini == measure(by_rank, LEVEL).gini == 0


def test_customer_types_go_before_waits() -> None:
    base = changed(
        policy(sales=["1001"]),
        {"customer_types": [{"id": "vip", "level": 9}], "customers": [{"number": "+8613800000000", "type": "vip"}]},
    )
    calls = contact("a", 0), contact("b", 1), contact("vip", 30, caller="+8613800000000")
    told = fates(simulate(workload(*calls), base))
    assert told["vip"].waited_s == 30
    assert told["b"].waited_s == 119
