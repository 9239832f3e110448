"""A shadow sees what the live routing sees, decides for itself, and changes nothing."""

import asyncio
from collections.abc import Iterable

import pytest

from callstream.contracts.config import Settings
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.contracts.queue_events import OfferMade
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream.runtime.memory_store import MemoryStore
from callstream_local.lab.errors import LabError
from callstream_local.lab.generate import Plan, generated, generated_policy
from callstream_local.lab.policy import Policy, changed
from callstream_local.lab.shadow import Shadow, Verdict
from callstream_local.lab.simulate import Run, simulate
from callstream_local.lab.source import read_log
from callstream_local.lab.watch import Watch, watch_log

from .scene import NINE, at, contact, fates, policy, workload


def shadowed(run: Run, other: Policy) -> list[Verdict]:
    shadow = Shadow(other, "lab")
    return [verdict for recorded in run.log if (verdict := shadow.take(recorded)) is not None]


def test_the_same_policy_agrees_with_every_offer() -> None:
    plan = Plan(calls=1200, agents=8, groups=2, skills=1, hours="9-11", missed=0.1, patience=60)
    base = changed(generated_policy(plan), {"settings": {"ring_timeout_s": 8}})
    run = simulate(generated(plan, NINE, 1, 0), base, keep_log=True)
    verdicts = shadowed(run, base)
    assert len(verdicts) == sum(isinstance(recorded.event, OfferMade) for recorded in run.log) > 900
    assert [verdict for verdict in verdicts if not verdict.agrees] == []


def test_a_policy_with_other_groups_disagrees_where_it_matters() -> None:
    """1002 is to learn sales. The first sales call finds 1001, idle for longer. The second one, for which the live policy has
    nobody until 1001 is free, the shadow would have offered to 1002 at once, 58 s sooner. 1002 is busy by then."""
    live = policy(sales=["1001"], support=["1002"])
    run = simulate(workload(contact("a", 10, talk=60), contact("b", 12), contact("c", 20, group="support")), live, keep_log=True)
    verdicts = shadowed(run, changed(live, {"agents": [{"id": "1002", "groups": ["support", "sales"]}]}))
    assert [(v.request_id, v.agent_id, v.shadow_agent_id, v.agrees) for v in verdicts] == [
        ("a", "1001", "1001", True),
        ("c", "1002", "", False),
        ("b", "1001", "1001", True),
    ]
    assert [(verdict.sooner, verdict.sooner_s) for verdict in verdicts] == [(False, 0.0), (False, 0.0), (True, 58.0)]
    assert verdicts[1].shadow_request_id == "b"
    assert verdicts[1].sentence.endswith("request c was offered to 1002; shadow: would have let it wait, 1002 to b")
    assert verdicts[2].sentence.endswith("request b was offered to 1001; shadow: to 1001, 58.0 s sooner")


def test_the_shadow_has_its_own_customer_types() -> None:
    """Live, a and b are served as they came; the shadow knows that b is important."""
    live = policy(sales=["1001"])
    calls = contact("first", 0, talk=60), contact("a", 5, talk=9), contact("b", 10, talk=9, caller="+8613800000000")
    important = {
        "customer_types": [{"id": "vip", "level": 5}],
        "customers": [{"number": "+8613800000000", "type": "vip"}],
    }
    run = simulate(workload(*calls), live, keep_log=True)
    assert [v.request_id for v in shadowed(run, live) if v.agrees] == ["first", "a", "b"]
    verdicts = shadowed(run, changed(live, important))
    assert [(v.request_id, v.shadow_request_id) for v in verdicts] == [("first", "first"), ("a", "b"), ("b", "b")]
    would_be = [name for name, fate in fates(simulate(workload(*calls), changed(live, important))).items() if fate.waited_s > 55]
    assert would_be == ["a"]


def test_the_shadow_has_its_own_limits() -> None:
    """In the shadow whoever has waited 20 s for sales goes on to support, where 2001 is free; or away, without overflow."""
    live = policy(sales=["1001"], support=["2001"])
    run = simulate(
        workload(contact("first", 0, talk=60), contact("a", 5), contact("x", 30, group="support")), live, keep_log=True
    )
    onward = shadowed(run, changed(live, {"groups": [{"id": "sales", "max_wait_s": 20, "overflow": ["support"]}]}))
    assert [(v.request_id, v.shadow_request_id, v.sooner_s) for v in onward] == [
        ("first", "first", 0),
        ("x", "a", 0),
        ("a", "", 35),
    ]
    away = shadowed(run, changed(live, {"groups": [{"id": "sales", "max_wait_s": 20}]}))
    assert [v.shadow_away for v in away] == [None, None, Reason.QUEUE_TIMEOUT]
    assert away[2].sentence.endswith("shadow: would have sent it away (queue-timeout)")


def test_a_watch_tells_the_waits_that_its_policy_would_have_given() -> None:
    live = policy(sales=["1001"], support=["1002"])
    run = simulate(workload(contact("a", 10, talk=60), contact("b", 12)), live, keep_log=True)
    watch = Watch(lambda base: changed(base, {"agents": [{"id": "1002", "groups": ["support", "sales"]}]}))
    watch.begin(live, "lab")
    for recorded in run.log:
        watch.take(recorded)
    total = watch.sum(1)
    assert (total.offers, total.agreed, total.live_wait_s, total.shadow_wait_s) == (2, 1, 29.0, 0.0)
    assert total.sentence.startswith("1 of 2 offers agreed (50.0 %), 1 wanted sooner; average wait 0.0 s instead of 29.0 s")


def test_a_watch_of_nothing_says_so_and_a_full_one_stops() -> None:
    live = policy(sales=["1001"])
    watch = Watch(lambda base: base, offers=1)
    watch.begin(live, "lab")
    assert watch.sum(1).sentence == "no offers were made meanwhile"
    for recorded in simulate(workload(contact("a", 10), contact("b", 12)), live, keep_log=True).log:
        watch.take(recorded)
    assert (watch.full, len(watch.verdicts)) == (True, 1)


def test_the_log_before_the_watch_makes_the_state_but_is_not_judged() -> None:
    live = policy(sales=["1001"])
    run = simulate(workload(contact("a", 10), contact("b", 12)), live, keep_log=True)
    watch = Watch(lambda base: base)
    watch.begin(live, "lab")
    for recorded in run.log:
        watch.take(recorded, judge=recorded.time >= NINE.replace(second=11))
    assert [(v.request_id, v.agrees) for v in watch.verdicts] == [("b", True)]
    total = watch.sum(1)
    assert (total.offers, total.live_wait_s) == (1, 58.0), "a, from before the watch, is no part of its sum"


async def append(store: MemoryStore, events: Iterable[Recorded], tenant: str) -> None:
    """As their owners did."""
    for recorded in events:
        new = NewEvent(
            id=f"{tenant}-{recorded.id}",
            tenant=tenant,
            aggregate_id=recorded.aggregate_id,
            time=recorded.time,
            event=recorded.event,
        )
        await store.append(recorded.aggregate, recorded.aggregate_id, tenant, [new], None)


async def test_a_live_log_is_followed_for_one_tenant_from_now_on() -> None:
    live = policy(sales=["1001", "1002"])
    log = simulate(workload(contact("a", 10), contact("b", 12), contact("c", 300)), live, keep_log=True).log
    before = [recorded for recorded in log if recorded.time < at(11)]
    store = MemoryStore()
    documents = Configuration.of({"acme": [*live.groups, *live.agents], "other": [*live.groups, *live.agents]})
    await append(store, before, "acme")
    said: list[Verdict] = []
    watch = Watch(lambda base: base, offers=2)
    watching = asyncio.create_task(watch_log(watch, store, documents, "acme", said.extend))
    await append(store, log, "other")
    async with asyncio.timeout(10):
        while watch.position < len(before):
            await asyncio.sleep(0)
        await append(store, log[len(before) :], "acme")
        await watching
    assert [(verdict.request_id, verdict.agrees) for verdict in said] == [("b", True), ("c", True)]
    read, events = await read_log(store, documents, "acme")
    assert (read, [recorded.event for recorded in events]) == (live, [recorded.event for recorded in log])


async def test_a_watch_must_know_whom_to_follow() -> None:
    said: list[Verdict] = []
    with pytest.raises(LabError, match="tenant: nothing is configured yet"):
        await watch_log(Watch(lambda base: base), MemoryStore(), Configuration(), "", said.extend)
    several = Configuration.of({"acme": [Settings()], "other": [Settings()]})
    with pytest.raises(LabError, match="tenant: name one of acme, other"):
        await watch_log(Watch(lambda base: base), MemoryStore(), several, "", said.extend)
