"""RTCP of all legs: our reports every 5 s or so, what the peers report, and the quality that follows from both.

Reports go to the port beside the peer's RTP (or where its own come from), on a browser leg through its one port. A peer
without RTCP costs nothing but the round trip and its side of the losses.
"""

import heapq
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from callstream_media_gateway.media import rtcp
from callstream_media_gateway.media.arrays import FRAME, FRAME_MS
from callstream_media_gateway.media.arrivals import Arrivals
from callstream_media_gateway.media.encoders import CLOCK_STEP
from callstream_media_gateway.media.jitter import JitterBuffers
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.quality import Figures, QualityWatch
from callstream_media_gateway.media.sender import Sender
from callstream_media_gateway.media.worker_commands import Address

_INTERVAL_TICKS = 5000 // FRAME_MS
"""RFC 3550 §6.2: five seconds, and each time another half to one and a half of it, so that nobody falls into step."""
_NTP_UNIX_S = 2_208_988_800
_BEGAN_NTP = ((time.time_ns() << 32) // 1_000_000_000 + (_NTP_UNIX_S << 32)) - (time.monotonic_ns() << 32) // 1_000_000_000
_MAX_RTT_MS = 10_000


@dataclass(eq=False)
class _Talk:
    """What one leg's reports have told. The counts `at_*` are those of the last window's end, `told_*` of our last report."""

    cname: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    watch: QualityWatch = field(default_factory=QualityWatch)
    last_report: int = 0
    report_came_ns: int = 0
    comes_from: Address | None = None
    rtt_ms: float | None = None
    remote_lost: int = 0
    remote_loss: float | None = None
    remote_jitter_ms: float = 0.0
    at_expected: int = 0
    at_unheard: int = 0
    told_expected: int = 0
    told_lost: int = 0
    told_packets: int = 0


class Reporter:
    """on_changed(leg, bad, figures): a leg begins or ceases to sound bad."""

    def __init__(
        self,
        arrivals: Arrivals,
        jitter: JitterBuffers,
        sender: Sender,
        on_changed: Callable[[Leg, bool, Figures], None],
    ) -> None:
        self._arrivals, self._jitter, self._sender, self._on_changed = arrivals, jitter, sender, on_changed
        self._talks: dict[Leg, _Talk] = {}
        self._due: list[tuple[int, int, Leg]] = []
        self._tick = self._number = 0

    def add(self, leg: Leg) -> None:
        """The first report comes after half the time (§6.2)."""
        self._talks[leg] = _Talk()
        self._schedule(leg, _INTERVAL_TICKS // 2)

    def remove(self, leg: Leg) -> None:
        """Say good-bye. Call it while the leg's sockets are open."""
        talk = self._talks.pop(leg)
        if self._sender.packets[leg.slot]:
            self._send(leg, talk, bye=True)

    def tick(self) -> None:
        """Send the reports that are due."""
        self._tick += 1
        while self._due and self._due[0][0] <= self._tick:
            leg = heapq.heappop(self._due)[2]
            talk = self._talks.get(leg)
            if talk is None:
                continue
            self._look(leg, talk)
            self._send(leg, talk)
            self._schedule(leg, _INTERVAL_TICKS)

    def take(self, leg: Leg, data: bytes, source: Address | None) -> bool:
        """A datagram of the leg's peer. source: where it came from when not through the RTP port. False: it is no RTCP."""
        report = rtcp.parse(data)
        talk = self._talks.get(leg)
        if report is None or talk is None:
            return report is not None
        if source is not None:
            talk.comes_from = source
        now_ns = time.monotonic_ns()
        if report.sender is not None:
            talk.last_report, talk.report_came_ns = rtcp.middle(report.sender[1].ntp), now_ns
        for block in report.blocks:
            if block.ssrc == self._sender.ssrc(leg.slot):
                self._reported(leg, talk, block, now_ns)
        return True

    def whole(self, leg: Leg) -> tuple[Figures, int]:
        """Of the leg's whole life, and how many packets its peer has missed."""
        talk = self._talks[leg]
        expected, lost = int(self._arrivals.expected[leg.slot]), self._unheard(leg)
        sent = int(self._sender.packets[leg.slot])
        share = None if talk.remote_loss is None else min(1.0, max(0, talk.remote_lost) / max(1, sent))
        return self._figures(leg, talk, expected, lost, share), max(0, talk.remote_lost)

    # --- what peers say ---------------------------------------------------------------------------------------------

    def _reported(self, leg: Leg, talk: _Talk, block: rtcp.Block, now_ns: int) -> None:
        talk.remote_lost, talk.remote_loss = block.lost, block.fraction / 256
        talk.remote_jitter_ms = block.jitter * FRAME_MS / CLOCK_STEP[leg.codec]
        if block.last_report:
            trip = (rtcp.middle(_ntp(now_ns)) - block.last_report - block.delay) & 0xFFFFFFFF
            trip_ms = trip * 1000 / 65536
            if trip_ms <= _MAX_RTT_MS:  # else the peer's sum is wrong, or negative for the coarseness of its clock
                talk.rtt_ms = round(trip_ms, 1)

    # --- windows ----------------------------------------------------------------------------------------------------

    def _look(self, leg: Leg, talk: _Talk) -> None:
        expected, unheard = int(self._arrivals.expected[leg.slot]), self._unheard(leg)
        figures = self._figures(leg, talk, expected - talk.at_expected, unheard - talk.at_unheard, talk.remote_loss)
        talk.at_expected, talk.at_unheard = expected, unheard
        if talk.watch.window(figures.mos):
            self._on_changed(leg, talk.watch.bad, figures)

    def _figures(self, leg: Leg, talk: _Talk, expected: int, lost: int, remote_loss: float | None) -> Figures:
        return Figures(
            leg.codec,
            expected,
            lost,
            self._arrivals.jitter_ms(leg.slot),
            float(self._jitter.target[leg.slot]) * FRAME_MS,
            talk.rtt_ms,
            remote_loss,
            talk.remote_jitter_ms,
        )

    def _unheard(self, leg: Leg) -> int:
        return self._arrivals.lost(leg.slot) + int(self._jitter.late[leg.slot])

    # --- what we say ------------------------------------------------------------------------------------------------

    def _schedule(self, leg: Leg, ticks: int) -> None:
        self._number += 1
        at = self._tick + round(ticks * random.uniform(0.5, 1.5))
        heapq.heappush(self._due, (at, self._number, leg))

    def _send(self, leg: Leg, talk: _Talk, *, bye: bool = False) -> None:
        now_ns = time.monotonic_ns()
        packets = int(self._sender.packets[leg.slot])
        info = None
        if packets != talk.told_packets:
            clock = self._sender.timestamp(leg.slot)
            info = rtcp.SenderInfo(_ntp(now_ns), clock, packets & 0xFFFFFFFF, int(self._sender.octets[leg.slot]) & 0xFFFFFFFF)
        talk.told_packets = packets
        block = self._block(leg, talk, now_ns)
        data = rtcp.build(self._sender.ssrc(leg.slot), info, block, talk.cname, bye=bye)
        if info is None and block is None and not bye:
            return
        try:
            if leg.secure is not None:
                leg.secure.send_rtcp(data)
            else:
                self._send_beside(leg, talk, data)
        except OSError:  # nobody listens there: many phones have no RTCP
            self._sender.errors += 1

    def _send_beside(self, leg: Leg, talk: _Talk, data: bytes) -> None:
        audio, seen = leg.latched or leg.remote, talk.comes_from
        if audio is not None:  # the peer may have moved since its last report
            leg.ports.rtcp.sendto(data, seen if seen and seen[0] == audio[0] else (audio[0], min(audio[1] + 1, 65535)))

    def _block(self, leg: Leg, talk: _Talk, now_ns: int) -> rtcp.Block | None:
        slot, arrivals = leg.slot, self._arrivals
        expected, lost = int(arrivals.expected[slot]), arrivals.lost(slot)
        new, missed = expected - talk.told_expected, lost - talk.told_lost
        talk.told_expected, talk.told_lost = expected, lost
        if new <= 0:
            return None
        delay = (now_ns - talk.report_came_ns) * 65536 // 1_000_000_000 if talk.last_report else 0
        units = CLOCK_STEP[leg.codec] // FRAME  # the peer is taken to speak what it is spoken to
        return rtcp.Block(
            int(arrivals.ssrc[slot]),
            min(255, max(0, missed) * 256 // new),
            lost,
            int(arrivals.highest[slot]),
            int(arrivals.jitter[slot]) * units,
            talk.last_report,
            min(delay, 0xFFFFFFFF),
        )


def _ntp(now_ns: int) -> int:
    """Monotonic nanoseconds as NTP time: a clock that is set does not disturb round trips."""
    return _BEGAN_NTP + (now_ns << 32) // 1_000_000_000
