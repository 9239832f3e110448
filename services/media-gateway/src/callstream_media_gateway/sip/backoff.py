"""Slowing down whoever guesses passwords: per source address and user name, doubling with each failure. Pure."""

from __future__ import annotations

from typing import NamedTuple


class _Failures(NamedTuple):
    times: int
    until: float


class Backoff:
    """The first `free` failures cost nothing; then 1, 2, 4 ... up to `longest` seconds of refusal.

    At most `room` pairs are remembered; the one that failed longest ago is forgotten first.
    """

    def __init__(self, free: int = 5, longest: float = 900.0, room: int = 10_000) -> None:
        self._free = free
        self._longest = longest
        self._room = room
        self._pairs: dict[tuple[str, str], _Failures] = {}

    def wait(self, source: str, user: str, now: float) -> float:
        """Seconds that this pair must still wait; 0 lets it try."""
        failures = self._pairs.get((source, user))
        return max(0.0, failures.until - now) if failures else 0.0

    def failed(self, source: str, user: str, now: float) -> None:
        before = self._pairs.pop((source, user), None)
        times = before.times + 1 if before else 1
        over = times - self._free
        penalty = min(2.0 ** min(over - 1, 30), self._longest) if over > 0 else 0.0
        self._pairs[source, user] = _Failures(times, now + penalty)
        if len(self._pairs) > self._room:
            del self._pairs[next(iter(self._pairs))]

    def succeeded(self, source: str, user: str) -> None:
        self._pairs.pop((source, user), None)
