"""Two policies on the same days: each replication draws one workload and runs both on it (common random numbers)."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from callstream_local.lab.errors import LabError
from callstream_local.lab.measure import SHOWN, Figures, ServiceLevel, measure
from callstream_local.lab.policy import Policy
from callstream_local.lab.simulate import simulate
from callstream_local.lab.student import Interval, interval
from callstream_local.lab.traffic import Workload

MakeWorkload = Callable[[int], Workload]
"""By the number of the replication."""
Replication = dict[str, dict[str, Figures]]
"""By group, then `baseline` and `candidate`."""
Each = Callable[[Callable[[int], Replication], Iterable[int]], Iterable[Replication]]
"""`map`, or a pool's."""
ALL = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both policies, and what the candidate changes: mean over replications with 95 % intervals."""

    baseline: Interval
    candidate: Interval
    difference: Interval
    """Of candidate - baseline, paired by replication."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """By group ("" for all) and figure."""

    replications: int
    seed: int
    service_level: ServiceLevel
    outcomes: dict[str, dict[str, Outcome]]
    runs: dict[str, list[dict[str, Figures]]]
    """By group: `{"baseline": …, "candidate": …}` of each replication."""


def compare(
    make: MakeWorkload,
    baseline: Policy,
    candidate: Policy,
    level: ServiceLevel,
    *,
    replications: int,
    seed: int,
    each: Each = map,
    done: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """`each` runs the replications, here or elsewhere (then `make` must be picklable); `done` is told how many are over."""
    if replications < 2:
        raise LabError("replications", "at least 2 are needed for an interval")
    groups = (ALL, *(group.id for group in baseline.groups)) if len(baseline.groups) > 1 else (ALL,)
    one = partial(replicate, make, (baseline, candidate), level, groups)
    runs: dict[str, list[dict[str, Figures]]] = {group: [] for group in groups}
    for number, found in enumerate(each(one, range(replications)), 1):
        for group, pair in found.items():
            runs[group].append(pair)
        done(number)
    return Comparison(
        replications=replications,
        seed=seed,
        service_level=level,
        outcomes={group: _outcomes(several) for group, several in runs.items()},
        runs=runs,
    )


def replicate(
    make: MakeWorkload, policies: tuple[Policy, Policy], level: ServiceLevel, groups: Sequence[str], number: int
) -> Replication:
    """Both policies on one day."""
    workload = make(number)
    before, after = (simulate(workload, policy) for policy in policies)
    return {group: {"baseline": measure(before, level, group), "candidate": measure(after, level, group)} for group in groups}


def _outcomes(runs: Sequence[dict[str, Figures]]) -> dict[str, Outcome]:
    outcomes = {}
    for name in SHOWN:
        before = [float(getattr(pair["baseline"], name)) for pair in runs]
        after = [float(getattr(pair["candidate"], name)) for pair in runs]
        outcomes[name] = Outcome(
            baseline=interval(before),
            candidate=interval(after),
            difference=interval([b - a for a, b in zip(before, after, strict=True)]),
        )
    return outcomes
