"""Arithmetic of the benchmarks: percentiles and how figures are rounded."""

import math
from collections.abc import Iterable, Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that at least `share` (0 to 1) of all values do not exceed. Sorted, not empty."""
    if not ordered:
        raise ValueError("no values")
    rank = math.ceil(round(share * len(ordered), 9))
    return ordered[max(0, rank - 1)]


def p50_p99(values: Iterable[float]) -> dict[str, float]:
    """{"p50", "p99"}, rounded."""
    ordered = sorted(values)
    return {"p50": rounded(percentile(ordered, 0.50)), "p99": rounded(percentile(ordered, 0.99))}


def rounded(value: float) -> float:
    """Three significant digits, whole numbers from 100 on: more would pretend what a shared machine cannot tell."""
    if value == 0 or not math.isfinite(value):
        return value
    if abs(value) >= 100:
        return float(round(value))
    return round(value, 2 - math.floor(math.log10(abs(value))))
