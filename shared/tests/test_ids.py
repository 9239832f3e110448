"""Ids stay what they are: a decision that is repeated after an update must be known by the ids of before."""

from datetime import UTC, datetime

from callstream.kernel.ids import derived_id, ulid


def test_a_derived_id_is_the_same_for_ever() -> None:
    assert derived_id("cause", "for") == "56MX5SRPQ1V31JPZJWZ4H6E6C4"


def test_a_ulid_sorts_by_its_time_and_holds_every_bit() -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
    assert ulid(first, (1 << 80) - 1) < ulid(second, 0)
    assert ulid(datetime(1970, 1, 1, tzinfo=UTC), 1) == "0" * 25 + "1"
    assert ulid(datetime(1970, 1, 1, tzinfo=UTC), (1 << 80) - 1) == "0" * 10 + "Z" * 16
