"""Encoders that remember what was said before: one per leg that speaks G.722 or Opus."""

from typing import Protocol

from callstream_media_gateway.media.arrays import FRAME, I16
from callstream_media_gateway.media.g722 import G722Encoder
from callstream_media_gateway.media.opus import OpusEncoder
from callstream_media_gateway.media.worker_commands import Codec


class Encoder(Protocol):
    """One frame to one payload of at most 160 bytes."""

    def encode(self, samples: I16) -> bytes: ...


def encoder_of(codec: Codec) -> Encoder | None:
    """None: G.711, encoded for all legs at once. OPUS wants `opus.available`."""
    match codec:
        case "G722":
            return G722Encoder()
        case "OPUS":
            return OpusEncoder()
        case _:
            return None


CLOCK_STEP: dict[Codec, int] = {"PCMA": FRAME, "PCMU": FRAME, "G722": FRAME, "OPUS": 6 * FRAME}
"""How far a frame moves the RTP timestamp (RFC 3551 §4.5.2, RFC 7587 §4.1)."""
