"""How long a request will probably wait, and how wrong that has been: both learnt from the group's own past."""

import msgspec

WEIGHT = 0.1
"""Of the newest sample in each mean."""
BIAS_LIMIT = 4.0
"""A single wait far off corrects at most by this factor."""


class Pace(msgspec.Struct):
    """One group's. Milliseconds."""

    handling_ms: float | None = None
    """Mean time an agent is taken by one request: talk and wrap-up."""
    bias: float = 1.0
    """Real waits against estimated ones: agents who serve other groups too, breaks, rings that nobody answers."""
    error_ms: float | None = None
    """Mean distance of estimate and real wait."""
    error_share: float | None = None
    """The same as a share of the real wait."""

    @property
    def unknown(self) -> bool:
        """Whether nothing has been learnt."""
        return self.handling_ms is None and self.error_ms is None

    def handled(self, duration_ms: int) -> None:
        """An agent is done with a request."""
        self.handling_ms = _mean(self.handling_ms, duration_ms)

    def estimate(self, ahead: int, on_duty: int) -> int | None:
        """The wait with `ahead` callers before and `on_duty` agents at work; None when nobody is there or nothing is known.

        With n agents at work one becomes free every handling time / n, and it takes one for each caller ahead and one more.
        """
        if not on_duty or self.handling_ms is None:
            return None
        return round((ahead + 1) * self.handling_ms / on_duty * self.bias)

    def waited(self, waited_ms: int, estimate_ms: int) -> None:
        """A request was answered: learn from the distance."""
        self.error_ms = _mean(self.error_ms, abs(waited_ms - estimate_ms))
        if estimate_ms and waited_ms:
            self.error_share = _mean(self.error_share, abs(waited_ms - estimate_ms) / waited_ms)
            ratio = min(BIAS_LIMIT, max(1 / BIAS_LIMIT, waited_ms / estimate_ms))
            self.bias *= 1 + WEIGHT * (ratio - 1)


def _mean(before: float | None, sample: float) -> float:
    return float(sample) if before is None else before + WEIGHT * (sample - before)
