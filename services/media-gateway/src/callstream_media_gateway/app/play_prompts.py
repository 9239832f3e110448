"""Plays prompts to a party: fetches the files, then orders the media worker. Speech may have to be made first."""

import asyncio
from collections.abc import Callable

import structlog

from callstream.contracts.config import Prompt
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.prompts import PromptError, Prompts
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.app.tunes import REPEAT, TUNES
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.inputs import Input, PlayEnded
from callstream_media_gateway.media.worker_commands import File, Play, StopPlay

log = structlog.get_logger(__name__)

Feed = Callable[[LiveCall, Input], None]


class PlayPrompts:
    """`feed` is the switchboard's."""

    def __init__(self, feed: Feed, media: MediaSide, prompts: Prompts, hold_music: Callable[[str], tuple[Prompt, ...]]) -> None:
        """`hold_music`: a tenant's."""
        self._feed, self._media, self._prompts, self._hold_music = feed, media, prompts, hold_music
        self._tunes: set[asyncio.Task[None]] = set()

    def start(self, live: LiveCall, effect: do.StartPlay) -> None:
        """Replaces what is being fetched; what is being played is replaced by the worker."""
        leg_id = effect.leg_id or live.call.customer_leg
        self._forget_fetching(live, leg_id)
        try:
            files = self._prompts.at_hand(live.call.tenant, effect.prompts)
        except PromptError as error:
            self._failed(live, effect.play_id, str(error))
            return
        if files is not None:
            self._order(live, effect, files)
        else:
            live.fetching[leg_id] = asyncio.create_task(self._fetch(live, effect), name=effect.play_id)

    def tune(self, live: LiveCall, effect: do.StartTune) -> None:
        """The tenant's hold music, if it has one that can be played; else the gateway's own tones."""
        music = self._hold_music(live.call.tenant) if effect.tune is do.Tune.HOLD else ()
        if not music:
            self._own(live, effect)
            return

        async def fetch() -> None:
            try:
                files = await self._prompts.fetch(live.call.tenant, music)
            except PromptError as error:
                log.warning("hold music cannot be played", tenant=live.call.tenant, error=str(error))
                self._own(live, effect)
                return
            leg = live.call.legs.get(effect.leg_id)
            if leg is not None and leg.tune == effect.play_id:
                self._media.tell(Play(effect.leg_id, effect.play_id, files, repeat=REPEAT[effect.tune]))

        task = asyncio.create_task(fetch())
        self._tunes.add(task)
        task.add_done_callback(self._tunes.discard)

    def _own(self, live: LiveCall, effect: do.StartTune) -> None:
        def failed(why: str) -> None:
            self._failed(live, effect.play_id, why)

        self._media.tell(Play(effect.leg_id, effect.play_id, TUNES[effect.tune], repeat=REPEAT[effect.tune]), failed)

    def stop(self, live: LiveCall, play_id: str) -> None:
        """Whether it is still being fetched or already on."""
        for leg_id, task in list(live.fetching.items()):
            if task.get_name() == play_id:
                self._forget_fetching(live, leg_id)
        self._media.tell(StopPlay(play_id))

    async def _fetch(self, live: LiveCall, effect: do.StartPlay) -> None:
        try:
            files = await self._prompts.fetch(live.call.tenant, effect.prompts)
        except PromptError as error:
            self._failed(live, effect.play_id, str(error))
        else:
            self._order(live, effect, files)

    def _order(self, live: LiveCall, effect: do.StartPlay, files: tuple[File, ...]) -> None:
        def failed(why: str) -> None:
            self._failed(live, effect.play_id, why)

        self._media.tell(
            Play(
                effect.leg_id or live.call.customer_leg,
                effect.play_id,
                files,
                repeat=effect.repeat,
                interruptible=effect.barge_in,
            ),
            failed,
        )

    def _failed(self, live: LiveCall, play_id: str, why: str) -> None:
        self._feed(live, PlayEnded(play_id=play_id, how="failed", message=why))

    @staticmethod
    def _forget_fetching(live: LiveCall, leg_id: str) -> None:
        task = live.fetching.pop(leg_id, None)
        if task is not None:
            task.cancel()
