"""RTCP packets, held against a foreign implementation, and against garbage."""

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSenderInfo, RtcpSrPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.media import rtcp
from callstream_media_gateway.media.rtcp import Block, SenderInfo

INFO = SenderInfo(0x83AA7E80_40000000, 4_000_000_000, 1234, 197_440)
BLOCK = Block(0xDEADBEEF, 25, 17, 70_000, 40, 0x7E804000, 65536)


def test_a_foreign_reader_understands_our_reports() -> None:
    report, description, bye = RtcpPacket.parse(rtcp.build(77, INFO, BLOCK, "name", bye=True))
    assert isinstance(report, RtcpSrPacket)
    assert report.ssrc == 77
    assert (report.sender_info.ntp_timestamp, report.sender_info.rtp_timestamp) == (INFO.ntp, INFO.timestamp)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (1234, 197_440)
    (block,) = report.reports
    assert (block.ssrc, block.fraction_lost, block.packets_lost, block.highest_sequence) == (0xDEADBEEF, 25, 17, 70_000)
    assert (block.jitter, block.lsr, block.dlsr) == (40, 0x7E804000, 65536)
    assert description.chunks[0].items == [(1, b"name")]  # type: ignore[union-attr]
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [77]


def test_we_understand_a_foreign_writer() -> None:
    told = RtcpReceiverInfo(1, 2, -3, 4, 5, 6, 7)
    sender = RtcpSenderInfo(INFO.ntp, 5, 6, 7)
    data = bytes(RtcpSrPacket(9, sender, [told, told])) + bytes(RtcpRrPacket(9, [told])) + bytes(RtcpByePacket([9, 10]))
    report = rtcp.parse(data)
    assert report is not None
    assert report.sender == (9, SenderInfo(INFO.ntp, 5, 6, 7))
    assert report.blocks == (Block(1, 2, -3, 4, 5, 6, 7),) * 3
    assert report.goodbyes == (9, 10)


@pytest.mark.parametrize("lost", [-(2**23), -1, 0, 2**23 - 1])
def test_losses_are_signed(lost: int) -> None:
    report = rtcp.parse(rtcp.build(1, None, BLOCK._replace(lost=lost), "x"))
    assert report is not None
    assert report.blocks[0].lost == lost


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd"])
def test_descriptions_of_any_length_end_on_a_word(name: str) -> None:
    data = rtcp.build(1, None, None, name)
    assert len(data) % 4 == 0
    assert rtcp.parse(data) is not None
    assert len(RtcpPacket.parse(data)) == 2


GOOD = rtcp.build(77, INFO, BLOCK, "name")
GARBAGE = {
    "nothing": b"",
    "seven bytes": GOOD[:7],
    "version 1": bytes((0x40 | GOOD[0] & 0x3F,)) + GOOD[1:],
    "RTP": b"\x80\x08" + bytes(170),
    "cut off": GOOD[:-2],
    "a length beyond the end": GOOD[:2] + b"\xff\xff" + GOOD[4:],
    "more blocks than there are": bytes((GOOD[0] | 0x1F,)) + GOOD[1:],
    "padding before the end": bytes((GOOD[0] | 0x20,)) + GOOD[1:],
    "BYE of sources that are not there": b"\x9f\xcb\x00\x01" + bytes(4),
    "too long": GOOD * 30,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_none(name: str) -> None:
    assert rtcp.parse(GARBAGE[name]) is None


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=8))
def test_nothing_raises(data: bytes, at: int, patch: bytes) -> None:
    rtcp.parse(data)
    rtcp.parse(GOOD[:at] + patch + GOOD[at + len(patch) :])
    rtcp.parse(b"\x81\xc8" + data)
