"""The bench runs and gives its key; how fast it is, `make bench` tells."""

from callstream_local.lab.bench import run


def test_the_bench_gives_its_key() -> None:
    found = run(calls=1000)
    assert set(found) == {"simulated_calls_per_s"}
    assert found["simulated_calls_per_s"] > 0
