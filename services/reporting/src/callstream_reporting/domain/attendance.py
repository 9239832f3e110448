"""Attendance: an agent's online time of each day, and what it was made of (F070).

Every border is cut to the whole second before anything is subtracted, so the seconds of the states add up to the online time
exactly, whatever is summed up afterwards. A state that goes over midnight counts in both days, in the tenant's time zone.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from callstream.contracts.states import AgentState
from callstream_reporting.domain.agent_log import StateRow

ONLINE = tuple(state for state in AgentState if state is not AgentState.OFFLINE)


class Day(msgspec.Struct, kw_only=True):
    """One agent's day. Seconds."""

    agent_id: str
    day: date
    first: int
    """When they were first online, as seconds since 1970."""
    last: int
    """When they were last online."""
    online_s: int = 0
    states: dict[str, int] = {}
    breaks: dict[str, int] = {}
    """Of the break time, by reason."""


def attendance(rows: Iterable[StateRow], since: datetime, until: datetime, zone: ZoneInfo) -> list[Day]:
    """The days within `since` and `until` on which somebody was online, by agent and day. A row that goes on ends at `until`."""
    days: dict[tuple[str, date], Day] = {}
    for row in rows:
        if row.state == AgentState.OFFLINE:
            continue
        begin, end = _second(max(row.since, since)), _second(min(row.until or until, until))
        for day, first, last in _by_day(begin, end, zone):
            kept = days.setdefault((row.agent_id, day), Day(agent_id=row.agent_id, day=day, first=first, last=last))
            kept.first, kept.last = min(kept.first, first), max(kept.last, last)
            kept.online_s += last - first
            kept.states[row.state] = kept.states.get(row.state, 0) + last - first
            if row.state == AgentState.BREAK:
                kept.breaks[row.reason] = kept.breaks.get(row.reason, 0) + last - first
    return [day for _, day in sorted(days.items())]


def lines(days: Iterable[Day], names: dict[str, str], zone: ZoneInfo) -> Iterator[list[str]]:
    """The table, its head first."""
    yield ["agent", "name", "day", "first_online", "last_online", "online_s", *(f"{state}_s" for state in ONLINE), "breaks"]
    for day in days:
        yield [
            day.agent_id,
            names.get(day.agent_id, ""),
            day.day.isoformat(),
            _clock(day.first, zone),
            _clock(day.last, zone),
            str(day.online_s),
            *(str(day.states.get(state, 0)) for state in ONLINE),
            "; ".join(f"{reason} {seconds}" for reason, seconds in sorted(day.breaks.items())),
        ]


def _by_day(begin: int, end: int, zone: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    """The parts of a stretch of time, cut at midnights."""
    while begin < end:
        day = datetime.fromtimestamp(begin, zone).date()
        midnight = _second(datetime.combine(day + timedelta(days=1), time(), zone))
        yield day, begin, min(end, midnight)
        begin = midnight


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _clock(second: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(second, zone).isoformat()
