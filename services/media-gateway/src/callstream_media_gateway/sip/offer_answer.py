"""Offers and answers for one audio line (RFC 3264), pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from .browser_sdp import (
    PROTOCOLS,
    OurSide,
    TheirSide,
    answered_line,
    at_port,
    offered_line,
    our_side,
    refused_line,
    session_attributes,
    speaks_browser,
    their_side,
)
from .errors import NotAcceptableError
from .sdp import Codec, Direction, Media, SessionDescription

PCMU = Codec(0, "PCMU")
PCMA = Codec(8, "PCMA")
G722 = Codec(9, "G722")
"""Samples at 16 kHz; the clock of 8 kHz is a mistake kept for ever (RFC 3551 4.5.2)."""
OPUS = Codec(
    *(111, "OPUS", 48000, 2),
    "maxplaybackrate=8000;sprop-maxcapturerate=8000;stereo=0;sprop-stereo=0;useinbandfec=1;maxaveragebitrate=32000",
)
"""Always /48000/2, whatever is sent (RFC 7587 7). We hear no more than 8 kHz, so the bits may go into redundancy."""
COMFORT_NOISE = Codec(13, "CN")
TELEPHONE_EVENT = Codec(101, "TELEPHONE-EVENT", 8000, 1, "0-16")
TELEPHONE_EVENT_48 = Codec(102, "TELEPHONE-EVENT", 48000, 1, "0-16")
"""Keys have the clock of the speech that they interrupt (RFC 4733 2.1): these go with Opus."""
DEFAULT_CODECS = (PCMA, PCMU, G722, OPUS, TELEPHONE_EVENT, TELEPHONE_EVENT_48)
"""What we offer. G.711 first: whoever has it needs no transcoding."""
ANSWER_CODECS = (*DEFAULT_CODECS, COMFORT_NOISE)
"""What we take; comfort noise is understood, and never asked for."""
_NO_SPEECH = frozenset(("TELEPHONE-EVENT", "CN"))
PLAIN_PROTOCOLS = ("RTP/AVP", "RTP/AVPF")

# (what the offer says, what we wish) -> what the answer says (RFC 3264 6.1). The offer's view is the peer's.
_SENDS = {"sendrecv": True, "sendonly": True, "recvonly": False, "inactive": False}
_RECEIVES = {"sendrecv": True, "sendonly": False, "recvonly": True, "inactive": False}
_DIRECTION: dict[tuple[bool, bool], Direction] = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}


class AudioStream(NamedTuple):
    """What a media engine must know once offer and answer are exchanged.

    host, port: where to send RTP. codec: what to send (payload type as the peer wants it). event_type: payload type of
    telephone-event towards the peer, or None. direction: ours. ptime: ms per packet we send. payload_type_in and
    event_type_in: the payload types we named, found on the peer's packets.
    """

    host: str
    port: int
    codec: Codec
    event_type: int | None
    direction: Direction
    ptime: int
    payload_type_in: int
    event_type_in: int | None
    event_rate: int = 8000
    """Clock of the telephone-events, Hz."""
    dynamic_in: tuple[tuple[int, str], ...] = ()
    """The speech that we named under dynamic payload types: the peer may change among all that was agreed."""
    events_in: tuple[tuple[int, int], ...] = ()
    """All telephone-events that we named, with their clocks: a peer may use any of them."""
    browser: TheirSide | None = None
    """The peer of a leg with ICE and DTLS; host and port mean nothing then."""


def make_offer(
    host: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    codecs: Sequence[Codec] = DEFAULT_CODECS,
    direction: Direction = "sendrecv",
    ptime: int = 20,
    browser: OurSide | None = None,
) -> SessionDescription:
    """An offer of one audio line at our RTP address, for a browser of the WebRTC profile."""
    offered = tuple(codecs)
    line = Media("audio", port, "RTP/AVP", host, offered, direction, ptime, _formats(offered))
    if browser is None:
        return SessionDescription(host, session_id, version, (line,))
    line = offered_line(line, browser)
    return SessionDescription(host, session_id, version, (line,), attributes=session_attributes((line,)))


def make_answer(
    offer: SessionDescription,
    host: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    codecs: Sequence[Codec] = ANSWER_CODECS,
    direction: Direction = "sendrecv",
    browser: OurSide | None = None,
) -> SessionDescription:
    """Answer the first usable audio line; every other line is refused with port 0 (RFC 3264 6).

    The codecs keep the offer's order and payload types; telephone-event alone is no audio. `direction` is what we
    wish; the answer is what the offer allows of it. A line of the WebRTC profile is usable when `browser` is given, and
    no other then. Raises NotAcceptableError when nothing fits.
    """
    answered = False
    lines: list[Media] = []
    for media in offer.media:
        common = () if answered else _common(media, codecs, PLAIN_PROTOCOLS if browser is None else PROTOCOLS)
        if not common:
            lines.append(refused_line(media))
            continue
        answered = True
        agreed = answer_direction(media.direction, direction)
        line = Media("audio", port, media.protocol, host, common, agreed, media.ptime or 20, _formats(common))
        lines.append(line if browser is None else answered_line(line, browser, offer, media))
    if not answered:
        raise NotAcceptableError("no audio line with a codec we speak")
    attributes = session_attributes(lines) if browser is not None else ()
    return SessionDescription(host, session_id, version, tuple(lines), attributes=attributes)


def answer_direction(offered: Direction, wished: Direction) -> Direction:
    """What an answer may say: we send only what the peer will receive, and the other way round (RFC 3264 6.1)."""
    return _DIRECTION[_SENDS[wished] and _RECEIVES[offered], _RECEIVES[wished] and _SENDS[offered]]


def agreed_stream(local: SessionDescription, remote: SessionDescription) -> AudioStream:
    """What both sides have agreed on. Raises NotAcceptableError when the peer refused the audio or shares no codec.

    Holds the old way too: c=0.0.0.0 means the peer will not receive (RFC 3264 8.4), but not of a browser, which writes it
    while it knows no address.
    """
    for ours, theirs in zip(local.media, remote.media, strict=False):
        if ours.kind != "audio" or not ours.port or not theirs.port or theirs.kind != "audio":
            continue
        browser = None
        if ours.protocol in PROTOCOLS:
            if theirs.protocol not in PROTOCOLS:
                raise NotAcceptableError(f"m=: {theirs.protocol} is not the profile of the offer")
            browser = their_side(local, ours, remote, theirs)
        elif theirs.protocol not in PLAIN_PROTOCOLS:
            raise NotAcceptableError(f"m=: {theirs.protocol} is not the profile of the offer")
        agreed = _agreed_codecs(ours.codecs, theirs.codecs)
        if agreed is None:
            raise NotAcceptableError("no common codec")
        direction = answer_direction(theirs.direction, ours.direction)
        if theirs.host == "0.0.0.0" and browser is None:
            direction = answer_direction("sendonly", direction)
        return AudioStream(
            theirs.host,
            theirs.port,
            agreed.codec,
            agreed.event_type,
            direction,
            theirs.ptime or 20,
            agreed.payload_type_in,
            agreed.event_type_in,
            agreed.event_rate,
            agreed.dynamic_in,
            agreed.events_in,
            browser,
        )
    raise NotAcceptableError("the peer refused the audio")


class _Agreed(NamedTuple):
    """The part of an AudioStream that the codecs of both sides decide."""

    codec: Codec
    event_type: int | None
    payload_type_in: int
    event_type_in: int | None
    event_rate: int
    dynamic_in: tuple[tuple[int, str], ...]
    events_in: tuple[tuple[int, int], ...]


@lru_cache(maxsize=128)
def _agreed_codecs(ours: tuple[Codec, ...], theirs: tuple[Codec, ...]) -> _Agreed | None:
    """None when both have no speech in common. The same few lists meet in all calls."""
    sent = next((c for c in theirs if c.name not in _NO_SPEECH and _find(ours, c)), None)
    mine = _find(ours, sent) if sent else None
    if sent is None or mine is None:
        return None
    event_out = _event(theirs, sent.rate)
    event_in = _event(ours, event_out.rate) if event_out else None
    return _Agreed(
        sent,
        event_out.payload_type if event_out and event_in else None,
        mine.payload_type,
        event_in.payload_type if event_out and event_in else None,
        event_out.rate if event_out else 8000,
        tuple((c.payload_type, c.name) for c in ours if c.payload_type >= 96 and c.name not in _NO_SPEECH),
        tuple((c.payload_type, c.rate) for c in ours if c.name == "TELEPHONE-EVENT") if event_out else (),
    )


def holds(remote: SessionDescription | None) -> bool:
    """Does a peer with this description have us on hold: will its audio line not take what we send (RFC 3264 8.4)?"""
    audio = None if remote is None else remote.audio
    return audio is not None and (
        not _RECEIVES[audio.direction] or (audio.host == "0.0.0.0" and audio.protocol in PLAIN_PROTOCOLS)
    )


def answer_again(offer: SessionDescription, local: SessionDescription, browser: OurSide | None = None) -> SessionDescription:
    """Our description in force as the answer to a new offer: same address and codecs, direction as the offer allows. A peer that
    has none of those codecs any more (it was transferred, say) gets others.

    browser: what a browser leg says of us from now on, as before when None. The version of o= rises only when something
    else changed (RFC 3264 8). Raises NotAcceptableError.
    """
    mine = local.audio
    if mine is None:
        raise NotAcceptableError("no audio in force")
    if browser is None and speaks_browser(local):
        browser = our_side(local, mine)
    kept = any(_common(line, mine.codecs, PROTOCOLS) for line in offer.media)
    codecs = mine.codecs if kept else ANSWER_CODECS
    same = make_answer(
        offer, mine.host, mine.port, session_id=local.session_id, version=local.version, codecs=codecs, browser=browser
    )
    return same if same.media == local.media else same._replace(version=local.version + 1)


def offer_again(
    local: SessionDescription, direction: Direction, *, host: str | None = None, port: int | None = None
) -> SessionDescription:
    """Our description in force as a new offer: held ("sendonly", "inactive"), retrieved, or moved to another RTP address.

    What was agreed stays: codecs, payload types, and a browser's own attributes with the candidate of the new port.
    """
    lines = tuple(
        at_port(line._replace(direction=direction, host=host or line.host), port or line.port) if line.port else line
        for line in local.media
    )
    return local._replace(host=host or local.host, version=local.version + 1, media=lines)


def _common(media: Media, codecs: Sequence[Codec], protocols: tuple[str, ...]) -> tuple[Codec, ...]:
    """The offer's codecs that we speak, with the offer's payload types; empty when no real audio is among them."""
    if media.kind != "audio" or not media.port or media.protocol not in protocols:
        return ()
    return _common_codecs(media.codecs, tuple(codecs))


@lru_cache(maxsize=128)
def _common_codecs(offered: tuple[Codec, ...], codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    chosen = []
    for codec in offered:
        ours = _find(codecs, codec)
        if ours is not None:
            chosen.append(codec._replace(fmtp=ours.fmtp) if ours.fmtp != codec.fmtp else codec)
    rates = {codec.rate for codec in chosen if codec.name not in _NO_SPEECH}
    return tuple(c for c in chosen if c.name not in _NO_SPEECH or c.rate in (*rates, 8000)) if rates else ()


def _event(codecs: Sequence[Codec], rate: int) -> Codec | None:
    """The telephone-events to use beside speech of this rate; some peers know them at 8 kHz only, whatever they speak."""
    events = [codec for codec in codecs if codec.name == "TELEPHONE-EVENT"]
    return next((codec for wanted in (rate, 8000) for codec in events if codec.rate == wanted), None)


@lru_cache(maxsize=128)
def _formats(codecs: tuple[Codec, ...]) -> tuple[str, ...]:
    return tuple(str(codec.payload_type) for codec in codecs)


def _find(codecs: Sequence[Codec], wanted: Codec) -> Codec | None:
    for codec in codecs:
        if codec.name == wanted.name and codec.rate == wanted.rate and codec.channels == wanted.channels:
            return codec
    return None
