"""The media worker process: `python -m callstream_media_gateway.media.worker --socket PATH ...`.

One thread, one loop: while there are legs, sockets are read every 5 ms, every fourth time the tick is run, and commands are
taken after that; without legs it sleeps until a command comes. It outlives the signalling process. SIGTERM drains, SIGINT ends
at once. If the process is killed, signalling sees a new worker_id in the next snapshot and ends the calls that were here.
"""

import argparse
import contextlib
import gc
import logging
import os
import signal
import sys
import time
import uuid
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from callstream_media_gateway.media.arrays import FRAME_MS
from callstream_media_gateway.media.commands import Commands
from callstream_media_gateway.media.control import Control, SocketTakenError
from callstream_media_gateway.media.engine import Engine
from callstream_media_gateway.media.protocol import LegState, RecordingState, Reply, Request, Snapshot
from callstream_media_gateway.media.refused import RefusedError
from callstream_media_gateway.media.worker_commands import Edge
from callstream_media_gateway.media.worker_events import Drained, Draining

log = logging.getLogger(__name__)

READS_PER_TICK = 4
_STEP_NS = FRAME_MS * 1_000_000 // READS_PER_TICK
_CATCH_UP_NS = 3 * FRAME_MS * 1_000_000
"""Up to this much behind, ticks follow one another at once; beyond, frames are skipped and clocks moved on."""


class Worker:
    """Loop and shutdown; `Engine` does the audio, `Commands` what signalling wants, `Control` talks to it."""

    def __init__(
        self, socket_path: Path, host: str, ports: range, recordings: Path, grace_ms: int, announced: str | None = None
    ) -> None:
        """announced: the address that stands in descriptions, when it is not host."""
        self._id = uuid.uuid4().hex
        self._announced = announced or host
        self._grace_ms = grace_ms
        self._terminate = False
        # Before there is a socket: who finds one may send the signal, which would end the process and leave the socket.
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._control = Control(socket_path, self._id, self._answer, self._greet, self._woken)
        self._engine = Engine(host, len(ports), self._control.emit, self._control.wake)
        self._commands = Commands(self._engine, host, ports, recordings, self._control)
        self._draining_since_ns: int | None = None

    def run(self) -> None:
        """Until drained."""
        signal.set_wakeup_fd(self._control.wake_fd, warn_on_full_buffer=False)
        self._woken()  # for a signal that came earlier
        # Audio that is late is lost; everything else on this machine can wait the few milliseconds of a tick.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)
        # Collections of the oldest generation take milliseconds, and what the tick makes has no cycles.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(0.0005)
        try:
            while not self._drained():
                if self._engine.legs:
                    self._run_ticks()
                else:
                    self._control.poll(0.05 if self._draining_since_ns is not None else None)
        finally:
            self._finish()

    def _run_ticks(self) -> None:
        """Until there are no legs. Due times are multiples of the step from the beginning: the schedule does not
        drift. Between them nothing wakes the process: what comes meanwhile can wait for some milliseconds.
        """
        engine, control = self._engine, self._control
        due_ns = time.monotonic_ns() + _STEP_NS
        steps = 0
        while engine.legs and not self._drained():
            rest_ns = due_ns - time.monotonic_ns()
            if rest_ns > 0:
                time.sleep(rest_ns / 1e9)
            now_ns = time.monotonic_ns()
            behind_ns = now_ns - due_ns
            if behind_ns > _CATCH_UP_NS:
                frames = behind_ns // (FRAME_MS * 1_000_000)
                engine.skip(frames)
                due_ns += frames * FRAME_MS * 1_000_000
            engine.read(now_ns // 1_000_000)
            steps += 1
            if steps % READS_PER_TICK == 0:
                engine.tick(due_ns)
            control.poll(0)
            due_ns += _STEP_NS

    def _answer(self, request: Request) -> Reply | None:
        try:
            value = self._commands.apply(request.command)
            reply = None if value is None else Reply(request.request_id, value=value)
        except RefusedError as refused:
            reply = Reply(request.request_id, refused.refusal, str(refused))
        except Exception as error:
            log.exception("command failed: %r", request.command)
            reply = Reply(request.request_id, "internal", f"{type(error).__name__}: {error}")
        self._begin_drain()
        return reply

    def _on_sigterm(self, _signal: int, _frame: object) -> None:
        self._terminate = True

    def _woken(self) -> None:
        self._engine.collect()
        if self._terminate and not self._commands.draining:
            self._commands.draining, self._commands.grace_ms = True, self._grace_ms
        self._begin_drain()

    def _begin_drain(self) -> None:
        if self._commands.draining and self._draining_since_ns is None:
            self._draining_since_ns = time.monotonic_ns()
            self._control.emit(Draining(legs=len(self._engine.legs)))

    def _drained(self) -> bool:
        if self._draining_since_ns is None:
            return False
        if not self._engine.legs and self._engine.recorder.idle:
            return True
        grace_ms = self._commands.grace_ms
        return bool(grace_ms) and time.monotonic_ns() - self._draining_since_ns > grace_ms * 1_000_000

    def _finish(self) -> None:
        """Complete the recordings, say good-bye."""
        engine = self._engine
        cut_off = list(engine.legs)
        for leg_id in cut_off:
            self._commands.destroy_leg(leg_id)
        for recording_id in list(engine.recorder.running):
            engine.recorder.stop(recording_id)
        patience_ns = time.monotonic_ns() + 5_000_000_000
        while not engine.recorder.idle and time.monotonic_ns() < patience_ns:
            self._control.poll(0.02)
        self._control.emit(Drained(legs=len(cut_off)))
        self._control.close()

    def _greet(self) -> Snapshot:
        self._commands.ports.release()  # the former master knows of them, and nobody else
        engine = self._engine
        legs = []
        for leg in engine.legs.values():
            playing = engine.player.of(leg)
            legs.append(
                LegState(
                    leg_id=leg.leg_id,
                    call_id=leg.call_id,
                    rtp_port=leg.ports.port,
                    codec=leg.codec,
                    remote=leg.remote,
                    latched=leg.latched,
                    play_id=playing.play_id if playing else None,
                    sending=leg.sending,
                    ice=leg.secure.login if leg.secure else None,
                    peer=leg.secure.peer if leg.secure else None,
                    secured=leg.secure.ready if leg.secure else False,
                )
            )
        return Snapshot(
            worker_id=self._id,
            rtp_host=self._announced,
            draining=self._commands.draining,
            fingerprint=self._commands.identity.fingerprint,
            legs=tuple(legs),
            edges=tuple(Edge(to.leg_id, source.leg_id, gain) for to, source, gain in engine.matrix.entries()),
            recordings=tuple(
                RecordingState(
                    recording_id=r.recording_id,
                    call_id=r.call_id,
                    left_leg=r.left.leg_id,
                    right_leg=r.right.leg_id if r.right else None,
                    path=str(r.path),
                    paused=r.paused,
                )
                for r in engine.recorder.running.values()
            ),
        )


def parse_ports(text: str) -> range:
    """ "LO-HI" -> even ports whose odd neighbour is within the range too."""
    low, _, high = text.partition("-")
    if not (low.isdecimal() and high.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not LO-HI")
    ports = range(int(low) + int(low) % 2, int(high), 2)
    if not ports or int(low) < 1024 or int(high) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: no pair of ports within 1024-65535")
    return ports


def parse_host(text: str) -> str:
    """An IPv4 address that peers can send to."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IPv4 address") from None
    if address.is_unspecified or address.is_multicast:
        raise argparse.ArgumentTypeError(f"{text!r}: nobody can send there")
    return str(address)


def main() -> None:
    parser = argparse.ArgumentParser(description="Media worker: RTP, mixing, prompts, recording")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket for signalling")
    parser.add_argument("--rtp-host", default="127.0.0.1", help="IPv4 address of the RTP sockets")
    parser.add_argument("--announced-host", type=parse_host, help="IPv4 address under which peers reach --rtp-host, if another")
    parser.add_argument("--rtp-ports", type=parse_ports, required=True, metavar="LO-HI")
    parser.add_argument("--recordings", type=Path, required=True, help="directory of the recordings")
    parser.add_argument("--grace-s", type=float, default=60.0, help="after SIGTERM, 0: until the last call ends")
    args = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        grace_ms = int(args.grace_s * 1000)
        worker = Worker(args.socket, args.rtp_host, args.rtp_ports, args.recordings, grace_ms, args.announced_host)
    except SocketTakenError as error:
        sys.exit(str(error))
    worker.run()


if __name__ == "__main__":
    main()
