"""The benchmark of the lab runs; how fast it is, `make bench` tells."""

from callstream_local.bench.simulation import simulated_calls_per_s


def test_a_small_day_can_be_measured() -> None:
    assert simulated_calls_per_s(calls=1000, agents=4) > 0
