"""Which agent goes first: a group's criteria as one sortable key an agent (F119-F122, F135).

Every criterion gives a number, the smaller the better; the key is their tuple in the group's order, closed by longest idle and
the agent's id. So ranking is sorting, and the key of a chosen agent says why.
"""

from collections.abc import Callable

from callstream.contracts.states import Criterion
from callstream_routing.domain.seat import NORMAL_PRIORITY, Need, Seat

Key = tuple[*tuple[int, ...], str]
"""A number for each criterion, and the agent's id."""

RankBy = tuple[Criterion, ...]

_SCORE: dict[Criterion, Callable[[Seat, str, Need, int], int]] = {
    Criterion.LONGEST_IDLE: lambda seat, _, __, ___: seat.since_ms,
    Criterion.FEWEST_CALLS: lambda seat, _, __, day: seat.calls(day),
    Criterion.AGENT_PRIORITY: lambda seat, group_id, _, __: seat.priorities.get(group_id, NORMAL_PRIORITY),
    Criterion.AGENT_LEVEL: lambda seat, _, __, ___: -seat.level,
    Criterion.SKILL_LEVEL: lambda seat, _, need, __: -sum(seat.skills.get(skill, 0) for skill, ___ in need),
    Criterion.ANSWER_RATE: lambda seat, _, __, day: -seat.answer_rate(day),
}
DAILY = frozenset({Criterion.FEWEST_CALLS, Criterion.ANSWER_RATE})
"""Criteria that begin anew at midnight."""


class Ranking:
    """One group's criteria."""

    def __init__(self, rank_by: RankBy) -> None:
        self.rank_by: RankBy = rank_by if Criterion.LONGEST_IDLE in rank_by else (*rank_by, Criterion.LONGEST_IDLE)
        self.rule = self.rank_by[0].value
        """What decides when nobody is preferred."""
        self.daily = not DAILY.isdisjoint(self.rank_by)
        self._scores = tuple(_SCORE[criterion] for criterion in self.rank_by)
        self._idle = self.rank_by.index(Criterion.LONGEST_IDLE)

    def key(self, seat: Seat, group_id: str, need: Need, day: int) -> Key:
        """Sorts free agents; the smallest goes first."""
        if len(self._scores) == 1:  # longest idle alone, as most groups have it
            return seat.since_ms, seat.id
        return (*[score(seat, group_id, need, day) for score in self._scores], seat.id)

    def idle_ms(self, key: Key, now_ms: int) -> int:
        """Milliseconds since the agent became idle."""
        return max(0, now_ms - key[:-1][self._idle])

    def scores(self, key: Key, idle_ms: int) -> tuple[int, ...]:
        """A key's numbers as people read them, one for each criterion; idle time in whole seconds."""
        read = [abs(value) for value in key[:-1]]
        read[self._idle] = idle_ms // 1000
        return tuple(read)
