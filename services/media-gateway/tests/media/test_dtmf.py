"""Keys from telephone-events: each row is a story of packets, told with what must come out of it."""

import itertools

import pytest

from callstream_media_gateway.media.dtmf import RELEASE_MS, DigitReceiver, Key

Packet = tuple[int, int, int, bool, int]
"""(arrival ms, RTP timestamp, event, end bit, duration in samples)."""


def key(at_ms: int, timestamp: int, event: int, updates: int = 5, ends: int = 3) -> list[Packet]:
    """What a well-behaved phone sends for one key: an update each 20 ms, then the end three times."""
    packets = [(at_ms + 20 * n, timestamp, event, False, 160 * (n + 1)) for n in range(updates)]
    return packets + [(at_ms + 20 * (updates + n), timestamp, event, True, 160 * (updates + 1)) for n in range(ends)]


ONE = key(0, 1000, 1)
TWO = key(300, 4000, 2)
STORIES: dict[str, tuple[list[Packet], list[Key]]] = {
    "one key, end sent three times": (ONE, [Key("1", 120)]),
    "every packet doubled": ([p for p in ONE for _ in range(2)], [Key("1", 120)]),
    "first packets lost": (ONE[3:], [Key("1", 120)]),
    "only the last end arrives": (ONE[-1:], [Key("1", 120)]),
    "one of three ends arrives": (ONE[:5] + ONE[6:7], [Key("1", 120)]),
    "all ends lost, next key follows": (ONE[:5] + TWO, [Key("1", 100), Key("2", 120)]),
    "all ends lost, silence follows": (ONE[:5], [Key("1", 100)]),
    "ends lost, an end comes after the key was given up": ([*ONE[:5], (600, 1000, 1, True, 960)], [Key("1", 100)]),
    "reordered: an update after the end": ([*ONE[:4], ONE[5], ONE[4], *ONE[6:]], [Key("1", 120)]),
    "old key's packet after the next key began": (ONE + TWO[:2] + [ONE[6]] + TWO[2:], [Key("1", 120), Key("2", 120)]),
    "the same key twice": (ONE + key(300, 4000, 1), [Key("1", 120), Key("1", 120)]),
    "timestamp wraps between two keys": (
        key(0, 2**32 - 800, 3) + key(300, 900, 4),
        [Key("3", 120), Key("4", 120)],
    ),
    "star, pound and letters": (
        key(0, 0, 10) + key(300, 3000, 11) + key(600, 6000, 15),
        [Key("*", 120), Key("#", 120), Key("D", 120)],
    ),
    "hook flash and other events are no keys": (key(0, 0, 16) + key(300, 3000, 66), []),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_key_is_told_exactly_once(name: str) -> None:
    packets, expected = STORIES[name]
    receiver, told = DigitReceiver(), list[Key]()
    arrivals = iter(packets)
    waiting = next(arrivals, None)
    for now in range(0, 2000, 5):
        while waiting is not None and waiting[0] <= now:
            _, timestamp, event, end, duration = waiting
            payload = bytes((event, (0x80 if end else 0) | 10)) + duration.to_bytes(2, "big")
            told += receiver.packet(timestamp, payload, now)
            waiting = next(arrivals, None)
        told += receiver.time(now)
    assert told == expected
    assert not receiver.pressed


def test_any_loss_of_some_packets_gives_the_same_key() -> None:
    """All 254 ways to lose some but not all of the eight packets of a key."""
    for kept in itertools.product((False, True), repeat=len(ONE)):
        if not any(kept):
            continue
        receiver, told = DigitReceiver(), list[Key]()
        for keep, (at, timestamp, event, end, duration) in zip(kept, ONE, strict=True):
            if keep:
                payload = bytes((event, 0x80 if end else 0)) + duration.to_bytes(2, "big")
                told += receiver.packet(timestamp, payload, at)
        told += receiver.time(ONE[-1][0] + RELEASE_MS)
        assert [k.digit for k in told] == ["1"], kept


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01\x8a\x00"])
def test_short_payloads_are_ignored(payload: bytes) -> None:
    receiver = DigitReceiver()
    assert receiver.packet(0, payload, 0) == []
    assert not receiver.pressed


def test_a_new_source_ends_the_key_and_may_begin_at_any_timestamp() -> None:
    receiver = DigitReceiver()
    receiver.packet(5_000_000, b"\x01\x0a\x00\xa0", 0)
    assert receiver.source_changed() == [Key("1", 20)]
    assert receiver.packet(7, b"\x02\x8a\x03\x20", 10) == [Key("2", 100)]
