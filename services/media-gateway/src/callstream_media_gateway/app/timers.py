"""What calls wait for. A restarted process waits on for what its predecessor's calls were waiting for."""

import asyncio
from collections.abc import Callable

from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.inputs import Input, TimeUp

Feed = Callable[[LiveCall, Input], None]


class Timers:
    """`feed` is the switchboard's."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def start(self, live: LiveCall, effect: do.StartTimer) -> None:
        """Anew, if it runs already."""
        self.stop(live, do.StopTimer(effect.name))
        live.timers[effect.name] = asyncio.get_running_loop().call_later(effect.after_s, self._up, live, effect.name)

    def stop(self, live: LiveCall, effect: do.StopTimer) -> None:
        """Harmless when it is over."""
        timer = live.timers.pop(effect.name, None)
        if timer is not None:
            timer.cancel()

    def resume(self, live: LiveCall, now: float) -> None:
        """Of a restored call; what was due meanwhile is due now. `now`: Unix time."""
        for name, due in live.call.timers.items():
            self.start(live, do.StartTimer(name, max(0.0, due.timestamp() - now)))

    def _up(self, live: LiveCall, name: str) -> None:
        live.timers.pop(name, None)
        self._feed(live, TimeUp(name=name))
