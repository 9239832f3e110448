"""Session descriptions (RFC 4566/8866): the immutable model, its parser and its writer."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple, cast

from .errors import ParseError

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_STATIC = {
    "0": ("PCMU", 8000),
    "3": ("GSM", 8000),
    "8": ("PCMA", 8000),
    "9": ("G722", 8000),
    "13": ("CN", 8000),
    "18": ("G729", 8000),
}
_WRITTEN = {"TELEPHONE-EVENT": "telephone-event", "OPUS": "opus"}
"""Names whose usual spelling is not upper case; some peers compare them letter by letter."""
MAX_MEDIA = 16
"""m= lines of one description; more is not telephony."""


class Codec(NamedTuple):
    """One format of an audio line: name in upper case as in rtpmap (PCMA, PCMU, TELEPHONE-EVENT), rate in Hz."""

    payload_type: int
    name: str
    rate: int = 8000
    channels: int = 1
    fmtp: str | None = None


class Media(NamedTuple):
    """One m= line.

    host: the address of its c= line, or the session's. port 0 means refused. codecs: the formats whose rtpmap is known;
    formats: all of them as written. ptime in ms. attributes: every other a= line without its "a=".
    """

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
    """A whole description. host: of o=. session_id and version: the two numbers of o=. attributes: the a= lines before
    the first m= line, without directions.
    """

    host: str
    session_id: int
    version: int
    media: tuple[Media, ...] = ()
    username: str = "-"
    name: str = "-"
    attributes: tuple[str, ...] = ()

    @property
    def audio(self) -> Media | None:
        """The first audio line that was not refused."""
        for line in self.media:
            if line.kind == "audio" and line.port:
                return line
        return None

    def to_bytes(self) -> bytes:
        """The description on the wire."""
        family = "IP6" if ":" in self.host else "IP4"
        lines = [
            "v=0",
            f"o={self.username} {self.session_id} {self.version} IN {family} {self.host}",
            f"s={self.name}",
            f"c=IN {family} {self.host}",
            "t=0 0",
            *(f"a={attribute}" for attribute in self.attributes),
        ]
        for media in self.media:
            _write_media(media, self.host, lines)
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1:
            raise ValueError("an SDP value holds a line break")
        return (text + "\r\n").encode("utf-8", "surrogateescape")


def _write_media(media: Media, session_host: str, lines: list[str]) -> None:
    formats = media.formats or tuple(str(codec.payload_type) for codec in media.codecs) or ("0",)
    lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(formats)}")
    if not media.port:
        lines.extend(f"a={attribute}" for attribute in media.attributes)
        return
    if media.host != session_host:
        lines.append(f"c=IN {'IP6' if ':' in media.host else 'IP4'} {media.host}")
    for codec in media.codecs:
        name = _WRITTEN.get(codec.name, codec.name)
        channels = f"/{codec.channels}" if codec.channels != 1 else ""
        lines.append(f"a=rtpmap:{codec.payload_type} {name}/{codec.rate}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    if media.ptime:
        lines.append(f"a=ptime:{media.ptime}")
    lines.append(f"a={media.direction}")
    lines.extend(f"a={attribute}" for attribute in media.attributes)


class _Section:
    """The lines of the session part or of one m= line while they are read."""

    __slots__ = ("attributes", "direction", "fmtp", "host", "line", "ptime", "rtpmap")

    def __init__(self, line: str, host: str | None, direction: str | None) -> None:
        self.line = line
        self.host = host
        self.direction = direction
        self.ptime: int | None = None
        self.rtpmap: dict[str, str] = {}
        self.fmtp: dict[str, str] = {}
        self.attributes: list[str] = []


def parse_sdp(body: bytes) -> SessionDescription:
    """Parse an SDP body. Raises ParseError naming the line ("sdp m=").

    Unknown lines and attributes are kept or skipped, never refused; bare line feeds are line ends too (RFC 8866 5).
    """
    text = body.decode("utf-8", "surrogateescape")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() != "v=0":
        raise ParseError("sdp v=", "the first line is not v=0")
    origin = name = None
    session = section = _Section("", None, None)
    sections: list[_Section] = []
    for line in lines:
        kind, value = line[:2], line[2:]
        if kind == "a=":
            _attribute(section, value)
        elif kind == "m=":
            if len(sections) == MAX_MEDIA:
                raise ParseError("sdp m=", f"more than {MAX_MEDIA} media lines")
            section = _Section(value, session.host, session.direction)
            sections.append(section)
        elif kind == "c=":
            section.host = _connection_host(value)
        elif kind == "o=":
            origin = value
        elif kind == "s=":
            name = value
        elif line and kind[1:] != "=":
            raise ParseError("sdp", f"not a type=value line: {line[:40]!r}")
    if origin is None:
        raise ParseError("sdp o=", "missing")
    username, session_id, version, host = _origin(origin)
    media = tuple([_media(section) for section in sections])
    return SessionDescription(host, session_id, version, media, username, (name or "-").strip() or "-", tuple(session.attributes))


def _origin(value: str) -> tuple[str, int, int, str]:
    parts = value.split()
    if len(parts) != 6:
        raise ParseError("sdp o=", f"not six fields: {value[:60]!r}")
    numbers = []
    for text in (parts[1], parts[2]):
        if not text.isascii() or not text.isdigit() or len(text) > 20:
            raise ParseError("sdp o=", f"not a number: {text[:30]!r}")
        numbers.append(int(text))
    return parts[0], numbers[0], numbers[1], parts[5]


def _connection_host(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise ParseError("sdp c=", f"not IN IP4/IP6 address: {value[:60]!r}")
    return parts[2].partition("/")[0]


def _attribute(section: _Section, value: str) -> None:
    key, colon, rest = value.partition(":")
    key = key.rstrip()
    if not colon and key in _DIRECTIONS:
        section.direction = key
    elif key == "rtpmap":
        number, _, mapping = rest.strip().partition(" ")
        section.rtpmap[number] = mapping.strip()
    elif key == "fmtp":
        number, _, parameters = rest.strip().partition(" ")
        section.fmtp[number] = parameters.strip()
    elif key == "ptime":
        digits = rest.strip().partition(".")[0]
        section.ptime = int(digits) if digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) <= 1000 else None
    elif value.strip():
        section.attributes.append(value.rstrip())


def _media(section: _Section) -> Media:
    parts = section.line.split()
    if len(parts) < 4:
        raise ParseError("sdp m=", f"not four fields: {section.line[:60]!r}")
    kind, port_text, protocol = parts[0].lower(), parts[1].partition("/")[0], parts[2]
    if not port_text.isascii() or not port_text.isdigit() or len(port_text) > 5 or int(port_text) > 65535:
        raise ParseError("sdp m=", f"bad port {port_text[:20]!r}")
    port = int(port_text)
    if section.host is None and port:
        raise ParseError("sdp c=", f"missing for the {kind[:20]} line")
    formats = tuple(parts[3:])
    codecs = (
        tuple([c for f in formats if (c := _codec(f, section.rtpmap.get(f), section.fmtp.get(f))) is not None])
        if kind == "audio"
        else ()
    )
    return Media(
        kind,
        port,
        protocol,
        section.host or "0.0.0.0",
        codecs,
        cast("Direction", section.direction or "sendrecv"),
        section.ptime,
        formats,
        tuple(section.attributes),
    )


def _codec(payload: str, mapping: str | None, fmtp: str | None) -> Codec | None:
    """The codec of one format; None for one we cannot name: it simply is not chosen."""
    if len(payload) > 3 or len(mapping or "") > 40 or len(fmtp or "") > 80:
        return _make_codec(payload, mapping, fmtp)
    return _cached_codec(payload, mapping, fmtp)


def _make_codec(payload: str, mapping: str | None, fmtp: str | None) -> Codec | None:
    if not payload.isascii() or not payload.isdigit() or len(payload) > 3 or int(payload) > 127:
        return None
    name, _, rest = (mapping or "").partition("/")
    rate, _, channels = rest.partition("/")
    if not rate.isascii() or not rate.isdigit() or len(rate) > 6:  # none, or none that can be read: RFC 3551 has the meaning
        static = _STATIC.get(payload)
        return Codec(int(payload), static[0], static[1], 1, fmtp) if static else None
    count = int(channels) if channels.isascii() and channels.isdigit() and len(channels) == 1 else 1
    return Codec(int(payload), name.upper(), int(rate), count, fmtp)


_cached_codec = lru_cache(maxsize=1024)(_make_codec)
"""The same few codecs stand in every description: one object each, however many calls."""
