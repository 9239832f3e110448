"""How long callers are willing to wait, from waits of which many were cut short by an answer (right-censored).

Kaplan and Meier's product-limit estimate (1958): S(t) = Π over abandonments at tᵢ ≤ t of 1 - dᵢ/nᵢ, with nᵢ callers who waited at
least tᵢ. Those answered at tᵢ still count as waiting at tᵢ. Where hardly anybody waited so long the curve is mute; from there
on callers leave at the rate abandonments ÷ total wait (the exponential estimate under censoring). With few abandonments that
rate is used throughout.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import groupby
from math import exp, inf, log

import msgspec

ENOUGH = 20
"""Abandonments from which on the curve says more than a rate does."""
AT_RISK = 10
"""Callers who must have waited so long for the curve to go on."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """The fitted model. `survival[i]` is the share of callers more patient than `times[i]`, in seconds."""

    times: tuple[float, ...] = ()
    survival: tuple[float, ...] = ()
    rate: float = 0.0
    """Abandonments a second of waiting; 0: nobody was seen to leave."""
    abandoned: int = 0
    censored: int = 0

    def beyond(self, wait_s: float) -> float:
        """S(t): the share of callers who would wait longer."""
        if not self.times:
            return _decay(self.rate, wait_s)
        index = bisect_left(self.times, wait_s)
        if index < len(self.times) and self.times[index] == wait_s:
            index += 1
        if index == 0:
            return 1.0
        known = self.survival[index - 1]
        return known * _decay(self.rate, wait_s - self.times[-1]) if index == len(self.times) else known

    def draw(self, u: float, waited_s: float = 0.0) -> float:
        """The patience of a caller who has waited for `waited_s` already, for `u` uniform in (0, 1]."""
        share = u * self.beyond(waited_s)
        for_rate = _wait_for(self.rate, share, 0.0, 1.0)
        if not self.times:
            return max(waited_s, for_rate)
        low, high = 0, len(self.times)
        while low < high:
            middle = (low + high) // 2
            if self.survival[middle] < share:
                high = middle
            else:
                low = middle + 1
        if low < len(self.times):
            return max(waited_s, self.times[low])
        return max(waited_s, _wait_for(self.rate, share, self.times[-1], self.survival[-1]))


def fit_patience(waits: Iterable[tuple[float, bool]]) -> Patience:
    """From (seconds waited, whether the caller gave up then)."""
    ordered = sorted(waits)
    abandoned = sum(1 for _, gave_up in ordered if gave_up)
    total = sum(seconds for seconds, _ in ordered)
    rate = abandoned / total if total > 0 else 0.0
    model = Patience(rate=rate, abandoned=abandoned, censored=len(ordered) - abandoned)
    if abandoned < ENOUGH:
        return model
    times: list[float] = []
    survival: list[float] = []
    alive, at_risk = 1.0, len(ordered)
    for seconds, several in groupby(ordered, key=lambda wait: wait[0]):
        ends = [gave_up for _, gave_up in several]
        if at_risk < AT_RISK:
            break
        if any(ends):
            alive *= 1 - sum(ends) / at_risk
            times.append(seconds)
            survival.append(alive)
        at_risk -= len(ends)
    return Patience(times=tuple(times), survival=tuple(survival), rate=rate, abandoned=abandoned, censored=model.censored)


def _decay(rate: float, seconds: float) -> float:
    return exp(-rate * max(0.0, seconds))


def _wait_for(rate: float, share: float, since_s: float, alive: float) -> float:
    """When an exponential decay from `alive` at `since_s` has come down to `share`."""
    if alive <= 0:
        return since_s
    if rate <= 0 or share <= 0:
        return inf
    return since_s + max(0.0, -log(share / alive) / rate)
