"""Time as an argument: domains are handed a moment, adapters own the clock that tells it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present moment, aware, in UTC, cut to milliseconds."""

    def now(self) -> datetime:
        """The present moment."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, cut to milliseconds because that is what the wire carries."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)  # as to_millis, without a call: it is asked all the time


class ManualClock:
    """A clock that moves when a test or a simulation says so."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = to_millis(start or datetime(2026, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        """The moment it was last set to."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move forward by `seconds` (never back) and tell the new moment."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now = to_millis(self._now + timedelta(seconds=seconds))
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump forward to `moment`; an earlier one is refused."""
        if moment < self._now:
            raise ValueError("a clock does not run backwards")
        self._now = to_millis(moment)


def to_millis(moment: datetime) -> datetime:
    """`moment` cut to whole milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
