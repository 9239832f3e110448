"""One RTP packet read with care (RFC 3550 §5.1): what the batched path in engine.py does not understand comes here."""

import struct
from typing import NamedTuple

HEADER = struct.Struct("!BBHII")
HEADER_BYTES = HEADER.size
MAX_PACKET_BYTES = 1023
"""Longer datagrams are not G.711 speech (60 ms have 492 bytes) and count as malformed."""


class Packet(NamedTuple):
    """A parsed packet; payload is a slice of what came in, without extension and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet | None:
    """None: this is no RTP packet (RTCP and STUN that stray here are none either)."""
    if not HEADER_BYTES <= len(data) <= MAX_PACKET_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != 2 or 64 <= second & 0x7F < 96:
        return None
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= data[-1]
    if not start <= end:
        return None
    return Packet(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end])


def build(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """A packet with the plain 12 byte header."""
    second = payload_type | (0x80 if marker else 0)
    return HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload
