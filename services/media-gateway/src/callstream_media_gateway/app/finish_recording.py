"""From the worker's wav to `call.recording-ready`."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import structlog

from callstream.kernel.outcomes import Reason
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.encoder import Encoder, EncodingFailed
from callstream_media_gateway.adapters.recordings import Finished
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.domain.inputs import Input, RecordingLost, RecordingSaved

log = structlog.get_logger(__name__)

Feed = Callable[[LiveCall, Input], None]
Work = Callable[[LiveCall, str, Path], Coroutine[None, None, None]]


class FinishRecording:
    """`feed` is the switchboard's; `encoded` is called whenever an MP3 has come."""

    def __init__(self, feed: Feed, encoder: Encoder, root: Path, encoded: Callable[[], None]) -> None:
        self._feed, self._encoder, self._root, self._encoded = feed, encoder, root, encoded
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """By recording id."""

    def stopped(self, live: LiveCall, recording_id: str) -> None:
        """The worker has closed the file, whole or with an error: what there is is kept, unless nobody has said anything."""
        self._begin(live, recording_id, self._finish if live.heard else self._discard)

    def salvage(self, live: LiveCall, recording_id: str) -> None:
        """The worker is gone: its file ends where it was killed, and is encoded as far as it goes."""
        self._begin(live, recording_id, self._finish)

    def _begin(self, live: LiveCall, recording_id: str, work: Work) -> None:
        path = live.wavs.get(recording_id)
        if path is None or recording_id in self._tasks:
            return
        task = self._tasks[recording_id] = asyncio.create_task(work(live, recording_id, self._root / path))
        task.add_done_callback(lambda _: self._tasks.pop(recording_id, None))

    async def settled(self) -> None:
        """Wait until nothing is being encoded."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _finish(self, live: LiveCall, recording_id: str, wav: Path) -> None:
        result = await self.encode(recording_id, wav)
        if isinstance(result, Finished):
            saved = RecordingSaved(
                recording_id=recording_id,
                path=result.path,
                duration_ms=result.duration_ms,
                size_bytes=result.size_bytes,
                sha256=result.sha256,
            )
            await self._told(live, recording_id, saved, wav)
        else:
            self._feed(live, RecordingLost(recording_id=recording_id, message=result))

    async def _discard(self, live: LiveCall, recording_id: str, wav: Path) -> None:
        """Hours of silence help nobody, and an encoder's start costs as much as seconds of speech."""
        metrics.recordings.labels("silent").inc()
        nothing = RecordingLost(recording_id=recording_id, message="nobody's phone sent any audio", reason=Reason.NO_AUDIO)
        await self._told(live, recording_id, nothing, wav)

    async def _told(self, live: LiveCall, recording_id: str, outcome: RecordingSaved | RecordingLost, wav: Path) -> None:
        """The wav goes when the outcome stands in the log."""
        self._feed(live, outcome)
        await live.outbox.settled()
        _remove(wav)
        live.wavs.pop(recording_id, None)

    async def encode(self, recording_id: str, wav: Path) -> Finished | str:
        """The MP3, or why there is none. The wav stays: until the log has the link, a crash begins again with it."""
        try:
            finished = await self._encoder.encode(wav)
        except EncodingFailed as error:
            metrics.recordings.labels("failed").inc()
            log.error("recording not encoded", recording_id=recording_id, error=str(error))
            return str(error)
        metrics.recordings.labels("ready").inc()
        self._encoded()
        return finished


def _remove(wav: Path) -> None:
    """Quicker than the way to a thread and back."""
    wav.unlink(missing_ok=True)
