"""Workloads from a record: the day just as it was, and days like it.

*As it was*: each contact keeps its own talk, wrap-up and rings; who was answered has a patience beyond their wait. Run under the
recorded policy this gives the recorded waits, which tells how far the model can be trusted. *Like it*: the moments, the requests
and the agents' plans stay, talk and wrap-up (together, from one record of the same group), rings and patience are drawn anew.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

import msgspec
from msgspec.structs import replace

from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import RequestOutcome
from callstream_local.lab.errors import LabError
from callstream_local.lab.patience import Patience, fit_patience
from callstream_local.lab.policy import Policy
from callstream_local.lab.record import Past, Record
from callstream_local.lab.traffic import Contact, Outside, PlanStep, Ring, RingEnd, Workload

WARM_UP = timedelta(hours=1)
"""Contacts from before the measured time that are simulated too, so that it does not begin with an empty house."""
LONGEST_ROW = 20


class Served(msgspec.Struct, frozen=True):
    """One record's handle time."""

    talk_s: float
    wrap_s: float | None


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What a record gives to draw from."""

    begin: datetime
    end: datetime
    contacts: tuple[Past, ...]
    plans: dict[str, tuple[PlanStep, ...]]
    outside: tuple[Outside, ...]
    served: dict[str, tuple[Served, ...]]
    """By group; "" holds all."""
    rings: tuple[Ring, ...]
    patience: Patience
    break_s: float
    """Median of the breaks that the missed-offer policy set."""
    longest_break_s: float


def material(record: Record, policy: Policy, begin: datetime | None = None, end: datetime | None = None) -> Material:
    """The contacts that arrived in [begin, end) with their warm-up; raises LabError when nothing can be learned from them.

    `policy` is the recorded one: who is in it and not in the log did not work. Agents whom only another policy knows work always.
    """
    if not record.contacts or record.until is None:
        raise LabError("events", "the log holds no request for an agent")
    ids = [agent.id for agent in policy.agents]
    begin = begin or record.contacts[0].at
    end = end or record.until + timedelta(milliseconds=1)
    contacts = tuple(past for past in record.contacts if begin - WARM_UP <= past.at < end)
    if not any(past.at >= begin for past in contacts):
        raise LabError("events", f"no agent was requested from {begin.isoformat()} to {end.isoformat()}")
    served: dict[str, list[Served]] = defaultdict(list)
    for past in contacts:
        if past.talk_s is not None:
            for key in ("", past.asked.group_id):
                served[key].append(Served(past.talk_s, past.wrap_s))
    if not served:
        raise LabError("events", "no call was answered and ended in this time: there are no handle times to learn from")
    breaks = sorted(record.auto_breaks_s)
    return Material(
        begin=begin,
        end=end,
        contacts=contacts,
        plans={agent_id: tuple(record.plans.get(agent_id, ())) for agent_id in sorted({*ids, *record.plans})},
        outside=tuple(record.outside),
        served={key: tuple(several) for key, several in served.items()},
        rings=tuple(ring for past in contacts for ring in (past.rings[:-1] if past.cut_off else past.rings)),
        patience=fit_patience(_waits(contacts)),
        break_s=breaks[len(breaks) // 2] if breaks else 60.0,
        longest_break_s=breaks[-1] if breaks else 60.0,
    )


def _waits(contacts: tuple[Past, ...]) -> list[tuple[float, bool]]:
    return [(past.waited_s, past.outcome is RequestOutcome.ABANDONED) for past in contacts if past.waited_s is not None]


def as_it_was(given: Material, seed: int) -> Workload:
    """See the module's docstring."""
    random = Random(f"{seed}/as-it-was")
    contacts = []
    for past in given.contacts:
        if past.outcome is RequestOutcome.ABANDONED and past.waited_s is not None:
            patience = past.waited_s
        else:
            patience = given.patience.draw(1 - random.random(), past.waited_s or 0.0)
        drawn = _served(given, past, random)
        known = past.talk_s is not None
        contacts.append(
            Contact(
                at=past.at,
                asked=_own_call(past.asked),
                patience_s=patience,
                talk_s=past.talk_s if past.talk_s is not None else drawn.talk_s,
                wrap_s=past.wrap_s if known else drawn.wrap_s,
                rings=_answered_last([*past.rings], given, random),
            )
        )
    return _workload(given, contacts, break_s=given.longest_break_s)  # the plans hold when agents came back; this is the net


def like_it(given: Material, seed: int, replication: int) -> Workload:
    """See the module's docstring."""
    random = Random(f"{seed}/{replication}/replay")
    contacts = []
    for past in given.contacts:
        drawn = _served(given, past, random)
        contacts.append(
            Contact(
                at=past.at,
                asked=_own_call(past.asked),
                patience_s=given.patience.draw(1 - random.random()),
                talk_s=drawn.talk_s,
                wrap_s=drawn.wrap_s,
                rings=_answered_last([], given, random),
            )
        )
    return _workload(given, contacts, break_s=given.break_s)


def _workload(given: Material, contacts: list[Contact], break_s: float) -> Workload:
    return Workload(
        begin=given.begin,
        end=given.end,
        contacts=tuple(contacts),
        plans=_plans(given),
        outside=given.outside,
        break_s=break_s,
    )


def _plans(given: Material) -> dict[str, tuple[PlanStep, ...]]:
    """From the warm-up on, beginning with what the agent wanted to be then."""
    first = given.begin - WARM_UP
    plans = {}
    for agent_id, plan in given.plans.items():
        before = [step for step in plan if step.at <= first and step.state is not None]
        state = before[-1].state if before else AgentState.OFFLINE
        plans[agent_id] = (PlanStep(first, state), *(step for step in plan if step.at > first))
    return plans


def _served(given: Material, past: Past, random: Random) -> Served:
    return random.choice(given.served.get(past.asked.group_id) or given.served[""])


def _answered_last(rings: list[Ring], given: Material, random: Random) -> tuple[Ring, ...]:
    """Rings drawn behind those given, until one is answered."""
    while not rings or rings[-1].how is not RingEnd.ANSWERED:
        drawn = random.choice(given.rings) if len(rings) < LONGEST_ROW and given.rings else Ring(0.0)
        rings.append(drawn)
    return tuple(rings)


def _own_call(asked: AgentRequested) -> AgentRequested:
    """Each request a call of its own: the end of one that was asked for earlier in the same call must not end this one."""
    return replace(asked, call_id=f"{asked.call_id}-{asked.request_id}")


def recorded_waits(given: Material) -> dict[str, float]:
    """Request → seconds waited, of those who were answered in the measured time."""
    return {
        past.asked.request_id: past.waited_s
        for past in given.contacts
        if past.at >= given.begin and past.outcome is RequestOutcome.ANSWERED and past.waited_s is not None
    }
