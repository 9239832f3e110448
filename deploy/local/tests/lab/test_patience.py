"""Patience is learned from waits of which most were cut short."""

from math import exp, inf
from random import Random

import pytest

from callstream_local.lab.patience import Patience, fit_patience
from callstream_local.lab.student import interval, t975


def test_kaplan_meier_by_hand() -> None:
    """The curve steps down by 1/n at each who gave up, n counting those answered at that very moment too."""
    waits = [(3.0, False), (5.0, True), (5.0, False), (8.0, True), (8.0, True), (10.0, False), (12.0, True)]
    many = [wait for wait in waits for _ in range(10)]
    fit = fit_patience(many)
    assert fit.times == (5.0, 8.0, 12.0)
    assert fit.survival == pytest.approx((5 / 6, 5 / 6 * 2 / 4, 0.0))
    assert [fit.beyond(t) for t in (0, 4.9, 5, 7, 9, 12)] == pytest.approx([1, 1, 5 / 6, 5 / 6, 5 / 12, 0])
    assert (fit.abandoned, fit.censored) == (40, 30)
    assert [fit.draw(u) for u in (0.99, 0.5, 0.3)] == [5.0, 8.0, 12.0]


def test_censoring_is_not_mistaken_for_patience_or_impatience() -> None:
    """True patience: exponential, mean 100 s; two thirds are answered first. The abandoned waits alone have a mean of 33 s."""
    random = Random(7)
    waits = []
    for _ in range(20_000):
        patience, offered = random.expovariate(1 / 100), random.expovariate(1 / 50)
        waits.append((min(patience, offered), patience <= offered))
    fit = fit_patience(waits)
    for t in (10, 50, 100, 150):
        assert fit.beyond(t) == pytest.approx(exp(-t / 100), abs=0.02)
    assert 1 / fit.rate == pytest.approx(100, rel=0.03)
    drawn = [fit.draw(1 - random.random()) for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(100, rel=0.05)


def test_a_draw_for_somebody_who_has_waited_already_lies_behind_that_wait() -> None:
    fit = fit_patience([(float(n), n % 3 == 0) for n in range(1, 200)])
    assert all(fit.draw(u / 100, 57.0) >= 57 for u in range(1, 101))
    later = sum(fit.draw(u / 1000, 57.0) > 120 for u in range(1, 1001)) / 1000
    assert later == pytest.approx(fit.beyond(120) / fit.beyond(57), abs=0.01)


def test_few_who_gave_up_make_a_rate_and_none_make_nobody_leave() -> None:
    few = fit_patience([(100.0, False)] * 9 + [(100.0, True)])
    assert few.times == ()
    assert few.draw(exp(-1)) == pytest.approx(1000)
    assert fit_patience([(50.0, False)]).draw(0.001) == inf
    assert Patience().beyond(1e6) == 1


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (9, 2.262), (12, 2.179), (19, 2.093), (60, 2.000)])
def test_students_quantile(freedom: int, expected: float) -> None:
    assert t975(freedom) == pytest.approx(expected, abs=0.001)


def test_a_95_percent_interval_holds_the_mean_95_times_of_100() -> None:
    random = Random(1)
    held = 0
    for _ in range(2000):
        found = interval([random.gauss(5, 2) for _ in range(5)])
        held += found.low <= 5 <= found.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)
