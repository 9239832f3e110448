"""Packets of all legs that speak G.722 or Opus: looked at one by one, counted and placed for all at once."""

from collections.abc import Callable, Sequence

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I64, U32
from callstream_media_gateway.media.arrivals import Arrivals
from callstream_media_gateway.media.coded import CodedName, CodedSpeech, samples_of
from callstream_media_gateway.media.jitter import JitterBuffers
from callstream_media_gateway.media.leg import Leg

_NONE = 255


class CodedLegs:
    """`payload_type` tells by slot under which number a leg's coded speech comes, so that its packets are recognised in a
    batch. on_malformed(leg): a packet that holds no speech.
    """

    def __init__(self, capacity: int, jitter: JitterBuffers, arrivals: Arrivals, on_malformed: Callable[[Leg], None]) -> None:
        self.payload_type = np.full(capacity, _NONE, np.uint32)
        self.speech: dict[Leg, CodedSpeech] = {}
        self._known: dict[int, tuple[Leg, CodedName]] = {}
        self._jitter, self._arrivals, self._on_malformed = jitter, arrivals, on_malformed

    def learn(self, leg: Leg, codec: CodedName, payload_type: int) -> None:
        """This is what the leg's packets of this type are from now on."""
        if leg not in self.speech:
            self.speech[leg] = CodedSpeech(self._jitter, leg.slot)
        self.payload_type[leg.slot] = payload_type
        self._known[leg.slot] = (leg, codec)

    def unlearn(self, leg: Leg) -> None:
        """Its payload types may mean something else now."""
        self.payload_type[leg.slot] = _NONE

    def restart(self, leg: Leg) -> None:
        """Another source."""
        if leg in self.speech:
            self.speech[leg].restart()

    def remove(self, leg: Leg) -> None:
        """The leg is over."""
        self.unlearn(leg)
        self.speech.pop(leg, None)
        self._known.pop(leg.slot, None)

    def take(self, slots: I64, sequences: I64, timestamps: U32, payloads: Sequence[bytes], now_ms: int) -> None:
        """One packet per slot, of legs that were learnt; a slot occurs once."""
        known = [self._known[slot] for slot in slots.tolist()]
        scaled = timestamps.copy()
        lengths = np.zeros(len(known), np.int64)
        for number, ((leg, codec), payload) in enumerate(zip(known, payloads, strict=True)):
            if codec == "OPUS":
                scaled[number] = self.speech[leg].clock.at_8khz(int(timestamps[number]))
            lengths[number] = samples_of(codec, payload)
        self._arrivals.packet(slots, sequences, scaled, now_ms)
        whole = (lengths > 0) & (lengths % FRAME == 0)
        parts = (lengths > 0) & ~whole
        for chosen, snap in ((whole, True), (parts, False)):
            at = np.flatnonzero(chosen)
            if len(at):
                indexes, offsets = self._jitter.place(slots[at], scaled[at], snap=snap)
                for number, index, offset in zip(at.tolist(), indexes.tolist(), offsets.tolist(), strict=True):
                    leg, codec = known[number]
                    if self.speech[leg].put(codec, index, offset, int(lengths[number]), payloads[number]) == "duplicate":
                        self._arrivals.duplicates[leg.slot] += 1
        for number in np.flatnonzero(lengths == 0).tolist():
            self._on_malformed(known[number][0])
