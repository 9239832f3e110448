"""How often something happened lately."""

from collections import deque


class Window:
    """Moments of the last `seconds`, at a clock that never goes back."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._moments: deque[float] = deque()

    def count(self, now: float) -> int:
        """How many there are now."""
        self._forget(now)
        return len(self._moments)

    def note(self, now: float) -> None:
        """One more."""
        self._forget(now)  # without a limit nobody ever counts
        self._moments.append(now)

    def _forget(self, now: float) -> None:
        while self._moments and self._moments[0] <= now - self._seconds:
            self._moments.popleft()
