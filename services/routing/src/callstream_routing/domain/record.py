"""The decision record: what the choice looked at and why each other agent was not chosen, readable by a person (F119, F131)."""

from datetime import datetime
from itertools import islice

from callstream.contracts.queue_events import Candidate, Decision
from callstream_routing.domain.group import Group
from callstream_routing.domain.request import Request
from callstream_routing.domain.seat import Seat
from callstream_routing.domain.settle import millis

RULE_VERSION = 1
"""Counts up when the meaning of the rules or of this record changes."""
CANDIDATES = 50
"""Agents named one by one; of the others the record holds the numbers."""
OFFERED_BEFORE = "offered-before"
ELIGIBLE = "eligible"


def record(group: Group, request: Request, chosen: Seat, now: datetime) -> Decision:
    """The record of choosing `chosen`, taken before anything is held. Costs the same for 50 agents and for 5,000."""
    repeated = chosen.id in request.offered
    free = len(group.free)
    before = 0 if repeated else sum(1 for _ in _free_among(group, request))
    ranked = [Candidate(agent_id=chosen.id, idle_ms=_idle_ms(chosen.since, now), rank=1)]
    passed: list[Candidate] = []
    for since, agent_id in islice(group.free, CANDIDATES):
        if agent_id == chosen.id:
            continue
        if agent_id in request.offered and not repeated:
            passed.append(Candidate(agent_id=agent_id, idle_ms=_idle_ms(since, now), why_not=OFFERED_BEFORE))
        else:
            ranked.append(Candidate(agent_id=agent_id, idle_ms=_idle_ms(since, now), rank=len(ranked) + 1))
    named = (ranked + passed)[:CANDIDATES]
    left_out = {
        ELIGIBLE: free - before - min(len(ranked), CANDIDATES),
        OFFERED_BEFORE: before - (len(named) - min(len(ranked), CANDIDATES)),
    }
    for label in sorted(group.kept, key=_interest):
        agents = group.kept[label]
        shown = [Candidate(agent_id=agent_id, why_not=label) for agent_id in islice(agents, CANDIDATES - len(named))]
        named += shown
        left_out[label] = len(agents) - len(shown)
    return Decision(
        rule=group.rule.value,
        rule_version=RULE_VERSION,
        group_id=group.id,
        waited_ms=millis(request.enqueued_at, now),
        ahead=group.ahead(request),
        eligible=free - before,
        candidates=tuple(named),
        left_out={label: count for label, count in left_out.items() if count},
    )


def _free_among(group: Group, request: Request) -> list[str]:
    """Free agents whom the request was offered to already; looks at the smaller of the two."""
    if len(request.offered) >= len(group.free):
        return [agent_id for _, agent_id in group.free if agent_id in request.offered]
    return [agent_id for agent_id in request.offered if group.is_free(agent_id)]


def _idle_ms(since: datetime | None, now: datetime) -> int:
    return millis(since, now) if since is not None else 0


def _interest(label: str) -> tuple[bool, str]:
    """Those who are signed in first: who is offline is the least surprising."""
    return label == "state:offline", label
