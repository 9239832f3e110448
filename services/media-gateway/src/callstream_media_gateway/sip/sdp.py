"""Session descriptions (RFC 4566/8866): the immutable model, its parser and its writer."""

from __future__ import annotations

from collections.abc import Callable
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


class _Fields(NamedTuple):
    host: str
    session_id: int
    version: int
    media: tuple[Media, ...] = ()
    username: str = "-"
    name: str = "-"
    attributes: tuple[str, ...] = ()


class SessionDescription(_Fields):
    """A whole description. host: of o=. session_id and version: the two numbers of o=. attributes: the a= lines before
    the first m= line, without directions.
    """

    _written: bytes | None = None  # a description is sent, and noted again and again, as long as it is in force

    @property
    def audio(self) -> Media | None:
        """The first audio line that was not refused."""
        for line in self.media:
            if line.kind == "audio" and line.port:
                return line
        return None

    def to_bytes(self) -> bytes:
        """The description on the wire."""
        if self._written is None:
            self._written = self._write()
        return self._written

    def _write(self) -> bytes:
        family = "IP6" if ":" in self.host else "IP4"
        lines = [
            "v=0",
            f"o={self.username} {self.session_id} {self.version} IN {family} {self.host}",
            f"s={self.name}",
            f"c=IN {family} {self.host}",
            "t=0 0",
            *[f"a={attribute}" for attribute in self.attributes],
        ]
        for media in self.media:
            lines += _media_lines(media, self.host)
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) - 1:
            raise ValueError("an SDP value holds a line break")
        return (text + "\r\n").encode("utf-8", "surrogateescape")


def _media_lines(media: Media, session_host: str) -> list[str]:
    formats = media.formats or [str(codec.payload_type) for codec in media.codecs] or ("0",)
    lines = [f"m={media.kind} {media.port} {media.protocol} {' '.join(formats)}"]
    if media.port:
        if media.host != session_host:
            lines.append(f"c=IN {'IP6' if ':' in media.host else 'IP4'} {media.host}")
        lines += _codec_lines(media.codecs)
        if media.ptime:
            lines.append(f"a=ptime:{media.ptime}")
        lines.append(f"a={media.direction}")
    if media.attributes:
        lines += [f"a={attribute}" for attribute in media.attributes]
    return lines


@lru_cache(maxsize=64)
def _codec_lines(codecs: tuple[Codec, ...]) -> tuple[str, ...]:
    """Few lists of codecs are ever written: our own, and what is left of it for each kind of peer."""
    lines = []
    for codec in codecs:
        name = _WRITTEN.get(codec.name, codec.name)
        channels = f"/{codec.channels}" if codec.channels != 1 else ""
        lines.append(f"a=rtpmap:{codec.payload_type} {name}/{codec.rate}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    return tuple(lines)


class _Section:
    """The session part or one m= line with what follows it. attributes: the a= lines without their "a="."""

    __slots__ = ("attributes", "host", "line")

    def __init__(self, line: str, host: str | None) -> None:
        self.line = line
        self.host = host
        self.attributes: list[str] = []


class _Said(NamedTuple):
    """What the a= lines of a section say. attributes: the others, as they are."""

    codecs: tuple[Codec, ...]
    direction: Direction | None
    ptime: int | None
    attributes: tuple[str, ...]


_Read = Callable[[tuple[str, ...], tuple[str, ...]], _Said]


def parse_sdp(body: bytes) -> SessionDescription:
    """Parse an SDP body. Raises ParseError naming the line ("sdp m=").

    Unknown lines and attributes are kept or skipped, never refused; bare line feeds are line ends too (RFC 8866 5).
    """
    text = body.decode("utf-8", "surrogateescape")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() != "v=0":
        raise ParseError("sdp v=", "the first line is not v=0")
    origin = name = None
    session = section = _Section("", None)
    sections: list[_Section] = []
    for line in lines:
        kind, value = line[:2], line[2:]
        if kind == "a=":
            section.attributes.append(value)
        elif kind == "m=":
            if len(sections) == MAX_MEDIA:
                raise ParseError("sdp m=", f"more than {MAX_MEDIA} media lines")
            section = _Section(value, session.host)
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
    read = _known_attributes if len(body) <= _REMEMBERED else _read_attributes
    said = read((), tuple(session.attributes))
    media = tuple([_media(section, said.direction or "sendrecv", read) for section in sections])
    return SessionDescription(host, session_id, version, media, username, (name or "-").strip() or "-", said.attributes)


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


def _read_attributes(formats: tuple[str, ...], lines: tuple[str, ...]) -> _Said:
    """formats: those of an audio line, whose codecs are wanted."""
    direction: str | None = None
    ptime: int | None = None
    rtpmap: dict[str, str] = {}
    fmtp: dict[str, str] = {}
    others: list[str] = []
    for line in lines:
        key, colon, rest = line.partition(":")
        key = key.rstrip()
        if not colon and key in _DIRECTIONS:
            direction = key
        elif key == "rtpmap":
            number, _, mapping = rest.strip().partition(" ")
            rtpmap[number] = mapping.strip()
        elif key == "fmtp":
            number, _, parameters = rest.strip().partition(" ")
            fmtp[number] = parameters.strip()
        elif key == "ptime":
            digits = rest.strip().partition(".")[0]
            ptime = int(digits) if digits.isascii() and digits.isdigit() and 0 < int(digits[:6]) <= 1000 else None
        elif line.strip():
            others.append(line.rstrip())
    codecs = tuple([codec for f in formats if (codec := _codec(f, rtpmap.get(f), fmtp.get(f))) is not None])
    return _Said(codecs, cast("Direction | None", direction), ptime, tuple(others))


_REMEMBERED = 1000
"""Bytes of the longest description whose lines are remembered: a telephone's. A browser's are new each time."""
_known_attributes = lru_cache(maxsize=256)(_read_attributes)
"""One kind of telephone writes the same a= lines into each description."""


def _media(section: _Section, direction: Direction, read: _Read) -> Media:
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
    said = read(formats if kind == "audio" else (), tuple(section.attributes))
    return Media(
        kind,
        port,
        protocol,
        section.host or "0.0.0.0",
        said.codecs,
        said.direction or direction,
        said.ptime,
        formats,
        said.attributes,
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
