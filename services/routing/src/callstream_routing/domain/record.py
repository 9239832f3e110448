"""The decision record: what the choice looked at and why each other agent was not chosen, readable by a person (F119, F131)."""

from datetime import datetime
from itertools import islice

from callstream.contracts.queue_events import Candidate, Decision
from callstream_routing.domain.desk import Desk
from callstream_routing.domain.group import Group
from callstream_routing.domain.rank import Key, Ranking
from callstream_routing.domain.request import Request
from callstream_routing.domain.seat import Seat, stamp
from callstream_routing.domain.settle import millis

RULE_VERSION = 2
"""Counts up when the meaning of the rules or of this record changes. 2: criteria, skills, preferred agents."""
CANDIDATES = 50
"""Agents named one by one; of the others the record holds the numbers."""
UNFREE = 20
"""Of them who could not be offered anything: their own logs tell the same, and each one named costs a decision 0.1 µs."""
OFFERED_BEFORE = "offered-before"
ELIGIBLE = "eligible"
SKILL = "skill:"


def record(group: Group, request: Request, chosen: Seat, why: str, preferred: dict[str, str], now: datetime) -> Decision:
    """The record of choosing `chosen`, taken before anything is held. Costs the same for 50 agents and for 5,000."""
    desk, ranking = group.desk(request.need), group.ranking
    now_ms = stamp(now)
    names = [_candidate(ranking, desk.keys[chosen.id], now_ms, rank=1)]
    left_out: dict[str, int] = {}
    before = _name_free(ranking, desk, request, names, left_out, now_ms) if len(desk.free) > 1 else 0
    if len(desk.free) < len(group.plain.free):
        _name_unskilled(group, desk, names, left_out, now_ms)
    room = min(UNFREE, CANDIDATES - len(names))
    for label, agents in group.kept.items():
        count = len(agents)
        if count > room:
            left_out[label] = count - room
        if count and room:
            names += islice(agents.values(), room)
            room -= min(room, count)
    return Decision(
        rule=why or ranking.rule,
        rule_version=RULE_VERSION,
        group_id=group.id,
        waited_ms=millis(request.requested_at, now),
        ahead=group.ahead(request.places[group.id]),
        eligible=len(desk.free) - before,
        candidates=tuple(names),
        left_out=left_out,
        rank_by=ranking.rank_by,
        preferred=preferred,
        customer_type=request.customer_type,
        level=request.level,
        priority=request.priority,
        ageing_s=group.policy.ageing_s,
        groups=request.groups,
        skills=dict(desk.need),
        relaxed=request.step,
        estimate_ms=request.estimate_ms,
        callback=request.callback.attempts + 1 if request.callback is not None else 0,
    )


def _candidate(ranking: Ranking, key: Key, now_ms: int, *, rank: int = 0, why_not: str = "") -> Candidate:
    idle_ms = ranking.idle_ms(key, now_ms)
    return Candidate(agent_id=key[-1], idle_ms=idle_ms, rank=rank, why_not=why_not, scores=ranking.scores(key, idle_ms))


def _name_free(
    ranking: Ranking, desk: Desk, request: Request, names: list[Candidate], left_out: dict[str, int], now_ms: int
) -> int:
    """The other free agents of the desk, behind the chosen one in `names`; how many were passed over: offered to before."""
    chosen = names[0].agent_id
    repeated = chosen in request.offered
    before = 0 if repeated or not request.offered else len(_free_among(desk, request))
    passed: list[Candidate] = []
    for key in islice(desk.free, CANDIDATES):
        if key[-1] == chosen:
            continue
        if key[-1] in request.offered and not repeated:
            passed.append(_candidate(ranking, key, now_ms, why_not=OFFERED_BEFORE))
        else:
            names.append(_candidate(ranking, key, now_ms, rank=len(names) + 1))
    ranked = min(len(names), CANDIDATES)
    names[:] = (names + passed)[:CANDIDATES]
    if more := len(desk.free) - before - ranked:
        left_out[ELIGIBLE] = more
    if more := before - (len(names) - ranked):
        left_out[OFFERED_BEFORE] = more
    return before


def _name_unskilled(group: Group, desk: Desk, names: list[Candidate], left_out: dict[str, int], now_ms: int) -> None:
    """Free agents who lack a skill, by the first that they lack."""
    for key in group.plain.free:
        agent_id = key[-1]
        if agent_id in desk.keys:
            continue
        label = SKILL + group.members[agent_id].lacks(desk.need)
        if len(names) < CANDIDATES:
            names.append(Candidate(agent_id=agent_id, idle_ms=group.ranking.idle_ms(key, now_ms), why_not=label))
        else:
            left_out[label] = left_out.get(label, 0) + 1


def _free_among(desk: Desk, request: Request) -> list[str]:
    """Free agents whom the request was offered to already; looks at the smaller of the two."""
    if len(request.offered) >= len(desk.free):
        return [agent_id for agent_id in desk.keys if agent_id in request.offered]
    return [agent_id for agent_id in request.offered if agent_id in desk.keys]
