"""The simulation against what is known exactly: Erlang C (nobody leaves) and Erlang A (exponential patience).

Each figure is the mean of independent days; it must lie within 3.5 standard errors of the theory (by chance outside: 1 in 2,000),
and the error must be small enough to notice a wrong model.
"""

from math import factorial
from statistics import fmean, stdev

import pytest

from callstream.contracts.config import Settings
from callstream.kernel.outcomes import RequestOutcome
from callstream_local.lab.generate import Plan

from .scene import day

AGENTS, TALK = 8, 60.0
DAYS = 7
BY_HAND = Settings(auto_idle=False)
"""With wrap-up of no length: an agent is a server that is free again at once."""


def birth_and_death(rate: float, service: float, leaving: float, states: int = 4000) -> tuple[float, float, float]:
    """(probability to wait, mean wait of all, share that leaves) of M/M/c+M, from the stationary distribution."""
    weights = [1.0]
    for n in range(1, states):
        weights.append(weights[-1] * rate / (min(n, AGENTS) * service + max(0, n - AGENTS) * leaving))
    total = sum(weights)
    wait = sum(weights[AGENTS:]) / total
    queue = sum((n - AGENTS) * weight for n, weight in enumerate(weights) if n > AGENTS) / total
    return wait, queue / rate, leaving * queue / rate


def erlang_c(load: float) -> float:
    last = load**AGENTS / factorial(AGENTS) * AGENTS / (AGENTS - load)
    return last / (sum(load**n / factorial(n) for n in range(AGENTS)) + last)


def simulated(calls_a_day: int, patience: float) -> list[tuple[float, float, float]]:
    plan = Plan(
        calls=calls_a_day, agents=AGENTS, hours="0-24", profile="flat", talk=TALK, talk_shape="exponential",
        wrap=0, ring=0, patience=patience,
    )  # fmt: skip
    days = []
    for number in range(DAYS):
        fates = day(plan, 11, number, BY_HAND).fates[200:]  # the empty house of the morning is not the steady state
        waited = [fate for fate in fates if fate.waited_s > 0]
        left = [fate for fate in fates if fate.outcome is RequestOutcome.ABANDONED]
        days.append((len(waited) / len(fates), fmean(fate.waited_s for fate in fates), len(left) / len(fates)))
    return days


def check(simulated_days: list[float], theory: float, relative_error: float) -> None:
    error = stdev(simulated_days) / len(simulated_days) ** 0.5
    assert abs(fmean(simulated_days) - theory) <= 3.5 * error, (fmean(simulated_days), theory, error)
    assert error <= relative_error * theory, "too few days to notice a mistake"


def test_the_two_formulae_agree() -> None:
    rate = 9000 / 86_400
    assert birth_and_death(rate, 1 / TALK, 0)[0] == pytest.approx(erlang_c(rate * TALK))


def test_erlang_c() -> None:
    """M/M/8 at 78 % load: waiting probability and mean wait."""
    calls = 9000
    rate = calls / 86_400
    wait = erlang_c(rate * TALK)
    days = simulated(calls, patience=0)
    check([found[0] for found in days], wait, 0.03)
    check([found[1] for found in days], wait * TALK / (AGENTS - rate * TALK), 0.08)
    assert all(found[2] == 0 for found in days)


def test_erlang_a() -> None:
    """M/M/8+M at 104 % load: it is stable only because callers leave."""
    calls, patience = 12_000, 90.0
    wait, mean_wait, leave = birth_and_death(calls / 86_400, 1 / TALK, 1 / patience)
    days = simulated(calls, patience)
    check([found[0] for found in days], wait, 0.03)
    check([found[1] for found in days], mean_wait, 0.05)
    check([found[2] for found in days], leave, 0.05)
