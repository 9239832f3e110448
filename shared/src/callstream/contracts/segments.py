"""Who served a call when: one segment for each agent, or outside party, whom the customer talked with in their turn (F016-F020).

Functions on tuples of segments in their order of beginning; each gives the same tuple back when nothing changes.
"""

from datetime import datetime
from typing import Self

import msgspec
from msgspec.structs import replace


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service of a call. Durations are whole milliseconds, moments aware UTC."""

    began_at: datetime
    how: str
    """How it came about: `queue`, `dialled`, `callback`, `internal`, `blind`, `consult`, `left` (the other agent left a talk of
    three)."""
    agent_id: str = ""
    number: str = ""
    """E.164 of an outside party, which has no agent id."""
    leg_id: str = ""
    group_id: str = ""
    """The group that the agent served for; empty: none."""
    ended_at: datetime | None = None
    holds: int = 0
    """Periods of hold (F013)."""
    held_ms: int = 0
    held_since: datetime | None = None

    @property
    def talk_ms(self) -> int | None:
        """Talk and hold; None while it goes on."""
        return None if self.ended_at is None else millis(self.began_at, self.ended_at)

    def held(self, at: datetime) -> Self:
        """A period of hold begins."""
        return self if self.held_since else replace(self, held_since=at, holds=self.holds + 1)

    def retrieved(self, at: datetime) -> Self:
        """The period of hold is over."""
        return replace(self, held_since=None, held_ms=self.held_ms + millis(self.held_since, at)) if self.held_since else self

    def ended(self, at: datetime) -> Self:
        """The service is over; who was held is so no more."""
        return replace(self.retrieved(at), ended_at=at)


Segments = tuple[Segment, ...]


def millis(begin: datetime, end: datetime) -> int:
    """Never negative: the two moments may come from the clocks of two machines."""
    return max(0, round((end - begin).total_seconds() * 1000))


def serving(segments: Segments, agent_id: str = "", number: str = "") -> Segment | None:
    """The party's own service that goes on."""
    return next((s for s in segments if s.ended_at is None and (s.agent_id, s.number) == (agent_id, number)), None)


def changed(segments: Segments, before: Segment | None, after: Segment | None) -> Segments:
    """With `after` in the place of `before`."""
    if before is None or after is None or before is after:
        return segments
    return tuple(after if segment is before else segment for segment in segments)


def of_leg(segments: Segments, leg_id: str, agent_id: str) -> Segment | None:
    """The service that goes on over a leg; of which the leg is not known, by its agent."""
    for segment in segments:
        if segment.ended_at is None and (
            segment.leg_id == leg_id if segment.leg_id else bool(agent_id) and segment.agent_id == agent_id
        ):
            return segment
    return None


def all_ended(segments: Segments, at: datetime) -> Segments:
    """The call is over."""
    return tuple(segment.ended(at) if segment.ended_at is None else segment for segment in segments)
