"""Small workloads for the lab's tests."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import inf

from callstream.contracts.config import Agent, Settings, SkillGroup
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState
from callstream_local.lab.generate import Plan, generated, generated_policy
from callstream_local.lab.policy import Policy
from callstream_local.lab.simulate import Fate, Run, simulate
from callstream_local.lab.traffic import Contact, PlanStep, Ring, Workload

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after nine."""
    return NINE + timedelta(seconds=seconds)


def policy(settings: Settings | None = None, **groups: Iterable[str]) -> Policy:
    """Groups by id with their agents."""
    ids = dict.fromkeys(agent_id for agents in groups.values() for agent_id in agents)
    return Policy(
        settings=settings or Settings(),
        groups=tuple(SkillGroup(id=group, name=group) for group in groups),
        agents=tuple(
            Agent(
                id=agent_id,
                name=agent_id,
                email=f"{agent_id}@localhost",
                sip_user=agent_id,
                groups=tuple(group for group, agents in groups.items() if agent_id in agents),
            )
            for agent_id in ids
        ),
    )


def contact(
    name: str,
    second: float,
    *,
    group: str = "sales",
    talk: float = 60,
    wrap: float | None = 0,
    patience: float = inf,
    rings: tuple[Ring, ...] = (Ring(0),),
    priority: int = 0,
    caller: str = "",
) -> Contact:
    asked = AgentRequested(
        request_id=name,
        call_id=f"c-{name}",
        group_id=group,
        caller=caller,
        called="",
        gateway="gw",
        customer_leg_id="",
        handled=0,
        priority=priority,
    )
    return Contact(at=at(second), asked=asked, patience_s=patience, talk_s=talk, wrap_s=wrap, rings=rings)


def workload(*contacts: Contact, end: float = 3600, plans: Mapping[str, tuple[PlanStep, ...]] | None = None) -> Workload:
    """Agents who are not in `plans` work all the time."""
    return Workload(begin=NINE, end=at(end), contacts=contacts, plans=dict(plans or {}))


def working(second: float, state: AgentState = AgentState.IDLE) -> PlanStep:
    return PlanStep(at(second), state)


def fates(run: Run) -> dict[str, Fate]:
    return {fate.contact.asked.request_id: fate for fate in run.fates}


def day(plan: Plan, seed: int, replication: int, settings: Settings) -> Run:
    """A generated day under `settings`."""
    base = generated_policy(plan)
    own = Policy(settings=settings, groups=base.groups, agents=base.agents)
    return simulate(generated(plan, datetime(2026, 1, 5, tzinfo=UTC), seed, replication), own)


BUSY = Plan(calls=900, agents=10, groups=2, hours="9-11", missed=0.15, patience=60, wrap=9)


def busy_day() -> Workload:
    """Every third agent wants a break in the middle, every fifth goes home; they are mostly in calls then."""
    day = generated(BUSY, NINE.replace(hour=0), 4, 0)
    plans = dict(day.plans)
    for number, agent_id in enumerate(plans):
        if number % 3 == 0:
            plans[agent_id] += (PlanStep(at(1800 + 7 * number), AgentState.BREAK), PlanStep(at(2400), AgentState.IDLE))
        if number % 5 == 1:
            plans[agent_id] += (PlanStep(at(4000 + 11 * number), AgentState.OFFLINE),)
    return Workload(begin=day.begin, end=day.end, contacts=day.contacts, plans=plans)
