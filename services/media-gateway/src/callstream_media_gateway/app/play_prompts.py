"""Plays prompts to a customer: fetches the files, then orders the media worker. Speech may have to be made first."""

import asyncio
from collections.abc import Callable

from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.prompts import PromptError, Prompts
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.inputs import Input, PlayEnded
from callstream_media_gateway.media.protocol import File, Play, StopPlay

Feed = Callable[[LiveCall, Input], None]


class PlayPrompts:
    """`feed` is the switchboard's."""

    def __init__(self, feed: Feed, media: MediaSide, prompts: Prompts) -> None:
        self._feed, self._media, self._prompts = feed, media, prompts

    def start(self, live: LiveCall, effect: do.StartPlay) -> None:
        """Replaces what is being fetched; what is being played is replaced by the worker."""
        self._forget_fetching(live)
        try:
            files = self._prompts.at_hand(live.call.tenant, effect.prompts)
        except PromptError as error:
            self._failed(live, effect.play_id, str(error))
            return
        if files is not None:
            self._order(live, effect, files)
        else:
            live.fetching = asyncio.create_task(self._fetch(live, effect))

    def stop(self, live: LiveCall, play_id: str) -> None:
        """Whether it is still being fetched or already on."""
        self._forget_fetching(live)
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
            Play(live.call.customer_leg, effect.play_id, files, repeat=effect.repeat, interruptible=effect.barge_in), failed
        )

    def _failed(self, live: LiveCall, play_id: str, why: str) -> None:
        self._feed(live, PlayEnded(play_id=play_id, how="failed", message=why))

    @staticmethod
    def _forget_fetching(live: LiveCall) -> None:
        if live.fetching is not None:
            live.fetching.cancel()
            live.fetching = None
