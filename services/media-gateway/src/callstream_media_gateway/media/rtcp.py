"""RTCP packets (RFC 3550 §6): built, and read with care. Pure; times are NTP (32.32 bit since 1900)."""

import struct
from typing import NamedTuple

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, BYE = 200, 201, 202, 203
_FIRST_TYPE, _LAST_TYPE = 200, 207
"""Feedback, application and extended reports (204 to 207) are well-formed, and skipped."""
_HEADER = struct.Struct("!BBHI")
_SENDER = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IIIIII")
_CNAME = 1
_MAX_LOST, _MIN_LOST = 0x7FFFFF, -0x800000
MAX_BYTES = 1472


class SenderInfo(NamedTuple):
    """ntp: 64 bit. timestamp: RTP clock of the same moment. packets and octets since the beginning."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


class Block(NamedTuple):
    """What somebody received of the source `ssrc`. fraction: of 256, lost since the last report; lost: of all, negative
    with duplicates. highest: extended sequence number. jitter: in units of the RTP clock. last_report, delay: middle 32 bits
    of the newest sender report's NTP time, and the time since then, both in 1/65536 s.
    """

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class Report(NamedTuple):
    """All that one compound packet says."""

    sender: tuple[int, SenderInfo] | None
    blocks: tuple[Block, ...]
    goodbyes: tuple[int, ...]


def middle(ntp: int) -> int:
    """The 32 bits that reports carry of an NTP time."""
    return ntp >> 16 & 0xFFFFFFFF


def build(ssrc: int, sender: SenderInfo | None, block: Block | None, cname: str, *, bye: bool = False) -> bytes:
    """A compound packet: report, source description, and BYE on leaving. cname: at most 255 bytes."""
    body = b"" if sender is None else _SENDER.pack(sender.ntp, sender.timestamp, sender.packets, sender.octets)
    if block is not None:
        lost = min(max(block.lost, _MIN_LOST), _MAX_LOST) & 0xFFFFFF
        body += _BLOCK.pack(
            block.ssrc, block.fraction << 24 | lost, block.highest & 0xFFFFFFFF, block.jitter, block.last_report, block.delay
        )
    report = RECEIVER_REPORT if sender is None else SENDER_REPORT
    packets = _packet(report, 0 if block is None else 1, ssrc, body)
    name = cname.encode()
    item = bytes((_CNAME, len(name))) + name
    packets += _packet(SOURCE_DESCRIPTION, 1, ssrc, item + bytes(4 - len(item) % 4))
    return packets + _packet(BYE, 1, ssrc, b"") if bye else packets


def parse(data: bytes) -> Report | None:
    """None: this is no RTCP (RFC 3550 A.2)."""
    if not _HEADER.size <= len(data) <= MAX_BYTES:
        return None
    sender: tuple[int, SenderInfo] | None = None
    blocks: list[Block] = []
    goodbyes: list[int] = []
    start = 0
    while start < len(data):
        if len(data) - start < 4:
            return None
        first, kind = data[start], data[start + 1]
        end = start + 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if first >> 6 != 2 or not _FIRST_TYPE <= kind <= _LAST_TYPE or end > len(data) or (first & 0x20 and end < len(data)):
            return None
        count, body = first & 0x1F, data[start + 4 : end]
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            at = 4 + (_SENDER.size if kind == SENDER_REPORT else 0)
            if len(body) < at + count * _BLOCK.size:
                return None
            if kind == SENDER_REPORT:
                sender = int.from_bytes(body[:4], "big"), SenderInfo(*_SENDER.unpack_from(body, 4))
            blocks += [_block(body, at + number * _BLOCK.size) for number in range(count)]
        elif kind == BYE:
            if len(body) < 4 * count:
                return None
            goodbyes += [int.from_bytes(body[4 * number : 4 * number + 4], "big") for number in range(count)]
        start = end
    return Report(sender, tuple(blocks), tuple(goodbyes))


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4 + 1, ssrc) + body


def _block(body: bytes, at: int) -> Block:
    ssrc, losses, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
    lost = losses & 0xFFFFFF
    return Block(ssrc, losses >> 24, lost - (lost >> 23 << 24), highest, jitter, last_report, delay)
