"""One leg's side of offer and answer: which codec, where to, and what the media worker must know of it."""

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address
from secrets import randbits, token_hex
from typing import Self

from callstream_media_gateway.media.worker_commands import Address, Codec, CreateLeg, DtlsPeer, IceLogin, UpdateLeg
from callstream_media_gateway.sip.browser_sdp import OurSide, at_port, our_side, speaks_browser
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.offer_answer import (
    OPUS,
    TELEPHONE_EVENT,
    AudioStream,
    agreed_stream,
    answer_again,
    make_answer,
    make_offer,
)
from callstream_media_gateway.sip.sdp import SessionDescription

_CODECS: dict[str, Codec] = {"PCMA": "PCMA", "PCMU": "PCMU", "G722": "G722", "OPUS": "OPUS"}
UNKNOWN_PORT = 9
"""Stands in a description whose RTP port the worker has not told yet (the discard port, RFC 863)."""


class SdpSession:
    """`local` is ours; its port is filled in by `opened`."""

    def __init__(self, rtp_host: str, offer: SessionDescription | None, *, fingerprint: str = "", browser: bool = False) -> None:
        """`offer` is the peer's, or None when we offer, to a browser or not. fingerprint: of the worker's certificate.

        Raises NotAcceptableError when no codec fits, or something of the WebRTC profile does not.
        """
        session_id = randbits(31)
        ours = None
        if speaks_browser(offer) if offer is not None else browser:
            if not fingerprint:
                raise NotAcceptableError("the media worker has no certificate for browsers")
            ours = _new_side(fingerprint)
        if offer is None:
            self.local = make_offer(rtp_host, UNKNOWN_PORT, session_id=session_id, browser=ours)
        else:
            self.local = make_answer(offer, rtp_host, UNKNOWN_PORT, session_id=session_id, browser=ours)
        self.stream: AudioStream | None = agreed_stream(self.local, offer) if offer is not None else None

    @classmethod
    def restored(cls, local: SessionDescription, remote: SessionDescription | None) -> Self:
        """The session of a leg that a former signalling process made; `remote` None: not answered. Raises NotAcceptableError."""
        session = cls.__new__(cls)
        session.local, session.stream = local, None if remote is None else agreed_stream(local, remote)
        return session

    def create(self, leg_id: str, call_id: str) -> CreateLeg:
        """The worker's order for this leg, with all that is known now."""
        stream = self.stream
        if stream is None:
            return CreateLeg(
                leg_id,
                call_id,
                event_pt_in=TELEPHONE_EVENT.payload_type,
                dynamic_in=((OPUS.payload_type, "OPUS"),),
                ice=self._login(),
            )
        return CreateLeg(
            leg_id,
            call_id,
            codec_of(stream),
            _address(stream),
            stream.event_type_in,
            event_pt_out=stream.event_type,
            event_rate=stream.event_rate,
            pt_out=stream.codec.payload_type,
            dynamic_in=_dynamic_in(stream),
            events_in=stream.events_in,
            ice=self._login(),
            peer=_peer(stream),
        )

    def opened(self, port: int) -> None:
        """The worker has opened the leg."""
        lines = tuple(at_port(line, port) if line.port else line for line in self.local.media)
        self.local = self.local._replace(media=lines)

    def answered(self, remote: SessionDescription) -> None:
        """The peer's answer to our offer. Raises NotAcceptableError."""
        self.stream = agreed_stream(self.local, remote)

    def answer_again(self, offer: SessionDescription) -> SessionDescription:
        """Our answer to a re-INVITE. Raises NotAcceptableError; the old session stays then."""
        line, before = self.local.audio, self.stream.browser if self.stream is not None else None
        ours = our_side(self.local, line)._replace(begins=before.we_begin) if line is not None and before is not None else None
        local = answer_again(offer, self.local, ours)
        stream = agreed_stream(local, offer)
        if stream.browser is not None and before is not None and ours is not None and stream.browser.ufrag != before.ufrag:
            # The browser restarts ICE, and so do we (RFC 8839 §4.4.1.1.1).
            local = answer_again(offer, self.local, _new_side(ours.fingerprint)._replace(begins=ours.begins))
        self.stream, self.local = stream, local
        return local

    def update(self, leg_id: str, rtp_timeout_ms: int) -> UpdateLeg:
        """What the worker must know after an answer. A peer that has us on hold sends nothing, and that is no timeout."""
        stream = self.stream
        if stream is None:
            return UpdateLeg(leg_id, rtp_timeout_ms=rtp_timeout_ms)
        held = stream.direction in ("sendonly", "inactive")
        return UpdateLeg(
            leg_id,
            codec=codec_of(stream),
            remote=_address(stream),
            event_pt_in=stream.event_type_in,
            event_pt_out=stream.event_type,
            event_rate=stream.event_rate,
            pt_out=stream.codec.payload_type,
            dynamic_in=_dynamic_in(stream),
            events_in=stream.events_in,
            rtp_timeout_ms=0 if held else rtp_timeout_ms,
            sending=stream.direction in ("sendrecv", "sendonly"),
            ice=self._login(),
            peer=_peer(stream),
        )

    def _login(self) -> IceLogin | None:
        """Of a browser's leg, as our description says."""
        line = self.local.audio
        if line is None or not speaks_browser(self.local):
            return None
        ours = our_side(self.local, line)
        return IceLogin(ours.ufrag, ours.password)


def codec_of(stream: AudioStream) -> Codec:
    """The worker's name of the agreed codec."""
    return _CODECS[stream.codec.name]


def _dynamic_in(stream: AudioStream) -> tuple[tuple[int, Codec], ...]:
    return tuple((payload_type, _CODECS[name]) for payload_type, name in stream.dynamic_in)


def _address(stream: AudioStream) -> Address | None:
    """Where the peer wants its audio. Unknown for a name or a hold of the old way (0.0.0.0): the leg latches to what comes;
    of a browser ICE finds it.
    """
    return (stream.host, stream.port) if stream.browser is None and _usable(stream.host) else None


def _new_side(fingerprint: str) -> OurSide:
    """64 and 128 random bits: RFC 8445 §5.3 wants 24 and 128."""
    return OurSide(token_hex(8), token_hex(16), fingerprint)


def _peer(stream: AudioStream) -> DtlsPeer | None:
    theirs = stream.browser
    return DtlsPeer(theirs.ufrag, theirs.fingerprints, theirs.we_begin) if theirs is not None else None


@lru_cache(maxsize=4096)
def _usable(host: str) -> bool:
    try:
        return not IPv4Address(host).is_unspecified
    except AddressValueError:
        return False
