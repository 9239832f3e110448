"""A skill group: its line of requests, and desks where they meet its agents; all sorted, so that a change costs O(log n)."""

from datetime import datetime

from sortedcontainers import SortedList

from callstream.contracts.config import Settings, SkillGroup
from callstream.contracts.queue_events import Candidate
from callstream.contracts.states import Criterion
from callstream_routing.domain.desk import Desk
from callstream_routing.domain.pace import Pace
from callstream_routing.domain.rank import Ranking
from callstream_routing.domain.request import Place, Request
from callstream_routing.domain.seat import FREE, Need, Seat
from callstream_routing.domain.target import Target

NO_NEED: Need = ()
AWAY = ("state:offline", "state:break", "state:busy-set")
UNREACHABLE = "presence:"


class Group:
    """See the module's docstring. A group that is not configured, or disabled, is not open: it serves nobody."""

    def __init__(self, group_id: str, today: int = 0) -> None:
        self.id = group_id
        self.open = False
        self.published: SkillGroup | None = None
        self.policy = SkillGroup(id=group_id, name=group_id)
        """What was published last, or the defaults of a group that nobody has published."""
        self.last_agent_first = False
        self.ranking = Ranking((Criterion.LONGEST_IDLE,))
        self.today = today
        self.line: SortedList[Place] = SortedList()
        """All requests of the group, offered ones included, in the order of service."""
        self.admitted: set[str] = set()
        """Requests that count for `max_waiting`: decided to be queued here."""
        self.members: dict[str, Seat] = {}
        self.plain = Desk(NO_NEED)
        self.desks: dict[Need, Desk] = {NO_NEED: self.plain}
        self.kept: dict[str, dict[str, Candidate]] = {}
        """The agents of the group who are not free, by what keeps them, as decision records name them; the least surprising
        labels last."""
        self.pace = Pace()
        self.target = Target()

    def configure(self, policy: SkillGroup | None, settings: Settings) -> bool:
        """Take over the published document, None: it is gone. True when the requests of the line must be placed anew."""
        ageing_before = self.policy.ageing_s
        self.published = policy
        self.open = policy is not None and policy.enabled
        if policy is not None:
            self.policy = policy
        chosen = self.policy.last_agent_first
        self.last_agent_first = settings.last_agent_first if chosen is None else chosen
        self.target.set(self.policy.service_level)
        ranking = Ranking(self.policy.rank_by or settings.rank_by)
        if ranking.rank_by != self.ranking.rank_by:
            self.ranking = ranking
            self.rank_anew()
        return self.policy.ageing_s != ageing_before

    def ahead(self, place: Place) -> int:
        """Callers before this place (F130)."""
        return int(self.line.bisect_left(place))

    def is_free(self, agent_id: str) -> bool:
        """Whether the agent can be offered something now."""
        return agent_id in self.plain.keys

    def on_duty(self, need: Need) -> int:
        """Agents with these skills who serve or could serve: neither away nor on break nor set to busy."""
        if need:
            return sum(1 for seat in self.members.values() if not _is_away(seat.label) and not seat.lacks(need))
        return len(self.members) - sum(len(agents) for label, agents in self.kept.items() if _is_away(label))

    def free_for(self, need: Need) -> int:
        """Agents with these skills who are free now."""
        desk = self.desks.get(need)
        if desk is not None:
            return len(desk.free)
        return sum(1 for agent_id in self.plain.keys if not self.members[agent_id].lacks(need))

    def full_for(self, request_id: str) -> bool:
        """Whether no further request may wait here (F136)."""
        limit = self.policy.max_waiting
        return limit > 0 and len(self.admitted) - (request_id in self.admitted) >= limit

    def first(self) -> tuple[Place, Desk] | None:
        """The first request of the line for whom somebody is free, with its desk."""
        best: tuple[Place, Desk] | None = None
        if self.open and self.plain.keys:
            for desk in self.desks.values():
                head = desk.head
                if head is not None and desk.keys and (best is None or head < best[0]):
                    best = head, desk
        return best

    def claim(self, head: Place, enqueued_at: datetime) -> tuple[int, int, int, Place]:
        """Sorts groups that compete for an agent: level (F127), service level at risk, then their first requests."""
        due = self.target.due(enqueued_at)
        return -self.policy.level, due is None, due or 0, head

    @property
    def empty(self) -> bool:
        """Whether nothing is lost when the group is forgotten."""
        return self.published is None and not self.line and not self.members and self.pace.unknown

    # requests

    def enter(self, request: Request) -> None:
        """A request takes its place in the line, not ready yet."""
        place = request.place(self.policy.ageing_s)
        request.places[self.id] = place
        self.line.add(place)
        self.desk(request.need).waiting += 1

    def leave(self, request: Request) -> None:
        """A request that is not ready leaves the line."""
        self.line.remove(request.places.pop(self.id))
        desk = self.desks[request.need]
        desk.waiting -= 1
        if not desk.waiting and desk is not self.plain:
            del self.desks[request.need]

    def desk(self, need: Need) -> Desk:
        """The desk of a need."""
        desk = self.desks.get(need)
        if desk is None:
            desk = self.desks[need] = Desk(need)
            for agent_id in self.plain.keys:
                self._put_at(desk, self.members[agent_id])
        return desk

    # agents

    def join(self, seat: Seat) -> None:
        """An agent of the group from now on."""
        self.members[seat.id] = seat
        self.put(seat, seat.named())

    def part(self, seat: Seat) -> None:
        """An agent of the group no longer."""
        self.take(seat)
        del self.members[seat.id]

    def put(self, seat: Seat, named: Candidate) -> None:
        """Take an agent into the bucket of their label; `named` is how records name them there."""
        if seat.label == FREE:
            for desk in self.desks.values():
                self._put_at(desk, seat)
        else:
            agents = self.kept.get(seat.label)
            if agents is None:
                agents = {}
                self.kept = dict(sorted([*self.kept.items(), (seat.label, agents)], key=_interest))
            agents[seat.id] = named

    def take(self, seat: Seat) -> None:
        """Take an agent out of the bucket of their label."""
        if seat.label == FREE:
            for desk in self.desks.values():
                desk.take(seat.id)
        else:
            del self.kept[seat.label][seat.id]

    def rank_anew(self) -> None:
        """Sort the free agents again: the ranking has changed, or the day that it counts."""
        for desk in self.desks.values():
            agents = list(desk.keys)
            desk.free.clear()
            desk.keys.clear()
            for agent_id in agents:
                self._put_at(desk, self.members[agent_id])

    def _put_at(self, desk: Desk, seat: Seat) -> None:
        if not desk.need or not seat.lacks(desk.need):
            desk.put(seat.id, self.ranking.key(seat, self.id, desk.need, self.today))


def _interest(kept: tuple[str, dict[str, Candidate]]) -> tuple[bool, str]:
    """Those who are signed in first: who is offline is the least surprising."""
    return kept[0] == "state:offline", kept[0]


def _is_away(label: str) -> bool:
    return label in AWAY or label.startswith(UNREACHABLE)
