"""The requests of a group that need the same skills, and the group's free agents who have them, both sorted.

A group has one desk for requests without needs, which also knows all its free agents, and one for each further need that
somebody waits with. So matching compares first with first, and nobody looks through agents who lack a skill.
"""

from bisect import bisect_left, insort

from sortedcontainers import SortedList

from callstream_routing.domain.rank import Key
from callstream_routing.domain.request import Place
from callstream_routing.domain.seat import Need


class Desk:
    """See the module's docstring."""

    __slots__ = ("free", "head", "keys", "need", "ready", "waiting")

    def __init__(self, need: Need) -> None:
        self.need = need
        self.waiting = 0
        """Requests of this need in the group's line; a desk without any is taken away."""
        self.ready: SortedList[Place] = SortedList()
        """Those that can be offered now; changed by `want` and `unwant` alone."""
        self.head: Place | None = None
        """Their first: looked at for each desk of each group at every decision."""
        self.free: list[Key] = []
        """Agents who can be offered one of them, in the group's ranking. A plain list: of a few thousand it takes a fifth of the
        time of a tree, and an agent of three groups stands in a dozen of them."""
        self.keys: dict[str, Key] = {}
        """Their keys by agent."""

    def want(self, place: Place) -> None:
        """A request can be offered from now on."""
        self.ready.add(place)
        if self.head is None or place < self.head:
            self.head = place

    def unwant(self, place: Place) -> None:
        """It cannot any more."""
        if place == self.head:  # nearly always: found without a search through places that no cache holds
            self.ready.pop(0)
            self.head = self.ready[0] if self.ready else None
        else:
            self.ready.remove(place)

    def put(self, agent_id: str, key: Key) -> None:
        """An agent is free."""
        insort(self.free, key)
        self.keys[agent_id] = key

    def take(self, agent_id: str) -> None:
        """The agent is free no longer; no error when they do not stand here."""
        key = self.keys.pop(agent_id, None)
        if key is not None:
            del self.free[bisect_left(self.free, key)]
