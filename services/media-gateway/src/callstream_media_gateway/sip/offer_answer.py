"""Offers and answers for one audio line (RFC 3264), pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .sdp import Codec, Direction, SessionDescription

PCMU = Codec(0, "PCMU")
PCMA = Codec(8, "PCMA")
TELEPHONE_EVENT = Codec(101, "TELEPHONE-EVENT", 8000, 1, "0-16")
DEFAULT_CODECS = (PCMA, PCMU, TELEPHONE_EVENT)


class AudioStream(NamedTuple):
    """What a media engine must know once offer and answer are exchanged.

    host, port: where to send RTP. codec: what to send and expect (payload type as the peer wants it).
    event_type: payload type of telephone-event from us to the peer, or None. direction: ours. ptime: ms.
    event_type_in, payload_type_in: as we said them, on packets from the peer.
    """

    host: str
    port: int
    codec: Codec
    event_type: int | None
    direction: Direction
    ptime: int
    payload_type_in: int
    event_type_in: int | None


def make_offer(
    host: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    codecs: Sequence[Codec] = DEFAULT_CODECS,
    direction: Direction = "sendrecv",
    ptime: int = 20,
) -> SessionDescription:
    """An offer of one audio line at our RTP address."""
    raise NotImplementedError


def make_answer(
    offer: SessionDescription,
    host: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    codecs: Sequence[Codec] = DEFAULT_CODECS,
    direction: Direction = "sendrecv",
) -> SessionDescription:
    """Answer the first usable audio line; every other line is refused with port 0 (RFC 3264 6).

    The codecs keep the offer's order and payload types; telephone-event alone is no audio. `direction` is what we
    wish; the answer is what the offer allows of it. Raises NotAcceptableError when nothing fits.
    """
    raise NotImplementedError


def agreed_stream(local: SessionDescription, remote: SessionDescription) -> AudioStream:
    """What both sides have agreed on. Raises NotAcceptableError when the peer refused the audio."""
    raise NotImplementedError
