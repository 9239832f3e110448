"""What the media worker reports, and what its (re)appearance means for the calls."""

import asyncio

import structlog

from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.app.finish_recording import FinishRecording
from callstream_media_gateway.app.perform import Performer
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.media import protocol, worker_commands, worker_events

log = structlog.get_logger(__name__)


class OnMediaEvent:
    """Give `event` and `snapshot` to the MediaClient."""

    def __init__(self, switchboard: Switchboard, performer: Performer, finish: FinishRecording, media: MediaSide) -> None:
        self._switchboard, self._performer, self._finish, self._media = switchboard, performer, finish, media
        self._worker_id = ""
        self._leftover: set[str] = set()
        self.leftovers_closed = asyncio.Event()
        """Set while the worker writes no recording of a former signalling process."""

    def event(self, event: worker_events.AnyEvent) -> None:
        """An event of a leg that nobody holds any more is only acknowledged."""
        match event:
            case worker_events.LegStats():
                for why in ("strangers", "malformed", "unauthentic"):
                    metrics.media_refused.labels(why).inc(getattr(event, why))
                live = self._switchboard.by_leg.get(event.leg_id)
                if live is not None:
                    figures = inputs.LegFigures(
                        packets_received=event.packets_in,
                        packets_lost=event.lost,
                        jitter_ms=event.jitter_ms,
                        rtt_ms=event.rtt_ms,
                        remote_lost=event.remote_lost,
                        remote_jitter_ms=event.remote_jitter_ms,
                        mos=event.mos,
                    )
                    if event.leg_id in live.closing:
                        self._performer.leg_closed(live, event.leg_id, figures)
            case worker_events.PlayFinished():
                self._feed(event.leg_id, inputs.PlayEnded(play_id=event.play_id, how=event.reason, message=event.detail))
            case worker_events.Digit():
                self._feed_once(
                    event,
                    inputs.KeyPressed(leg_id=event.leg_id, digit=event.digit, method="rfc4733", duration_ms=event.duration_ms),
                )
            case worker_events.DigitsSent():
                self._performer.keys.sent(event)
            case worker_events.QualityChanged():
                self._feed(
                    event.leg_id,
                    inputs.SoundsBad(
                        leg_id=event.leg_id,
                        bad=event.bad,
                        mos=event.mos,
                        loss=event.loss,
                        jitter_ms=event.jitter_ms,
                        rtt_ms=event.rtt_ms,
                    ),
                )
            case worker_events.RtpTimeout():
                self._feed(event.leg_id, inputs.Silent(leg_id=event.leg_id))
            case worker_events.SecurityFailed():
                metrics.media_insecure.inc()
                log.warning("a browser's audio was refused", leg_id=event.leg_id, error=event.detail)
                self._feed(event.leg_id, inputs.Silent(leg_id=event.leg_id))
            case worker_events.RecordingQuiet():
                live = self._switchboard.calls.get(event.call_id)
                if live is not None:
                    self._switchboard.feed(live, inputs.RecordingQuiet(recording_id=event.recording_id))
            case worker_events.RecordingStopped():
                self._recording_stopped(event)
            case worker_events.Draining():
                self._media.draining = True
            case worker_events.FirstRtp():
                live = self._switchboard.by_leg.get(event.leg_id)
                if live is not None:
                    live.heard = True
            case worker_events.Drained():
                pass

    async def snapshot(self, snapshot: protocol.Snapshot) -> None:
        """Compare the worker's legs with ours. A new worker has none of ours: those calls are over. Legs that we do not know
        are a former signalling process's: they are closed, nobody could end them any more."""
        self._media.draining = snapshot.draining
        replaced = self._worker_id not in ("", snapshot.worker_id)
        if replaced:
            log.warning("the media worker was replaced", calls=len(self._switchboard.calls))
        self._worker_id = snapshot.worker_id
        held = {leg.leg_id for leg in snapshot.legs}
        for live in list(self._switchboard.calls.values()):
            if (replaced and live.call.recordings) or not (live.opened - live.opening) <= held:
                self._switchboard.feed(live, inputs.MediaLost())
        calls = self._switchboard.calls
        self._leftover = {recording.recording_id for recording in snapshot.recordings if recording.call_id not in calls}
        self._look_at_leftovers()
        for leg_id in held - self._switchboard.by_leg.keys():
            self._media.tell(worker_commands.DestroyLeg(leg_id))

    def media_gone(self) -> None:
        """The worker has been away for too long: nobody hears anything any more."""
        for live in list(self._switchboard.calls.values()):
            self._switchboard.feed(live, inputs.MediaLost())

    def _feed(self, leg_id: str, given: inputs.Input) -> None:
        live = self._switchboard.by_leg.get(leg_id)
        if live is not None:
            self._switchboard.feed(live, given)

    def _feed_once(self, event: worker_events.Digit, given: inputs.Input) -> None:
        """For what would count twice: an event that a killed process had dealt with comes again."""
        live, number = self._switchboard.by_leg.get(event.leg_id), int(event.event_id.rpartition("-")[2] or 0)
        if live is not None and number > live.seen_media:
            live.seen_media = number
            self._switchboard.feed(live, given)

    def _recording_stopped(self, event: worker_events.RecordingStopped) -> None:
        live = self._switchboard.calls.get(event.call_id)
        if live is None:
            self._leftover.discard(event.recording_id)
            self._look_at_leftovers()
            return
        if event.error:
            log.error("recording is incomplete", recording_id=event.recording_id, error=event.error)
        self._finish.stopped(live, event.recording_id)

    def _look_at_leftovers(self) -> None:
        if self._leftover:
            self.leftovers_closed.clear()
        else:
            self.leftovers_closed.set()
