"""What is remembered of the past, and how a snapshot tells it."""

import random
from datetime import UTC, datetime

import msgspec
import pytest

from callstream.kernel import recent
from callstream.kernel.recent import CHUNK, Recent, Told

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def again(kept: Recent[str, int], limit: int = 100) -> dict[str, int | None]:
    """Through a snapshot and back."""
    text = msgspec.msgpack.encode(kept.told())
    found: Recent[str, int] = Recent(limit)
    found.retell(msgspec.msgpack.decode(text, type=Told), str, int)
    return {key: found.get(key) for key in found}


def test_the_first_stands_or_the_newest_and_the_oldest_goes() -> None:
    kept: Recent[str, int] = Recent(3)
    for key in "abc":
        kept.add(key, 1)
    kept.add("a", 2)
    assert kept.get("a") == 1
    kept.put("a", 3)
    kept.put("d", 4)
    assert {key: kept.get(key) for key in kept} == {"c": 1, "a": 3, "d": 4}
    kept.drop("a")
    kept.drop("nobody")
    assert "a" not in kept
    assert len(kept) == 2


def test_a_snapshot_tells_all_of_it() -> None:
    kept: Recent[tuple[str, str], datetime] = Recent()
    kept.put(("sales", "+861"), NOON)
    kept.put(("sales", "+862"), NOON)
    kept.drop(("sales", "+861"))
    found: Recent[tuple[str, str], datetime] = Recent()
    found.retell(kept.told(), tuple[str, str], datetime)
    assert list(found) == [("sales", "+862")]
    assert found.get(("sales", "+862")) == NOON
    with pytest.raises(msgspec.ValidationError):
        found.retell(kept.told(), str, int)


def test_nothing_at_all_can_be_what_is_remembered() -> None:
    kept: Recent[str, None] = Recent()
    kept.add("over", None)
    found: Recent[str, None] = Recent()
    found.retell(kept.told(), str, type(None))
    assert "over" in found


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_put_again_and_dropped_a_snapshot_is_true_and_small(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(recent, "CHUNK", 10)
    draw = random.Random(seed)
    kept: Recent[str, int] = Recent(100)
    for number in range(20_000):
        key = str(draw.randrange(draw.choice((20, 300))))
        if draw.random() < 0.2:
            kept.drop(key)
        else:
            kept.put(key, number)
        if number % 997 == 0:
            assert again(kept) == {key: kept.get(key) for key in kept}
    assert again(kept) == {key: kept.get(key) for key in kept}
    assert sum(len(msgspec.msgpack.decode(raw)) for raw in kept.told()) < 4 * 100


def test_what_was_told_before_is_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: Recent[str, int] = Recent(50 * CHUNK)
    for number in range(20 * CHUNK + 7):
        kept.put(str(number), number)
    encoded: list[int] = []
    encode = recent._encode
    monkeypatch.setattr(recent, "_encode", lambda entries: encoded.append(len(entries)) or encode(entries))
    assert len(again(kept, 50 * CHUNK)) == 20 * CHUNK + 7
    assert encoded[0] == 7
