"""Session descriptions (RFC 4566/8866): the immutable model, its parser and its writer."""

from __future__ import annotations

from typing import Literal, NamedTuple

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


class Codec(NamedTuple):
    """One format of an audio line: name in upper case as in rtpmap (PCMA, PCMU, TELEPHONE-EVENT), rate in Hz."""

    payload_type: int
    name: str
    rate: int = 8000
    channels: int = 1
    fmtp: str | None = None


class Media(NamedTuple):
    """One m= line. host is the address of its c= line, or the session's. port 0 means refused. ptime in ms."""

    kind: str
    port: int
    protocol: str
    host: str
    codecs: tuple[Codec, ...] = ()
    direction: Direction = "sendrecv"
    ptime: int | None = None
    formats: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


class SessionDescription(NamedTuple):
    """A whole description. session_id and version: the two numbers of o=; username of o=; host of c= or o=."""

    host: str
    session_id: int
    version: int
    media: tuple[Media, ...] = ()
    username: str = "-"
    name: str = "-"
    direction: Direction = "sendrecv"

    @property
    def audio(self) -> Media | None:
        """The first audio line that was not refused."""
        return next((line for line in self.media if line.kind == "audio" and line.port), None)

    def to_bytes(self) -> bytes:
        """The description on the wire."""
        raise NotImplementedError


def parse_sdp(body: bytes) -> SessionDescription:
    """Parse an SDP body. Raises ParseError naming the line ("sdp m=")."""
    raise NotImplementedError
