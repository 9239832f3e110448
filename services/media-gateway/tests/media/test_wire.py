"""RTP packets read with care: nothing that arrives may raise."""

import random

import pytest

from callstream_media_gateway.media.wire import MAX_PACKET_BYTES, build, parse

PLAIN = build(8, True, 5, 1000, 77, b"abcd")


def test_a_built_packet_reads_back() -> None:
    packet = parse(PLAIN)
    assert packet is not None
    assert packet == (8, True, 5, 1000, 77, b"abcd")


GOOD = {
    "two contributing sources": (b"\x82" + PLAIN[1:12] + b"12345678" + b"abcd", b"abcd"),
    "header extension": (b"\x90" + PLAIN[1:12] + b"\xbe\xde\x00\x01wxyz" + b"abcd", b"abcd"),
    "padding": (b"\xa0" + PLAIN[1:] + b"\x00\x00\x03", b"abcd"),
    "no payload": (PLAIN[:12], b""),
}


@pytest.mark.parametrize("name", GOOD)
def test_unusual_headers_are_understood(name: str) -> None:
    data, payload = GOOD[name]
    packet = parse(data)
    assert packet is not None
    assert packet.payload == payload


BAD = {
    "empty": b"",
    "eleven bytes": PLAIN[:11],
    "version 1": b"\x40" + PLAIN[1:],
    "RTCP sender report": b"\x80\xc8" + PLAIN[2:],
    "STUN": b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
    "more sources than bytes": b"\x8f" + PLAIN[1:],
    "extension longer than the packet": b"\x90" + PLAIN[1:12] + b"\xbe\xde\xff\xff",
    "extension cut in its header": b"\x90" + PLAIN[1:12] + b"\xbe",
    "padding longer than the packet": b"\xa0" + PLAIN[1:] + b"\xff",
    "oversized": PLAIN + bytes(MAX_PACKET_BYTES),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_rtp_is_refused(name: str) -> None:
    assert parse(BAD[name]) is None


def test_random_bytes_never_raise() -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        parse(rng.randbytes(rng.randrange(60)))
        parse(bytes([0x80 | rng.randrange(64)]) + rng.randbytes(rng.randrange(40)))
