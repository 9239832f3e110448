"""Cutting a TCP stream into messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.sip.message import MAX_MESSAGE
from callstream_media_gateway.sip.stream import BrokenStreamError, StreamFramer

A = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
B = b"OPTIONS sip:b SIP/2.0\r\nSubject: x\r\nl :0\r\n\r\n"
C = b"OPTIONS sip:c SIP/2.0\r\n\r\n"


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_messages_and_pings_come_out_however_the_bytes_are_cut(cuts: list[int]) -> None:
    whole, framer, found = b"\r\n\r\n" + A + B + b"\r\n\r\n\r\n\r\n" + C + A, StreamFramer(), []
    at = 0
    while at < len(whole):
        size = cuts[at % len(cuts)]
        found += framer.feed(whole[at : at + size])
        at += size
    assert [message for message in found if message] == [A, B, C, A]
    assert framer.waiting == 0


def test_pings_are_counted_even_when_cut() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n\r\n") == [b""]
    assert framer.feed(b"\r\n") == [b""]
    assert framer.feed(b"\r\n" + A) == [A]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n", "Content-Length"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: 65535\r\n\r\n", "message"),
        (b"x" * (MAX_MESSAGE + 1), "message"),
    ],
)
def test_lost_boundaries_are_told_with_what_was_read(data: bytes, field: str) -> None:
    with pytest.raises(BrokenStreamError) as broken:
        StreamFramer().feed(data)
    assert broken.value.field == field
    assert data.startswith(broken.value.head)
