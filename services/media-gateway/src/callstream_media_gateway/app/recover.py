"""At start: end in the log what a killed gateway left open and cannot go on (see restore), and encode the recordings it left
unencoded. Legs of such calls that the media worker still holds are closed when its snapshot arrives (on_media_event).
"""

import asyncio
from collections.abc import Container
from pathlib import Path

import structlog

from callstream.contracts import call_events as call
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.subjects import events_of
from callstream.kernel.clock import Clock
from callstream.runtime.event_store import EventStore, StoreRefused, VersionConflict
from callstream_media_gateway.adapters.recordings import Finished, Leftover, leftovers
from callstream_media_gateway.app.finish_recording import FinishRecording
from callstream_media_gateway.domain.left_behind import LeftBehind, fold
from callstream_media_gateway.domain.on_media import recording_key

log = structlog.get_logger(__name__)

FOLLOWED = tuple(
    events_of("call", kind.NAME)
    for kind in (
        call.CallArrived,
        call.CallDialled,
        call.LegStarted,
        call.LegRinging,
        call.CallBridged,
        call.LegEnded,
        call.CallEnded,
        call.RecordingStarted,
        call.RecordingReady,
        call.RecordingFailed,
    )
)


class Recover:
    """Run `calls` and `files` before new calls are taken; `recordings` may run beside them."""

    def __init__(self, store: EventStore, clock: Clock, instance: str, root: Path, finish: FinishRecording) -> None:
        self._store, self._clock, self._instance = store, clock, instance
        self._root, self._finish = root, finish

    async def read(self, after: int) -> dict[tuple[str, str], LeftBehind]:
        """All calls of this instance that are not settled, as the log shows them behind `after`."""
        open_calls: dict[tuple[str, str], LeftBehind] = {}

        async def take(batch: list[Recorded]) -> None:
            for recorded in batch:
                fold(open_calls, recorded, self._instance)

        subscription = await self._store.subscribe(FOLLOWED, after, take)
        await subscription.caught_up.wait()
        await subscription.stop()
        return open_calls

    async def end(self, open_calls: dict[tuple[str, str], LeftBehind], going_on: Container[str]) -> None:
        """End in the log all of them but those that go on, by their ids, which are taken out of `open_calls`."""
        for key, left in list(open_calls.items()):
            if left.call_id in going_on:
                del open_calls[key]
                continue
            closing = left.closing()
            if closing is not None:
                log.warning("ending a call that was lost", call_id=left.call_id, legs=len(left.legs))
                await self._append(left.tenant, left.call_id, *closing)

    async def files(self, going_on: Container[str]) -> list[Leftover]:
        """The wav files of an earlier run. To be asked before new calls are taken, whose files lie there too."""
        found = await asyncio.to_thread(lambda: list(leftovers(self._root)))
        return [leftover for leftover in found if leftover.call_id not in going_on]

    async def recordings(self, files: list[Leftover], open_calls: dict[tuple[str, str], LeftBehind]) -> None:
        """Encode every file of an earlier run and link it; a recording without a file has failed."""
        for leftover in files:
            known = open_calls.get((leftover.tenant, leftover.call_id))
            if known is not None:
                known.recordings.discard(leftover.recording_id)
            await self._link(leftover)
        for left in open_calls.values():
            for recording_id in sorted(left.recordings):
                failed = call.RecordingFailed(recording_id=recording_id, message="the file was lost with the gateway")
                await self._append(left.tenant, left.call_id, recording_key(recording_id), failed)

    async def _link(self, leftover: Leftover) -> None:
        told = await self._store.read(leftover.tenant, "call", leftover.call_id)
        outcomes = (call.RecordingReady, call.RecordingFailed)
        if not any(isinstance(r.event, outcomes) and r.event.recording_id == leftover.recording_id for r in told):
            result = await self._finish.encode(leftover.recording_id, leftover.wav)
            fact: Event
            if isinstance(result, Finished):
                fact = call.RecordingReady(
                    recording_id=leftover.recording_id,
                    path=result.path,
                    duration_ms=result.duration_ms,
                    size_bytes=result.size_bytes,
                    sha256=result.sha256,
                )
            else:
                fact = call.RecordingFailed(recording_id=leftover.recording_id, message=result)
            await self._append(leftover.tenant, leftover.call_id, recording_key(leftover.recording_id), fact)
            if not isinstance(result, Finished):
                leftover.wav.rename(leftover.wav.with_suffix(".broken"))
        leftover.wav.unlink(missing_ok=True)

    async def _append(self, tenant: str, call_id: str, key: str, fact: Event) -> None:
        """At the version that is read now. A conflict means that somebody else has just done it."""
        told = await self._store.read(tenant, "call", call_id)
        new = NewEvent(
            id=f"{call_id}-{key}",
            tenant=tenant,
            aggregate_id=call_id,
            time=self._clock.now(),
            event=fact,
            correlation_id=call_id,
        )
        try:
            await self._store.append("call", call_id, tenant, [new], told[-1].seq if told else 0)
        except (VersionConflict, StoreRefused) as error:
            log.error("a lost call's end is not recorded", call_id=call_id, error=str(error))
