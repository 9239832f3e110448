"""G.722 (64 kbit/s, RFC 3551 §4.5.2) by PyAV, from and to the engine's 8 kHz. 160 bytes hold 20 ms."""

from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from callstream_media_gateway.media.arrays import FRAME, I16, RATE
from callstream_media_gateway.media.halfband import Doubler, Halver

_RATE = 2 * RATE


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context = av.CodecContext.create("g722", mode)
    assert isinstance(context, AudioCodecContext)  # noqa: S101 - g722 is an audio codec
    context.sample_rate, context.format, context.layout = _RATE, "s16", "mono"
    return context


class G722Decoder:
    """Of one stream: a byte is two samples at 16 kHz, one here."""

    def __init__(self) -> None:
        self._context = _context("r")
        self._halver = Halver()

    def decode(self, payload: bytes) -> I16:
        """One sample per byte; every byte string is speech of a kind."""
        if not payload:  # would mean the end of the stream to FFmpeg
            return np.zeros(0, np.int16)
        parts = [frame.to_ndarray()[0] for frame in self._context.decode(av.Packet(payload))]
        return self._halver.run(np.concatenate(parts))


class G722Encoder:
    """Of one stream."""

    def __init__(self) -> None:
        self._context = _context("w")
        self._doubler = Doubler()
        self._frame = av.AudioFrame(format="s16", layout="mono", samples=2 * FRAME)
        self._frame.sample_rate = _RATE

    def encode(self, samples: I16) -> bytes:
        """One byte per sample. samples: one frame."""
        self._frame.planes[0].update(self._doubler.run(samples).tobytes())
        self._frame.pts = None
        return b"".join(bytes(packet) for packet in self._context.encode(self._frame))
