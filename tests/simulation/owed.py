"""What must come about within a time: the heart of "never stuck". Times are the services' uptime, in seconds."""

import heapq
from collections.abc import Callable

Key = tuple[str, ...]


class Overdue(AssertionError):
    """Something that was owed has not come about in time."""


class Owed:
    """`owe` a thing, `settle` it, and `check` at every step that nothing is late."""

    def __init__(self, uptime: Callable[[], float]) -> None:
        self._uptime = uptime
        self._since: dict[Key, tuple[float, float]] = {}
        self._heap: list[tuple[float, Key]] = []
        self.longest: dict[str, float] = {}
        """Longest time that each kind of thing took."""

    def owe(self, key: Key, within_s: float) -> None:
        """From now on; what is owed already keeps its time."""
        if key not in self._since:
            now = self._uptime()
            self._since[key] = now, now + within_s
            heapq.heappush(self._heap, (now + within_s, key))

    def settle(self, key: Key) -> None:
        """It has come about, or need not any more."""
        entry = self._since.pop(key, None)
        if entry is not None:
            took = self._uptime() - entry[0]
            if took > self.longest.get(key[0], 0.0):
                self.longest[key[0]] = took

    def check(self) -> None:
        """Raises Overdue."""
        if not self._heap:
            return
        now = self._uptime()
        while self._heap and self._heap[0][0] < now:
            due, key = heapq.heappop(self._heap)
            entry = self._since.get(key)
            if entry is not None and entry[1] == due:
                raise Overdue(f"{' '.join(key)}: owed for {now - entry[0]:.3f} s")

    def __len__(self) -> int:
        return len(self._since)
