"""Many short timers cheaply: one heap, one wake-up of the event loop for the earliest.

`Timers` itself is pure: it is told the time, so tests turn the clock. `LoopTimers` drives it from asyncio.
A cancelled timer stays in the heap as an empty slot (nothing is kept alive by it) until its time, or until the empty
slots outnumber the live ones.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

Entry = list[Any]
"""[deadline in seconds, sequence number, callback or None when cancelled or fired, argument]"""


class Timers:
    """A heap of callbacks. `now` is a clock in seconds that never goes back."""

    __slots__ = ("_empty", "_heap", "_sequence", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._heap: list[Entry] = []
        self._sequence = itertools.count()
        self._empty = 0

    def after(self, delay: float, callback: Callable[[Any], object], argument: Any) -> Entry:
        """Call `callback(argument)` in `delay` seconds. The entry is what `cancel` takes."""
        entry: Entry = [self.now() + delay, next(self._sequence), callback, argument]
        heappush(self._heap, entry)
        return entry

    def cancel(self, entry: Entry | None) -> None:
        """Forget a timer. Harmless for None and for one that has fired."""
        if entry is None or entry[2] is None:
            return
        entry[2] = entry[3] = None
        self._empty += 1
        if self._empty > 1000 and self._empty * 2 > len(self._heap):
            self._heap[:] = [kept for kept in self._heap if kept[2] is not None]
            heapify(self._heap)
            self._empty = 0

    def run_due(self) -> float | None:
        """Fire what is due; the deadline of the next live timer, or None."""
        heap, now = self._heap, self.now()
        while heap:
            entry = heap[0]
            callback = entry[2]
            if callback is None:
                heappop(heap)
                self._empty -= 1
                continue
            if entry[0] > now:
                return float(entry[0])
            heappop(heap)
            argument = entry[3]
            entry[2] = entry[3] = None
            callback(argument)
        return None

    def clear(self) -> None:
        self._heap.clear()
        self._empty = 0

    def __len__(self) -> int:
        return len(self._heap) - self._empty


class LoopTimers(Timers):
    """Timers on the running event loop."""

    __slots__ = ("_loop", "_wake", "_wake_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop.time)
        self._loop = loop
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = float("inf")

    def after(self, delay: float, callback: Callable[[Any], object], argument: Any) -> Entry:
        entry = super().after(delay, callback, argument)
        if entry[0] < self._wake_at:
            self._arm(entry[0])
        return entry

    def clear(self) -> None:
        super().clear()
        if self._wake is not None:
            self._wake.cancel()
        self._wake, self._wake_at = None, float("inf")

    def _arm(self, deadline: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = deadline
        self._wake = self._loop.call_at(deadline, self._fire)

    def _fire(self) -> None:
        self._wake, self._wake_at = None, float("-inf")  # while firing, new timers wait for the re-arming below
        deadline: float | None = None
        try:
            deadline = self.run_due()
        finally:
            self._wake_at = float("inf")
            if deadline is None and self._heap:
                deadline = self._heap[0][0]  # a callback raised: go on with the rest
            if deadline is not None:
                self._arm(deadline)
