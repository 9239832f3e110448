"""Reports out and in: what a worker tells the far end, what it learns from it, and when it calls a leg bad."""

import asyncio
import socket
from collections.abc import Iterator

import numpy as np
import pytest
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSrPacket
from tests.plugins.ports import rtp_range

from callstream_media_gateway.media import rtcp, wire
from callstream_media_gateway.media.arrivals import Arrivals
from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.jitter import JitterBuffers
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.quality import Figures
from callstream_media_gateway.media.reports import Reporter
from callstream_media_gateway.media.sender import Sender
from callstream_media_gateway.media.sockets import open_pair
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.media.worker_commands import DestroyLeg
from callstream_media_gateway.media.worker_events import LegStats, QualityChanged

from .browsers import rung
from .engine_house import House
from .rig import Rig


class Ear:
    """The far end's RTCP: the port from which it reports is the one that it is reported to."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, 0))
        self.sock.connect(("127.0.0.1", port))

    def say(self, data: bytes) -> None:
        self.sock.send(data)

    async def hear(self) -> list[AnyRtcpPacket]:
        async with asyncio.timeout(15):
            return RtcpPacket.parse(await asyncio.get_running_loop().sock_recv(self.sock, 2048))


@pytest.fixture
def ears() -> Iterator[list[Ear]]:
    ears: list[Ear] = []
    yield ears
    for ear in ears:
        ear.sock.close()


async def test_both_sides_learn_of_jitter_loss_and_round_trip(rig: Rig, ears: list[Ear]) -> None:
    phone = await rig.phone("a", 400)
    await phone.until(lambda phone: phone.packets_out > 30)
    phone.sequence += 5  # lost on the way
    assert phone.send_to is not None
    ears.append(Ear(phone.send_to[1] + 1))
    ears[0].say(bytes(RtcpRrPacket(phone.ssrc, [])))
    report, description = await ears[0].hear()
    assert isinstance(report, RtcpSrPacket)
    assert report.sender_info.octet_count == 160 * report.sender_info.packet_count > 0
    (block,) = report.reports
    assert block.ssrc == phone.ssrc
    assert 5 <= block.packets_lost < 15  # with what a busy machine brought too late to be heard
    assert block.highest_sequence & 0xFFFF == pytest.approx(phone.sequence, abs=50)
    assert description.chunks[0].items[0][0] == 1  # type: ignore[union-attr]
    middle = (report.sender_info.ntp_timestamp >> 16) - 65536 * 15 // 100 & 0xFFFFFFFF  # as if 150 ms had passed already
    told = RtcpReceiverInfo(report.ssrc, 25, 42, 9, 160, middle, 65536 // 20)  # we held it for 50 ms, we say
    ears[0].say(bytes(RtcpRrPacket(phone.ssrc, [told])))
    ticks = (await rig.client.stats()).ticks
    async with asyncio.timeout(5):
        while (await rig.client.stats()).ticks < ticks + 3:
            await asyncio.sleep(0.02)
    await rig.do(DestroyLeg("a"))
    *_, bye = await ears[0].hear()
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [report.ssrc]
    stats = await rig.event(LegStats, leg_id="a")
    assert stats.lost == 5
    assert (stats.remote_lost, stats.remote_jitter_ms) == (42, 20)
    assert 100 <= stats.rtt_ms < 5000
    assert 1 <= stats.mos < 4.4


async def test_a_browser_and_we_report_to_each_other_under_the_seal(rig: Rig) -> None:
    phone = await rig.phone("phone", 400)
    browser, _ = await rung(rig.client, "browser", 1000)
    try:
        await rig.client.bridge("phone", "browser")
        await phone.until_hears(1000, timeout_s=10)
        (sender,) = browser.connection.getSenders()
        async with asyncio.timeout(20):  # until it has our view of its audio, and we its answer to our report
            while True:
                told = [entry for entry in (await sender.getStats()).values() if entry.type == "remote-inbound-rtp"]
                if told and told[0].roundTripTime is not None:
                    break
                await asyncio.sleep(0.1)
        assert told[0].packetsLost == 0
        await asyncio.sleep(2)  # its reports come every second and a half at least
    finally:
        await rig.do(DestroyLeg("browser"))
        await browser.close()
    stats = await rig.event(LegStats, leg_id="browser")
    assert stats.rtt_ms > 0
    assert stats.mos > 3.5
    assert stats.malformed == 0


async def test_reports_on_the_port_of_the_audio_are_taken_too(rig: Rig) -> None:
    phone = await rig.phone("a", 400)
    await phone.until(lambda phone: phone.packets_out > 10)
    phone.send_raw(bytes(RtcpRrPacket(phone.ssrc, [])))
    phone.send_raw(b"\x81\xc9\x00\x01" + bytes(3))  # cut off
    sent = phone.packets_out
    await phone.until(lambda phone: phone.packets_out > sent + 5)
    await rig.do(DestroyLeg("a"))
    assert (await rig.event(LegStats)).malformed == 1


async def test_garbage_and_strangers_are_counted_and_dropped(rig: Rig, ears: list[Ear]) -> None:
    phone = await rig.phone("a", 400)
    await phone.until(lambda phone: phone.packets_out > 10)
    assert phone.send_to is not None
    ears += [Ear(phone.send_to[1] + 1), Ear(phone.send_to[1] + 1, "127.0.0.2")]
    for data in (
        b"",
        b"x",
        b"\x80\x08" + bytes(40),
        b"\xff" * 1400,
        rtcp.build(1, None, None, "x")[:-4] + b"\x00\x00\x00\x01\x00",
    ):
        ears[0].say(data)
    for _ in range(3):
        ears[1].say(rtcp.build(1, None, None, "stranger"))
    async with asyncio.timeout(5):
        while (await rig.client.stats()).malformed_packets < 5 or (await rig.client.stats()).stranger_packets < 3:
            await asyncio.sleep(0.02)
    await rig.do(DestroyLeg("a"))
    stats = await rig.event(LegStats)
    assert (stats.malformed, stats.strangers, stats.rtt_ms) == (5, 3, 0)


# --- quality over time, without waiting for it ----------------------------------------------------------------------


class Line:
    """One leg whose packets come or do not; `seconds` of it pass at once."""

    def __init__(self) -> None:
        self.arrivals, jitter = Arrivals(1), JitterBuffers(1)
        self.sender = Sender(1, lambda _leg, _sent: None)
        low = int(rtp_range().split("-")[0])
        self.leg = Leg("a", "call", 0, open_pair("127.0.0.1", range(low, low + 200, 2)), "PCMA", None, 101, 0, Latch(None))
        self.changes: list[tuple[bool, Figures]] = []
        self.reporter = Reporter(self.arrivals, jitter, self.sender, lambda _, bad, figures: self.changes.append((bad, figures)))
        self.arrivals.reset(0, 0)
        self.arrivals.new_source(0, 7)
        self.sender.reset(0)
        jitter.reset(0)
        self.reporter.add(self.leg)
        self.number = 0

    def seconds(self, seconds: int, lost_percent: int = 0) -> None:
        for _ in range(seconds * 50):
            self.reporter.tick()
            self.number += 1
            if lost_percent == 0 or self.number % (100 // lost_percent):
                timestamp = np.array([self.number * 160 & 0xFFFFFFFF], np.uint32)
                self.arrivals.packet(np.array([0]), np.array([self.number & 0xFFFF]), timestamp, self.number * 20)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.leg.ports.open.close()
    line.leg.ports.rtcp.close()


def test_a_bad_call_is_told_live_and_so_is_its_recovery(line: Line) -> None:
    line.seconds(60)
    assert line.changes == []
    line.seconds(30, lost_percent=10)
    ((bad, figures),) = line.changes
    assert bad
    assert figures.loss == pytest.approx(0.1, abs=0.03)
    assert (figures.mos or 5) < 3.6
    line.seconds(30)
    assert [bad for bad, _ in line.changes] == [True, False]


def test_a_little_loss_is_not_told(line: Line) -> None:
    line.seconds(120, lost_percent=2)
    assert line.changes == []
    figures, _ = line.reporter.whole(line.leg)
    assert figures.loss == pytest.approx(0.02, abs=0.005)
    assert 3.8 < (figures.mos or 0) < 4.4


def test_what_the_peer_does_not_hear_is_bad_too(line: Line) -> None:
    ours = line.sender.ssrc(0)
    line.reporter.take(line.leg, rtcp.build(7, None, rtcp.Block(ours, 64, 100, 1, 0, 0, 0), "x"), None)
    line.seconds(30)
    assert [bad for bad, _ in line.changes] == [True]
    line.reporter.take(line.leg, rtcp.build(7, None, rtcp.Block(ours + 1, 255, 100, 1, 0, 0, 0), "x"), None)  # not about us
    line.reporter.take(line.leg, rtcp.build(7, None, rtcp.Block(ours, 0, 100, 1, 0, 0, 0), "x"), None)
    line.seconds(30)
    assert [bad for bad, _ in line.changes] == [True, False]


def test_sequence_numbers_are_extended_over_their_wrap(line: Line) -> None:
    line.number = 60_000
    line.seconds(200)
    assert int(line.arrivals.highest[0]) == 70_000
    assert line.arrivals.lost(0) == 0


def test_a_round_trip_that_cannot_be_is_not_believed(line: Line) -> None:
    line.reporter.take(line.leg, rtcp.build(7, None, rtcp.Block(line.sender.ssrc(0), 0, 0, 1, 0, 5, 0), "x"), None)
    assert line.reporter.whole(line.leg)[0].rtt_ms is None


def test_the_worker_tells_signalling_what_it_notices() -> None:
    """The same through a whole engine, with real packets and ticks."""
    house = House()
    speech = encode(sines((400,), 160), PCMA).tobytes()
    try:
        for number in range(2500):
            if not 500 < number < 1500 or number % 6:
                house.take(wire.build(PCMA, False, number, number * 160, 7, speech))
            house.ticks(1)
    finally:
        house.close()
    told = [event for event in house.events if isinstance(event, QualityChanged)]
    assert [event.bad for event in told] == [True, False]
    assert told[0].leg_id == "a"
    assert told[0].loss == pytest.approx(1 / 6, abs=0.05)
    assert 1 <= told[0].mos < 3.6
    assert told[1].mos >= 3.8
