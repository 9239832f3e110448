"""What must be done now and then: the media worker, the broker, expired registrations, the position to recover from, memory."""

import asyncio
import gc
from pathlib import Path

import structlog
from msgspec import Struct

from callstream.runtime.event_store import EventStore, StoreUnavailable
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.outbox import LogHealth
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.adapters.saved_file import load, save
from callstream_media_gateway.app.on_media_event import OnMediaEvent
from callstream_media_gateway.app.switchboard import Switchboard

log = structlog.get_logger(__name__)

EVERY_S = 1.0
SLOWLY = 10
"""Rounds between two sweeps and saves."""
COLLECT_EVERY = 60
"""Rounds between two collections of circles, which stop everybody for 20 to 120 ms. A plain call leaves none. Others do (a
transfer by a phone's own key): they live for half a minute, and the collector by itself hardly looks at what is so old.
"""
MEDIA_GONE_AFTER_S = 5.0
"""A media worker that has been away for so long has lost its calls; a restarted one says so itself, earlier."""


class Position(Struct, frozen=True):
    """Everything of this gateway's calls up to `seq` is settled in the log."""

    seq: int


class Housekeeping:
    """`run` goes on until cancelled."""

    def __init__(
        self,
        switchboard: Switchboard,
        on_media: OnMediaEvent,
        media: MediaSide,
        store: EventStore,
        health: LogHealth,
        phones: Phones,
        position_file: Path,
    ) -> None:
        self._switchboard, self._on_media, self._media = switchboard, on_media, media
        self._store, self._health, self._phones, self._position_file = store, health, phones, position_file
        self._media_away_s = 0.0

    def recover_after(self) -> int:
        """The log position that recovery begins behind; 0 when none is known."""
        position = load(self._position_file, Position)
        return position.seq if position is not None else 0

    async def run(self) -> None:
        """One round a second."""
        rounds = 0
        while True:
            await asyncio.sleep(EVERY_S)
            rounds += 1
            try:
                self._look_at_media()
                await self._look_at_log()
                if rounds % COLLECT_EVERY == 0:
                    gc.collect()
                if rounds % SLOWLY == 0:
                    self._phones.sweep()
                    self.save_position()
            except Exception:
                log.exception("housekeeping failed")

    def save_position(self) -> None:
        """Settled is what lies before the oldest running call. A call whose arrival is not confirmed yet may lie anywhere."""
        arrivals = [live.arrived_seq for live in self._switchboard.calls.values()]
        if 0 in arrivals or not self._switchboard.last_seq:
            return
        seq = min(arrivals) - 1 if arrivals else self._switchboard.last_seq
        try:
            save(self._position_file, Position(seq))
        except OSError as error:
            log.error("position not saved", error=str(error))

    def _look_at_media(self) -> None:
        if self._media.connected:
            self._media_away_s = 0.0
            return
        self._media_away_s += EVERY_S
        if self._media_away_s >= MEDIA_GONE_AFTER_S and self._switchboard.by_leg:
            log.error("the media worker is gone", calls=len(self._switchboard.calls))
            self._on_media.media_gone()

    async def _look_at_log(self) -> None:
        """When nothing waits to be appended, only a question tells that the log is back."""
        if not self._health.answered:
            try:
                await self._store.last_seq()
            except StoreUnavailable:
                return
            self._health.answered = True
