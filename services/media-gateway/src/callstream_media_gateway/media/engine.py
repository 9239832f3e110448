"""The tick: every 20 ms each leg's frame is taken, mixed, recorded and sent, for all legs at once."""

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, FRAME_MS, I16, I64
from callstream_media_gateway.media.arrivals import Arrivals
from callstream_media_gateway.media.comfort import comfort_noise
from callstream_media_gateway.media.dtmf import Key
from callstream_media_gateway.media.g711 import DECODE, PCMA, PCMU
from callstream_media_gateway.media.jitter import NOISE, WINDOW_TICKS, JitterBuffers
from callstream_media_gateway.media.keys_out import SentDigits
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.library import Library
from callstream_media_gateway.media.mixer import Matrix
from callstream_media_gateway.media.player import Player, Playing
from callstream_media_gateway.media.quality import Figures
from callstream_media_gateway.media.receiver import Receiver
from callstream_media_gateway.media.recorder import Recorder
from callstream_media_gateway.media.reports import Reporter
from callstream_media_gateway.media.secure import CONSENT_MS, SecureWire
from callstream_media_gateway.media.sender import Sender
from callstream_media_gateway.media.worker_events import (
    AnyEvent,
    Digit,
    DigitsSent,
    FirstRtp,
    PlayEnd,
    PlayFinished,
    QualityChanged,
    RecordingQuiet,
    RecordingStopped,
    RtpTimeout,
    SecurityFailed,
)


class Engine:
    """All legs of this worker. `emit` takes its events; `wake` is called from threads that have something for
    `collect`.

    capacity: most legs at a time; memory is touched only for those that exist.
    """

    def __init__(self, host: str, capacity: int, emit: Callable[[AnyEvent], None], wake: Callable[[], None]) -> None:
        self.legs: dict[str, Leg] = {}
        self.ticks = 0
        self.late_frames = 0
        self.tick_ms: deque[float] = deque(maxlen=1000)
        self.jitter = JitterBuffers(capacity)
        self.arrivals = Arrivals(capacity)
        self.receiver = Receiver(host, self.jitter, self.arrivals, self._latched, self._pressed, self._key)
        self.matrix = Matrix()
        self.library = Library(wake)
        self.player = Player(self.library, self._play_finished)
        self.recorder = Recorder(wake)
        self.sender = Sender(capacity, self._keys_sent)
        self.reporter = Reporter(self.arrivals, self.jitter, self.sender, self._quality_changed)
        self.receiver.on_rtcp = self.reporter.take
        self.changed = True
        """Set whenever legs, latches, codecs, matrix or recordings change: rows are laid out anew before the next
        tick.
        """
        self.emit = emit
        self._row_of: dict[Leg, int] = {}
        self._slots: I64 = np.zeros(0, np.int64)
        self._masked: list[int] = []

    # --- time -------------------------------------------------------------------------------------------------------

    def read(self, now_ms: int) -> None:
        """Take what has arrived; several times per tick, so that arrival times are known to some milliseconds."""
        self.receiver.read(now_ms)

    def tick(self, due_ns: int) -> None:
        """Send each leg the frame that was due at due_ns (monotonic)."""
        begun_ns = time.monotonic_ns()
        if self.changed:
            self._lay_out()
        said = self._said()
        heard = self.matrix.mix(said)
        self.player.render(heard, self._row_of)
        self.recorder.take(said, heard)
        if self.recorder.quiet:
            self._fell_quiet()
        self.sender.send(heard[:-1])
        self.receiver.rtcp.read()
        self.reporter.tick()
        self.ticks += 1
        if self.ticks % WINDOW_TICKS == 0:
            self.jitter.adapt(self._slots)
            self._check_timeouts(due_ns // 1_000_000)
        done_ns = time.monotonic_ns()
        self.tick_ms.append((done_ns - begun_ns) / 1e6)
        if done_ns - due_ns > FRAME_MS * 1_000_000:
            self.late_frames += len(self._slots)

    def skip(self, frames: int) -> None:
        """The process was stopped for so long that these frames are past: all clocks move on without them."""
        self.late_frames += frames * len(self._slots)
        self.jitter.skip(self._slots, frames)
        self.sender.skip(frames)
        self.recorder.skip(frames)

    def collect(self) -> None:
        """Results of the loader and writer threads."""
        self.player.loaded(self.library.finished())
        for written in self.recorder.finished():
            done = written.recording
            self.emit(
                RecordingStopped(
                    recording_id=done.recording_id,
                    call_id=done.call_id,
                    path=str(done.path),
                    duration_ms=written.duration_ms,
                    size_bytes=written.size_bytes,
                    error=written.error,
                )
            )

    def _lay_out(self) -> None:
        legs = list(self.legs.values())
        for leg in legs:
            if leg.keys.busy and not leg.sending:
                self.stop_keys(leg)
        self._row_of = {leg: row for row, leg in enumerate(legs)}
        self._slots = np.array([leg.slot for leg in legs], np.int64)
        self.matrix.compile(self._row_of)
        self.recorder.compile(self._row_of)
        self.sender.compile(legs)
        self._masked = [row for row, leg in enumerate(legs) if leg.masked]
        self.changed = False

    def _said(self) -> I16:
        """What each leg says: (n + 1, FRAME), the last row is silence."""
        count = len(self._slots)
        codes, laws = self.jitter.pull(self._slots)
        said = np.zeros((count + 1, FRAME), np.int16)
        DECODE[PCMA].take(codes, out=said[:count])
        other = np.flatnonzero(laws == PCMU)
        if len(other):
            said[other] = DECODE[PCMU][codes[other]]
        if self.jitter.noisy:
            for row in np.flatnonzero(laws == NOISE).tolist():
                said[row] = comfort_noise(int(codes[row, 0]))
        for leg, speech in self.receiver.coded.speech.items():
            frame = speech.frame()
            if frame is not None:
                said[self._row_of[leg]] = frame
        said[self._masked] = 0
        return said

    def _check_timeouts(self, now_ms: int) -> None:
        for leg in self.legs.values():
            if leg.secure is not None:
                self._keep_up(leg, leg.secure, now_ms)
            if not leg.rtp_timeout_ms:
                continue
            silent = now_ms - max(leg.timeout_from_ms, int(self.arrivals.last_ms[leg.slot]))
            if silent < leg.rtp_timeout_ms:
                leg.timeout_told = False
            elif not leg.timeout_told:
                leg.timeout_told = True
                self.emit(RtpTimeout(leg_id=leg.leg_id, call_id=leg.call_id, silent_ms=silent))

    def _keep_up(self, leg: Leg, secure: SecureWire, now_ms: int) -> None:
        secure.repeat()
        if secure.failed and not leg.failure_told:
            leg.failure_told = True
            self.emit(SecurityFailed(leg_id=leg.leg_id, call_id=leg.call_id, detail=secure.failed))
        if leg.latched is not None and secure.consent_lost(now_ms):
            self.receiver.unlatch(leg)
            self.changed = True
            if not leg.timeout_told:
                leg.timeout_told = True
                self.emit(RtpTimeout(leg_id=leg.leg_id, call_id=leg.call_id, silent_ms=CONSENT_MS))

    # --- what the parts tell ----------------------------------------------------------------------------------------

    def _fell_quiet(self) -> None:
        for recording in self.recorder.quiet:
            self.emit(RecordingQuiet(recording_id=recording.recording_id, call_id=recording.call_id))
        self.recorder.quiet.clear()

    def _latched(self, leg: Leg) -> None:
        self.changed = True
        if not leg.first_rtp_told and leg.latched is not None:
            leg.first_rtp_told = True
            self.emit(FirstRtp(leg_id=leg.leg_id, call_id=leg.call_id, source=leg.latched))

    def _pressed(self, leg: Leg) -> None:
        self.player.interrupt(leg)

    def _key(self, leg: Leg, key: Key) -> None:
        self.emit(Digit(leg_id=leg.leg_id, call_id=leg.call_id, digit=key.digit, duration_ms=key.duration_ms))

    def stop_keys(self, leg: Leg) -> None:
        """Nothing more can be sent to the leg."""
        for sent in leg.keys.stop():
            self._keys_sent(leg, sent)

    def _keys_sent(self, leg: Leg, sent: SentDigits) -> None:
        self.changed = True
        self.emit(DigitsSent(leg_id=leg.leg_id, send_id=sent.send_id, count=sent.keys))

    def _quality_changed(self, leg: Leg, bad: bool, figures: Figures) -> None:
        self.emit(
            QualityChanged(
                leg_id=leg.leg_id,
                call_id=leg.call_id,
                bad=bad,
                mos=figures.mos or 0.0,
                loss=round(max(figures.loss, figures.remote_loss or 0.0), 4),
                jitter_ms=max(figures.jitter_ms, round(figures.remote_jitter_ms, 2)),
                rtt_ms=figures.rtt_ms or 0.0,
            )
        )

    def _play_finished(self, playing: Playing, reason: PlayEnd, detail: str) -> None:
        self.emit(
            PlayFinished(
                leg_id=playing.leg.leg_id,
                play_id=playing.play_id,
                reason=reason,
                played_ms=playing.played // (FRAME // FRAME_MS),
                detail=detail,
            )
        )
