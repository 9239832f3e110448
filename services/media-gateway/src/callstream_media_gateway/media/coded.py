"""Speech in codecs that remember what they said (G.722, Opus): kept as packets, decoded when its turn comes.

`JitterBuffers` decides about delay for all legs alike; here lie the packets of one leg, by the index of the frame at
which they begin. Decoding at the moment of playing lets the codec itself fill gaps: Opus repairs a lost frame from the
redundancy in the next packet, when that is there already, or conceals it; after G.722 the last frame is repeated softer.

A packet may hold several frames (the rest is carried over to the next tick) or a part of one (two packets of 10 ms).
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np

from callstream_media_gateway.media.arrays import FRAME, I16
from callstream_media_gateway.media.g722 import G722Decoder
from callstream_media_gateway.media.jitter import CONCEALED, DEPTH, JitterBuffers
from callstream_media_gateway.media.opus import OpusDecoder, packet_samples

CodedName = Literal["G722", "OPUS"]
CODED = 255
"""Stands in `JitterBuffers.law` for frames that lie here."""
OPUS_CONCEALED = 6
"""Lost frames in a row that libopus may make up (it grows softer by itself); after that silence."""
_OPUS_CLOCK = 6
"""Ticks of Opus' RTP clock (48 kHz) per sample at 8 kHz."""
_EMPTY = np.zeros(0, np.int16)

Verdict = Literal["kept", "duplicate", "late"]


def samples_of(name: CodedName, payload: bytes) -> int:
    """Samples at 8 kHz in a packet; 0: it holds no speech."""
    return len(payload) if name == "G722" else packet_samples(payload)


class Decoder(Protocol):
    """G722Decoder or OpusDecoder."""

    def decode(self, payload: bytes) -> I16: ...


class Clock:
    """Opus timestamps in the scale of everything else, across their wrap every 25 hours."""

    def __init__(self) -> None:
        self._last = 0
        self._unwrapped = 0

    def at_8khz(self, timestamp: int) -> int:
        """Modulo 2**32."""
        step = (timestamp - self._last) & 0xFFFFFFFF
        self._unwrapped += step - (step >> 31 << 32)
        self._last = timestamp
        return self._unwrapped // _OPUS_CLOCK & 0xFFFFFFFF


class CodedSpeech:
    """Of one leg. `put` per packet, `frame` per tick."""

    def __init__(self, jitter: JitterBuffers, slot: int) -> None:
        self.clock = Clock()
        self._jitter, self._slot = jitter, slot
        self._packets: dict[int, list[tuple[int, CodedName, bytes]]] = defaultdict(list)
        self._decoders: dict[CodedName, Decoder] = {}
        self._speaking: CodedName | None = None
        self._carry = _EMPTY
        self._last = np.zeros(FRAME, np.int16)
        self._lost_run = 0

    def restart(self) -> None:
        """The next packet is of another source."""
        self.clock = Clock()
        self._packets.clear()
        self._decoders.clear()
        self._speaking, self._carry = None, _EMPTY

    def put(self, name: CodedName, index: int, offset: int, samples: int, payload: bytes) -> Verdict:
        """index, offset: where `JitterBuffers.place` wants it. samples: how many it holds."""
        if index < self._jitter.head_index[self._slot]:
            return "late"
        there = self._packets[index]
        if any(known == offset for known, _, _ in there):
            return "duplicate"
        there.append((offset, name, payload))
        there.sort(key=lambda entry: entry[0])
        self._jitter.reserve(self._slot, index, -(-(offset + samples) // FRAME), CODED)
        return "kept"

    def frame(self) -> I16 | None:
        """The samples of the frame that `JitterBuffers.pull` has just passed; None: no coded speech is there."""
        index = int(self._jitter.head_index[self._slot]) - 1
        if len(self._packets) > 2 * DEPTH:
            self._packets = defaultdict(list, {at: known for at, known in self._packets.items() if at >= index})
        entries = self._packets.pop(index, None)
        if entries is None and self._jitter.played_law(self._slot) not in (CODED, None):
            self._speaking, self._carry = None, _EMPTY  # the peer has gone over to G.711
            return None
        for offset, name, payload in entries or ():
            self._fill(offset, index)
            decoder = self._decoder(name)
            self._carry = np.concatenate((self._carry[:offset], decoder.decode(payload)))
            self._speaking, self._lost_run = name, 0
        if self._speaking is None:
            return None
        self._fill(FRAME, index)
        self._last, self._carry = self._carry[:FRAME], self._carry[FRAME:]
        return self._last

    def _decoder(self, name: CodedName) -> Decoder:
        decoder = self._decoders.get(name)
        if decoder is None:
            decoder = self._decoders[name] = _MAKE[name]()
        return decoder

    def _fill(self, until: int, index: int) -> None:
        """Make up what is missing of the frame before `until`."""
        missing = until - len(self._carry)
        if missing > 0:
            self._lost_run += 1
            self._carry = np.concatenate((self._carry, self._made_up(missing, index)))

    def _made_up(self, samples: int, index: int) -> I16:
        decoder = self._decoders.get(self._speaking) if self._speaking is not None else None
        made = _EMPTY
        if isinstance(decoder, OpusDecoder):
            following = self._packets.get(index + 1)
            if self._lost_run > OPUS_CONCEALED or samples % 20:
                pass
            elif samples == FRAME and following and following[0][:2] == (0, "OPUS"):
                made = decoder.repair(following[0][2], samples)
            else:
                made = decoder.conceal(samples)
        elif decoder is not None and self._lost_run <= CONCEALED:
            made = self._last[FRAME - samples :] // 2
        return made if len(made) == samples else np.zeros(samples, np.int16)


_MAKE: dict[CodedName, Callable[[], Decoder]] = {"G722": G722Decoder, "OPUS": OpusDecoder}
