"""A skill group: its line of requests and its pool of agents, sorted, so that a change costs O(log n)."""

from datetime import datetime

from sortedcontainers import SortedList

from callstream.contracts.states import DistributionRule
from callstream_routing.domain.request import Place, Request
from callstream_routing.domain.seat import FREE, Seat


class Group:
    """See the module's docstring. A group that is not configured, or disabled, is not open: it serves nobody."""

    def __init__(self, group_id: str) -> None:
        self.id = group_id
        self.open = False
        self.rule = DistributionRule.LONGEST_IDLE
        self.line: SortedList[Place] = SortedList()
        """All requests of the group, offered ones included, in the order of service."""
        self.ready: SortedList[Place] = SortedList()
        """Those that can be offered now."""
        self.free: SortedList[tuple[datetime, str]] = SortedList()
        """Agents that can be offered something now, in the order of the rule."""
        self._free_ids: set[str] = set()
        self.kept: dict[str, dict[str, None]] = {}
        """The other agents of the group by what keeps them."""

    def ahead(self, request: Request) -> int:
        """Callers before this one (F130)."""
        return int(self.line.bisect_left(request.place))

    def is_free(self, agent_id: str) -> bool:
        """Whether the agent can be offered something now."""
        return agent_id in self._free_ids

    @property
    def can_match(self) -> bool:
        """Whether somebody waits for whom somebody is free."""
        return self.open and bool(self.ready) and bool(self.free)

    @property
    def empty(self) -> bool:
        """Whether nothing is lost when the group is forgotten."""
        return not self.open and not self.line and not self.free and not any(self.kept.values())

    def put(self, seat: Seat) -> None:
        """Take an agent into the bucket of their label."""
        if seat.label == FREE:
            self.free.add(seat.rank)
            self._free_ids.add(seat.id)
        else:
            self.kept.setdefault(seat.label, {})[seat.id] = None

    def take(self, seat: Seat) -> None:
        """Take an agent out of the bucket of their label."""
        if seat.label == FREE:
            self.free.remove(seat.rank)
            self._free_ids.discard(seat.id)
        else:
            del self.kept[seat.label][seat.id]
