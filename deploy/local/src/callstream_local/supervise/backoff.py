"""How long to wait before a program that ended is started again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubles from `first_s` to `longest_s` with each quick end; a run of `stable_s` or more begins anew. Seconds."""

    first_s: float = 0.1
    longest_s: float = 10.0
    stable_s: float = 10.0

    def delay(self, quick_ends: int) -> float:
        """The wait after that many quick ends in a row (1 or more)."""
        doublings = min(quick_ends - 1, 30)
        return min(self.first_s * 2.0**doublings, self.longest_s)

    def quick_ends(self, before: int, ran_s: float) -> int:
        """The count after one more end, of a run that lasted `ran_s`."""
        return 1 if ran_s >= self.stable_s else before + 1
