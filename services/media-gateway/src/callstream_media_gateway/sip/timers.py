"""Many short timers cheaply: one heap, one wake-up of the event loop for the earliest.

`Timers` itself is pure: it is told the time, so tests turn the clock. `LoopTimers` drives it from asyncio.
A cancelled timer stays in the heap as an empty slot (nothing is kept alive by it) until its time, or until the empty
slots outnumber the live ones.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
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


class Lingering:
    """Timers of one fixed delay that are never cancelled: a queue, since the first started is the first due.

    Transactions linger by the thousand after their end (timers D, I, J, K, L, M); here each costs one tuple, which
    matters most to the garbage collector.
    """

    __slots__ = ("_delay", "_queue", "_timers")

    def __init__(self, timers: Timers, delay: float) -> None:
        self._timers = timers
        self._delay = delay
        self._queue: deque[tuple[float, Callable[[Any, str], object], Any, str]] = deque()

    def add(self, callback: Callable[[Any, str], object], subject: Any, event: str) -> None:
        """Call `callback(subject, event)` when the delay is over."""
        if not self._queue:
            self._timers.after(self._delay, self._fire, None)
        self._queue.append((self._timers.now() + self._delay, callback, subject, event))

    def _fire(self, _argument: None) -> None:
        queue, now = self._queue, self._timers.now()
        while queue and queue[0][0] <= now:
            _, callback, subject, event = queue.popleft()
            callback(subject, event)
        if queue:
            # a tenth of the delay at least, so that a busy user agent wakes up for many at a time
            self._timers.after(max(queue[0][0] - now, self._delay / 10), self._fire, None)

    def clear(self) -> None:
        self._queue.clear()

    def __len__(self) -> int:
        return len(self._queue)


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
