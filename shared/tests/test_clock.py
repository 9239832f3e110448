"""The machine's clock tells whole milliseconds, as the wire carries them."""

from datetime import UTC, datetime

import pytest

from callstream.kernel import clock
from callstream.kernel.clock import SystemClock, to_millis


@pytest.mark.parametrize("moment", ["2026-11-20T18:02:33.999999", "2026-01-01T00:00:00.000999", "2037-12-31T23:59:59.001000"])
def test_the_present_moment_is_cut_to_milliseconds(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    nanoseconds = int(at.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1000
    monkeypatch.setattr(clock, "time_ns", lambda: nanoseconds)
    assert SystemClock().now() == to_millis(at)
    assert SystemClock().now().tzinfo is UTC


def test_no_millisecond_is_lost_to_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100_000):
        monkeypatch.setattr(clock, "time_ns", lambda number=number: (1_795_000_000_000 + number * 7) * 1_000_000)
        assert SystemClock().now().microsecond == (number * 7) % 1000 * 1000
