"""What each command does to the engine. All are idempotent; a refused one changes nothing."""

import heapq
import os
import resource
import time
from pathlib import Path

from callstream_media_gateway.media.control import Control
from callstream_media_gateway.media.dtls import Identity
from callstream_media_gateway.media.engine import Engine
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.player import MAX_ITEM_MS, Playing
from callstream_media_gateway.media.ports import Ports
from callstream_media_gateway.media.protocol import LegCreated, PortsReserved, WorkerStats
from callstream_media_gateway.media.refused import RefusedError
from callstream_media_gateway.media.secure import SecureWire, unusable
from callstream_media_gateway.media.sockets import NoPortsError
from callstream_media_gateway.media.speech_commands import check_formats, send_digits, set_formats
from callstream_media_gateway.media.worker_commands import (
    Address,
    AnyCommand,
    Connect,
    CreateLeg,
    DestroyLeg,
    Disconnect,
    Drain,
    File,
    Mask,
    PauseRecording,
    Play,
    ReservePorts,
    ResumeRecording,
    SendDigits,
    StartRecording,
    Stats,
    StopPlay,
    StopRecording,
    UpdateLeg,
)
from callstream_media_gateway.media.worker_events import LegStats


class Commands:
    """ports: even RTP ports of this worker; recordings: directory below which recordings are written."""

    def __init__(self, engine: Engine, host: str, ports: range, recordings: Path, control: Control) -> None:
        self.draining = False
        self.grace_ms = 0
        self._engine = engine
        self.ports = Ports(host, ports)
        self._recordings = recordings.resolve()
        self._free_slots = list(range(len(ports)))
        self._control = control
        self.identity = Identity()

    def apply(self, command: AnyCommand) -> LegCreated | PortsReserved | WorkerStats | None:
        """Raises `RefusedError`."""
        match command:
            case CreateLeg():
                return self._create_leg(command)
            case ReservePorts():
                return PortsReserved(() if self.draining else self.ports.reserve(command.count))
            case UpdateLeg():
                self._update_leg(command)
            case DestroyLeg():
                self.destroy_leg(command.leg_id)
            case Play():
                self._play(command)
            case StopPlay():
                self._engine.player.stop(command.play_id)
            case SendDigits():
                send_digits(self._leg(command.leg_id, "leg_id"), command)
                self._engine.changed = True
            case Mask():
                self._leg(command.leg_id, "leg_id").masked = command.on
                self._engine.changed = True
            case Connect():
                self._connect(command)
            case Disconnect():
                self._disconnect(command)
            case StartRecording():
                self._start_recording(command)
            case StopRecording():
                self._engine.recorder.stop(command.recording_id)
                self._engine.changed = True
            case PauseRecording() | ResumeRecording():
                self._engine.recorder.pause(command.recording_id, isinstance(command, PauseRecording))
            case Stats():
                return self._stats()
            case Drain():
                self.draining, self.grace_ms = True, command.grace_ms
        return None

    def _leg(self, leg_id: str, field: str) -> Leg:
        leg = self._engine.legs.get(leg_id)
        if leg is None:
            raise RefusedError("unknown-leg", f"{field}: no leg {leg_id!r}")
        return leg

    def _create_leg(self, command: CreateLeg) -> LegCreated | None:
        known = self._engine.legs.get(command.leg_id)
        if known is not None:
            if command.port not in (None, known.ports.port):
                raise RefusedError("bad-argument", f"port: the leg has {known.ports.port}")
            return LegCreated(known.ports.port) if command.port is None else None
        if self.draining:
            raise RefusedError("draining", "leg_id: this worker takes no new legs")
        _check_address(command.remote)
        check_formats(command)
        _check_secure(command, command.ice is not None)
        if not self._free_slots:
            raise RefusedError("no-ports", "leg_id: as many legs as this worker can hold")
        try:
            pair = self.ports.take(command.port)
        except NoPortsError as error:
            raise RefusedError("no-ports", f"leg_id: {error}") from None
        now_ms = _now_ms()
        leg = Leg(
            command.leg_id,
            command.call_id,
            heapq.heappop(self._free_slots),
            pair,
            command.codec,
            command.remote,
            command.event_pt_in,
            now_ms,
            Latch(command.remote),
            rtp_timeout_ms=command.rtp_timeout_ms,
            timeout_from_ms=now_ms,
        )
        engine = self._engine
        set_formats(leg, command)
        engine.jitter.reset(leg.slot)
        engine.arrivals.reset(leg.slot, now_ms)
        engine.sender.reset(leg.slot)
        if command.ice is not None:
            leg.secure = SecureWire(self.identity, command.ice)
        engine.receiver.add(leg)
        engine.reporter.add(leg)
        if leg.secure is not None and command.peer is not None:
            leg.secure.meet(command.peer)
        engine.legs[leg.leg_id] = leg
        engine.changed = True
        return LegCreated(pair.port) if command.port is None else None

    def _update_leg(self, command: UpdateLeg) -> None:
        leg = self._leg(command.leg_id, "leg_id")
        _check_address(command.remote)
        check_formats(command)
        _check_secure(command, leg.secure is not None)
        if leg.secure is not None:
            if command.ice is not None:
                leg.secure.login = command.ice
            if command.peer is not None:
                leg.secure.meet(command.peer)
        set_formats(leg, command)
        self._engine.receiver.coded.unlearn(leg)
        if command.sending is not None:
            leg.sending = command.sending
        if command.rtp_timeout_ms is not None:
            leg.rtp_timeout_ms, leg.timeout_from_ms, leg.timeout_told = command.rtp_timeout_ms, _now_ms(), False
        if command.remote is not None and command.remote != leg.remote:
            leg.remote = command.remote
            if leg.latched != command.remote:
                self._engine.receiver.unlatch(leg)
        self._engine.changed = True

    def destroy_leg(self, leg_id: str) -> None:
        engine = self._engine
        leg = engine.legs.pop(leg_id, None)
        if leg is None:
            return
        engine.player.end(leg, "stopped")
        engine.stop_keys(leg)
        engine.matrix.remove(leg)
        figures, remote_lost = engine.reporter.whole(leg)
        engine.reporter.remove(leg)
        engine.receiver.remove(leg)
        engine.changed = True
        engine.emit(
            LegStats(
                leg_id=leg.leg_id,
                call_id=leg.call_id,
                packets_in=int(engine.arrivals.packets[leg.slot]),
                packets_out=int(engine.sender.packets[leg.slot]),
                lost=engine.arrivals.lost(leg.slot),
                late=int(engine.jitter.late[leg.slot]),
                duplicates=int(engine.arrivals.duplicates[leg.slot]),
                strangers=leg.strangers,
                malformed=leg.malformed,
                resyncs=int(engine.jitter.resyncs[leg.slot]),
                jitter_ms=engine.arrivals.jitter_ms(leg.slot),
                duration_ms=_now_ms() - leg.created_ms,
                rtt_ms=figures.rtt_ms or 0.0,
                remote_lost=remote_lost,
                remote_jitter_ms=round(figures.remote_jitter_ms, 2),
                mos=figures.mos or 0.0,
                unauthentic=leg.secure.refused if leg.secure is not None else 0,
            )
        )
        heapq.heappush(self._free_slots, leg.slot)
        of_call = [r.recording_id for r in engine.recorder.running.values() if r.call_id == leg.call_id]
        if of_call and not any(other.call_id == leg.call_id for other in engine.legs.values()):
            for recording_id in of_call:
                engine.recorder.stop(recording_id)

    def _play(self, command: Play) -> None:
        leg = self._leg(command.leg_id, "leg_id")
        if not command.items:
            raise RefusedError("bad-argument", "items: empty")
        if command.repeat < 0:
            raise RefusedError("bad-argument", f"repeat: {command.repeat} is negative")
        for number, item in enumerate(command.items):
            if not isinstance(item, File) and not 0 <= item.ms <= MAX_ITEM_MS:
                raise RefusedError("bad-argument", f"items[{number}].ms: {item.ms} is not within 0..{MAX_ITEM_MS}")
        self._engine.player.start(
            Playing(leg, command.play_id, command.items, command.repeat, command.interruptible, command.over)
        )

    def _connect(self, command: Connect) -> None:
        edges = [
            (self._leg(edge.listener, "edges.listener"), self._leg(edge.source, "edges.source"), edge.gain)
            for edge in command.edges
        ]
        for _, _, gain in edges:
            if not 0 <= gain <= 16:
                raise RefusedError("bad-argument", f"edges.gain: {gain} is not within 0..16")
        for listener, source, gain in edges:
            self._engine.matrix.set(listener, source, gain)
        self._engine.changed = True

    def _disconnect(self, command: Disconnect) -> None:
        legs = self._engine.legs
        for edge in command.edges:
            if edge.listener in legs and edge.source in legs:
                self._engine.matrix.clear(legs[edge.listener], legs[edge.source])
        self._engine.changed = True

    def _start_recording(self, command: StartRecording) -> None:
        recorder = self._engine.recorder
        if command.recording_id in recorder.running:
            return
        left = self._leg(command.left_leg, "left_leg")
        right = None if command.right_leg is None else self._leg(command.right_leg, "right_leg")
        path = (self._recordings / command.path).resolve()
        if not path.is_relative_to(self._recordings) or path == self._recordings:
            raise RefusedError("bad-argument", f"path: {command.path!r} leads out of the recordings directory")
        if path.exists():
            raise RefusedError("bad-argument", f"path: {command.path!r} exists")
        recorder.start(command.recording_id, command.call_id, left, right, path, command.quiet_s)
        self._engine.changed = True

    def _stats(self) -> WorkerStats:
        engine = self._engine
        usage = resource.getrusage(resource.RUSAGE_SELF)
        times = sorted(engine.tick_ms) or [0.0]
        return WorkerStats(
            legs=len(engine.legs),
            spare_ports=self.ports.spare,
            plays=len(engine.player),
            recordings=len(engine.recorder.running),
            ticks=engine.ticks,
            late_frames=engine.late_frames,
            packets_in=engine.receiver.packets,
            packets_out=engine.sender.total,
            stranger_packets=engine.receiver.strangers,
            malformed_packets=engine.receiver.malformed,
            send_errors=engine.sender.errors,
            events_kept=self._control.kept,
            events_dropped=self._control.dropped,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            rss_bytes=_rss_bytes(),
            tick_ms_p50=times[len(times) // 2],
            tick_ms_p99=times[len(times) * 99 // 100],
            draining=self.draining,
        )


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _check_address(address: Address | None) -> None:
    if address is None:
        return
    host, port = address
    parts = host.split(".")
    if len(parts) != 4 or not all(part.isdigit() and int(part) < 256 for part in parts):
        raise RefusedError("bad-argument", f"remote: {host!r} is not an IPv4 address")
    if not 0 < port < 65536:
        raise RefusedError("bad-argument", f"remote: port {port}")


def _check_secure(command: CreateLeg | UpdateLeg, is_browser: bool) -> None:
    if is_browser:
        wrong = unusable(command.ice, command.peer)
        if command.remote is not None:
            wrong = "remote: ICE finds where a browser is"
    else:
        wrong = "ice, peer: this leg is none of a browser" if command.ice or command.peer else ""
    if wrong:
        raise RefusedError("bad-argument", wrong)
