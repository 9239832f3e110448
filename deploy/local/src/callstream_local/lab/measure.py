"""What a run comes to, in the terms of the metric dictionary (docs/features.md, appendix 2)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil, nan
from typing import Annotated

import msgspec
from msgspec.structs import replace

from callstream.contracts.config import Agent
from callstream.contracts.states import AgentState, AnswerOnMobile, Terminal
from callstream.kernel.outcomes import RequestOutcome
from callstream_local.lab.errors import LabError
from callstream_local.lab.simulate import Fate, Run


class ServiceLevel(msgspec.Struct, frozen=True):
    """X/Y: `percent` of the requests should be answered within `seconds`."""

    percent: float
    seconds: float
    short_abandon_s: float = 0.0
    """Who leaves sooner than this is not counted as a request; 0: everybody is."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. Shares are 0…1."""

    requests: int
    answered: int
    abandoned: int
    other: int
    """Failed, stopped or redirected."""
    waiting: int
    """Still waiting when nothing more could happen."""
    service_level: float
    average_wait_s: float
    """ASA: of the answered; NaN when there is none."""
    p90_wait_s: float
    abandon_rate: float
    occupancy: float
    """(talk + wrap-up) ÷ (online - break)."""
    gini: float
    """Of calls per hour online among agents with the same groups and rank; 0: all alike."""


SHOWN = ("service_level", "average_wait_s", "p90_wait_s", "abandon_rate", "occupancy", "gini")
"""The figures that policies are compared by."""

Short = Annotated[float, msgspec.Meta(ge=0)]


def read_service_level(text: str, short_abandon_s: float = 0.0) -> ServiceLevel:
    """From `80/20`; raises LabError."""
    percent, _, seconds = text.partition("/")
    try:
        level = ServiceLevel(float(percent), float(seconds), short_abandon_s)
    except ValueError:
        raise LabError("service-level", f"{text!r} should be PERCENT/SECONDS, for example 80/20") from None
    if not 0 < level.percent <= 100 or not 0 <= level.seconds < 86_400:
        raise LabError("service-level", f"{text!r}: at most 100 percent, within at most a day")
    return level


def measure(run: Run, level: ServiceLevel, group_id: str = "") -> Figures:
    """Of all requests that arrived in the measured time, or of one group's."""
    begin, end = run.workload.begin, run.workload.end
    fates = [
        fate for fate in run.fates if begin <= fate.contact.at < end and (not group_id or fate.contact.asked.group_id == group_id)
    ]
    answered = sorted(fate.waited_s for fate in fates if fate.outcome is RequestOutcome.ANSWERED)
    abandoned = [fate for fate in fates if fate.outcome is RequestOutcome.ABANDONED]
    waiting = sum(1 for fate in fates if fate.outcome is None)
    counted = len(fates) - sum(1 for fate in abandoned if fate.waited_s < level.short_abandon_s)
    return Figures(
        requests=len(fates),
        answered=len(answered),
        abandoned=len(abandoned),
        other=len(fates) - len(answered) - len(abandoned) - waiting,
        waiting=waiting,
        service_level=_share(sum(1 for wait in answered if wait <= level.seconds), counted),
        average_wait_s=sum(answered) / len(answered) if answered else nan,
        p90_wait_s=quantile(answered, 0.9),
        abandon_rate=_share(len(abandoned), len(fates)),
        occupancy=_occupancy(run, group_id),
        gini=_fairness(run, fates, group_id),
    )


def quantile(ordered: Sequence[float], q: float) -> float:
    """The smallest value that at least the share `q` does not exceed; NaN of nothing."""
    return ordered[max(0, ceil(q * len(ordered)) - 1)] if ordered else nan


def gini(values: Iterable[float]) -> float:
    """Gini coefficient of values ≥ 0: 0 when all are alike, towards 1 when one has everything."""
    ordered = sorted(values)
    total = sum(ordered)
    if not total:
        return 0.0
    count = len(ordered)
    return 2 * sum(rank * value for rank, value in enumerate(ordered, 1)) / (count * total) - (count + 1) / count


def _members(run: Run, group_id: str) -> list[Agent]:
    """Who can be offered calls at all, or one group's."""
    return [agent for agent in run.policy.agents if agent.groups and (not group_id or group_id in agent.groups)]


def _occupancy(run: Run, group_id: str) -> float:
    ids = {agent.id for agent in _members(run, group_id)}
    busy = online = 0.0
    for person in run.people:
        if person.id in ids:
            busy += person.spent.get(AgentState.BUSY, 0.0) + person.spent.get(AgentState.WRAP_UP, 0.0)
            online += _online(person.spent)
    return _share(busy, online)


def _fairness(run: Run, fates: list[Fate], group_id: str) -> float:
    calls: dict[str, int] = defaultdict(int)
    for fate in fates:
        if fate.outcome is RequestOutcome.ANSWERED:
            calls[fate.agent_id] += 1
    online = {person.id: _online(person.spent) for person in run.people}
    equals: dict[str, list[str]] = defaultdict(list)
    for agent in _members(run, group_id):
        if online.get(agent.id):
            alike = replace(
                agent,
                id="x",
                name="x",
                email="x@x",
                sip_user="x",
                mobile=None,
                answer_on_mobile=AnswerOnMobile.NEVER,
                terminal=Terminal.DESK_PHONE,
            )
            equals[repr(alike)].append(agent.id)
    weighed = total = 0.0
    for ids in equals.values():
        several = sum(calls[agent_id] for agent_id in ids)
        if len(ids) > 1 and several:
            weighed += several * gini(calls[agent_id] / online[agent_id] for agent_id in ids)
            total += several
    return _share(weighed, total)


def _online(spent: dict[AgentState, float]) -> float:
    return sum(seconds for state, seconds in spent.items() if state not in (AgentState.OFFLINE, AgentState.BREAK))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
