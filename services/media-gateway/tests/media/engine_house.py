"""An engine with one leg and a clock of its own: packets are handed over and ticks pass without waiting."""

import numpy as np
from tests.plugins.ports import rtp_range

from callstream_media_gateway.media.arrays import I16
from callstream_media_gateway.media.engine import Engine
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.leg import Leg
from callstream_media_gateway.media.sockets import open_pair
from callstream_media_gateway.media.worker_events import AnyEvent


class House:
    """`take` a datagram of the leg's peer, let `ticks` pass, or hear what the leg has `said` in them."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.engine = Engine("127.0.0.1", 4, self.events.append, lambda: None)
        low = int(rtp_range().split("-")[0])
        pair = open_pair("127.0.0.1", range(low, low + 200, 2))
        self.leg = Leg("a", "call", 0, pair, "PCMA", None, 101, 0, Latch(None), dynamic_in={111: "OPUS", 97: "PCMU"})
        self.engine.jitter.reset(0)
        self.engine.arrivals.reset(0, 0)
        self.engine.sender.reset(0)
        self.engine.receiver.add(self.leg)
        self.engine.reporter.add(self.leg)
        self.engine.legs["a"] = self.leg
        self.now = 0
        self.ticks(1)

    def take(self, data: bytes) -> None:
        self.engine.receiver._one(self.leg, data, self.now)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.now += 20
            self.engine.tick(self.now * 1_000_000)

    def said(self, ticks: int) -> I16:
        """What the leg says in the next ticks, taken where a recording takes it."""
        frames = []
        for _ in range(ticks):
            self.now += 20
            frames.append(self.engine._said()[0].copy())
        return np.concatenate(frames)

    def close(self) -> None:
        self.engine.receiver.remove(self.leg)
