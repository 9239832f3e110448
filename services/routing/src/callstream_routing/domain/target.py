"""A group's service level over its latest requests: whether it is at risk, and when its next caller would miss it."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from callstream.contracts.config import ServiceLevel
from callstream_routing.domain.seat import stamp

WINDOW = 100
"""Requests that the share is measured over."""


class Target:
    """Measured over the last WINDOW requests answered, or given up after the limit; those given up sooner do not count."""

    def __init__(self) -> None:
        self.recent: deque[tuple[int, bool]] = deque(maxlen=WINDOW)
        """(waited in ms, answered)"""
        self._level: ServiceLevel | None = None
        self._kept = 0
        self._counted = 0

    def set(self, level: ServiceLevel | None) -> None:
        """Take over the configured target."""
        self._level = level
        self._count()

    def note(self, waited_ms: int, *, answered: bool) -> None:
        """A request was answered or given up."""
        self.recent.append((waited_ms, answered))
        self._count()

    def restore(self, recent: Iterable[tuple[int, bool]]) -> None:
        """Put back what was kept."""
        self.recent.extend(recent)
        self._count()

    @property
    def share(self) -> float | None:
        """The share answered in time, or None before there is any to measure."""
        return self._kept / self._counted if self._counted else None

    def due(self, enqueued_at: datetime) -> int | None:
        """When this caller will have missed the target, in ms; None without a target, and while the group keeps it anyway."""
        if self._level is None or (self._counted and self._kept >= self._level.share * self._counted):
            return None
        return stamp(enqueued_at) + self._level.within_s * 1000

    def _count(self) -> None:
        self._kept = self._counted = 0
        if self._level is None:
            return
        limit = self._level.within_s * 1000
        self._kept = sum(1 for waited_ms, answered in self.recent if answered and waited_ms <= limit)
        self._counted = sum(1 for waited_ms, answered in self.recent if answered or waited_ms > limit)
