"""Timers that are part of a state: set and cancelled by `evolve`, so that a replay of the log sets them again (F050).

A timer is a key and the moment it is due. Nothing here waits: the runtime asks `next_due` and sleeps, tests move virtual time.
"""

import heapq
from collections.abc import Hashable
from datetime import datetime
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """A set of named timers, each with one due moment. Setting a key again replaces its moment."""

    def __init__(self) -> None:
        self._due: dict[K, datetime] = {}
        self._heap: list[tuple[datetime, int, K]] = []
        self._count = 0

    def set(self, key: K, due: datetime) -> None:
        """Make `key` due at `due`."""
        if self._due.get(key) == due:
            return
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._due):
            self._compact()

    def cancel(self, key: K) -> None:
        """Forget `key`; no error when it is not set."""
        self._due.pop(key, None)

    def due_of(self, key: K) -> datetime | None:
        """The moment `key` is due, or None."""
        return self._due.get(key)

    def next_due(self) -> datetime | None:
        """The earliest due moment, or None when no timer is set."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> list[K]:
        """Keys whose moment has come, earliest first. They stay set: the event that answers them cancels them."""
        if not self._heap or self._heap[0][0] > now:
            return []
        ready: list[tuple[datetime, int, K]] = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)  # what was cancelled or set anew goes for good
            if self._due.get(entry[2]) == entry[0]:
                ready.append(entry)
        for entry in ready:
            heapq.heappush(self._heap, entry)
        return list(dict.fromkeys(key for _, _, key in ready))

    def __len__(self) -> int:
        return len(self._due)

    def _drop_stale(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _compact(self) -> None:
        """One entry for each key: the oldest, which a key that was cancelled and set to the same moment again keeps."""
        kept: dict[K, tuple[datetime, int, K]] = {}
        for entry in sorted(self._heap):
            if self._due.get(entry[2]) == entry[0]:
                kept.setdefault(entry[2], entry)
        self._heap = list(kept.values())
