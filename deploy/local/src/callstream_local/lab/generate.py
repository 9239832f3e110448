"""Contacts from nothing: a Poisson stream whose rate follows a profile over the day, groups, handle times, patience.

Written as `calls=100000,agents=300,groups=3,hours=8-20,…`; see `Plan` for every key, its meaning and its default.
"""

from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Annotated, Any

import msgspec

from callstream.contracts.config import Agent, Settings, SkillGroup
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState
from callstream_local.lab.chance import SHAPES, duration, weibull
from callstream_local.lab.errors import LabError
from callstream_local.lab.policy import Policy
from callstream_local.lab.traffic import Contact, PlanStep, Ring, RingEnd, Workload

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
PROFILES = {"flat": (1.0,), "day": (3.0, 6.0, 9.0, 10.0, 8.0, 6.0, 7.0, 9.0, 9.0, 7.0, 5.0, 3.0)}
"""Relative rates in equal parts of the opening hours. `day`: a peak before and a lower one after noon."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to generate. Durations are means in seconds."""

    calls: Annotated[int, msgspec.Meta(ge=1, le=5_000_000)] = 10_000
    """Expected number of calls."""
    agents: Annotated[int, msgspec.Meta(ge=1, le=20_000)] = 50
    groups: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    skills: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """Groups that each agent serves, its own and the following ones."""
    hours: str = "8-20"
    """Opening hours; agents work all through them."""
    profile: str = "day"
    """`flat`, `day`, or relative rates of equal parts of the opening hours: `1:3:2`."""
    talk: Seconds = 90.0
    talk_shape: str = "lognormal"
    """lognormal, exponential or fixed."""
    talk_cv: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.8
    """Standard deviation ÷ mean, for lognormal."""
    wrap: Seconds = 8.0
    """Exponential; the settings' timer ends it at the latest."""
    ring: Seconds = 3.0
    """Exponential."""
    missed: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = 0.0
    """Share of offers that nobody picks up."""
    patience: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 120.0
    """0: nobody leaves."""
    patience_shape: Annotated[float, msgspec.Meta(gt=0.1, le=10)] = 1.0
    """Of a Weibull distribution; 1 is exponential."""


def read_plan(text: str) -> Plan:
    """From `key=value,…`; raises LabError."""
    given: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise LabError(f"generate.{key}", "should be KEY=VALUE")
        if key in given:
            raise LabError(f"generate.{key}", "stands there twice")
        given[key] = value
    for key in given:
        if key not in Plan.__struct_fields__:
            raise LabError(f"generate.{key}", f"is unknown; possible are {', '.join(Plan.__struct_fields__)}")
    plan = Plan()
    for key, value in given.items():
        try:
            plan = msgspec.convert({**msgspec.to_builtins(plan), key: value}, Plan, strict=False)
        except msgspec.ValidationError as error:
            raise LabError(f"generate.{key}", str(error)) from error
    if plan.talk_shape not in SHAPES:
        raise LabError("generate.talk_shape", f"{plan.talk_shape!r} is none of {', '.join(SHAPES)}")
    if plan.skills > plan.groups:
        raise LabError("generate.skills", f"there are only {plan.groups} groups")
    _hours(plan)
    _rates(plan)
    return plan


def generated_policy(plan: Plan) -> Policy:
    """Its groups g1, g2, … and agents a0001, a0002, … under default settings."""
    groups = [f"g{number + 1}" for number in range(plan.groups)]
    agents = []
    for number in range(plan.agents):
        own = tuple(groups[(number + skill) % plan.groups] for skill in range(plan.skills))
        agent_id = f"a{number + 1:04d}"
        agents.append(Agent(id=agent_id, name=agent_id, email=f"{agent_id}@localhost", groups=own, sip_user=agent_id))
    return Policy(settings=Settings(), groups=tuple(SkillGroup(id=group, name=group) for group in groups), agents=tuple(agents))


def generated(plan: Plan, day: datetime, seed: int, replication: int) -> Workload:
    """One day, its first moment `day`. The same seed and replication give the same day."""
    random = Random(f"{seed}/{replication}/generate")
    opens, closes = _hours(plan)
    begin, end = day + timedelta(hours=opens), day + timedelta(hours=closes)
    moments = _arrivals(random, plan, (closes - opens) * 3600)
    contacts = []
    for number, second in enumerate(moments):
        request_id = f"r{number:07d}"
        asked = AgentRequested(
            request_id=request_id,
            call_id=f"c{number:07d}",
            group_id=f"g{random.randrange(plan.groups) + 1}",
            caller="",
            called="",
            gateway="lab",
            customer_leg_id="",
            handled=0,
        )
        contacts.append(
            Contact(
                at=begin + timedelta(seconds=second),
                asked=asked,
                patience_s=weibull(random, plan.patience, plan.patience_shape),
                talk_s=duration(random, plan.talk, plan.talk_shape, plan.talk_cv),
                wrap_s=duration(random, plan.wrap, "exponential", 1),
                rings=_rings(random, plan),
            )
        )
    working = (PlanStep(begin, AgentState.IDLE),)
    plans: dict[str, tuple[PlanStep, ...]] = {agent.id: working for agent in generated_policy(plan).agents}
    return Workload(begin=begin, end=end, contacts=tuple(contacts), plans=plans)


def _arrivals(random: Random, plan: Plan, length_s: float) -> list[float]:
    """A Poisson stream of rate 1 with its time stretched by the profile."""
    rates = _rates(plan)
    part = length_s / len(rates)
    whole = [rate / sum(rates) * plan.calls for rate in rates]
    ends = list(accumulate(whole))
    moments: list[float] = []
    at, index = random.expovariate(1.0), 0
    while True:
        while index < len(ends) and at >= ends[index]:
            index += 1
        if index == len(ends):
            return moments
        moments.append(part * (index + (at - ends[index] + whole[index]) / whole[index]))
        at += random.expovariate(1.0)


def _rings(random: Random, plan: Plan) -> tuple[Ring, ...]:
    rings = []
    while plan.missed and random.random() < plan.missed:
        rings.append(Ring(0.0, RingEnd.SILENT))
    return (*rings, Ring(duration(random, plan.ring, "exponential", 1)))


def _hours(plan: Plan) -> tuple[float, float]:
    opens, _, closes = plan.hours.partition("-")
    try:
        span = float(opens), float(closes)
    except ValueError:
        raise LabError("generate.hours", f"{plan.hours!r} should be two hours, for example 8-20") from None
    if not 0 <= span[0] < span[1] <= 24:
        raise LabError("generate.hours", f"{plan.hours!r} should lie within 0-24, the first hour before the second")
    return span


def _rates(plan: Plan) -> tuple[float, ...]:
    if plan.profile in PROFILES:
        return PROFILES[plan.profile]
    try:
        rates = tuple(float(rate) for rate in plan.profile.split(":"))
    except ValueError:
        rates = ()
    if not rates or any(not 0 <= rate < 1e9 for rate in rates) or not sum(rates):
        raise LabError("generate.profile", f"{plan.profile!r} is neither {', '.join(PROFILES)} nor rates such as 1:3:2")
    return rates
