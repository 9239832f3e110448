"""SIP messages: a tolerant parser and a strict writer (RFC 3261 7, 20, 25).

A head is decoded once (UTF-8; other bytes survive as surrogates and are written back unchanged) and cut into
(name, value) pairs. Values stay text until someone asks: most headers of most messages are never looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from .errors import ParseError
from .header_names import canonical_name
from .header_names import known as _known_names
from .reasons import reason_phrase
from .uri import split_quoted

MAX_MESSAGE = 65_535
"""Bytes of one message, head and body: what a datagram can hold; streams obey the same limit."""
MAX_HEADERS = 256
"""Header lines of one message."""

Header = tuple[str, str]

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+\Z")
_LINE = re.compile(r"\r\n([^:\r\n]*)(:?)([^\r\n]*)")
"""Name, colon and value of one header line behind the start line."""
_FOLD = re.compile(r"\r\n[ \t]+")


class Message:
    """What requests and responses share. headers keep their order; their names are spelled as in header_names.py."""

    __slots__ = ("_first", "body", "headers")

    def __init__(self, headers: list[Header], body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        self._first: dict[str, str] | None = None

    def get(self, name: str) -> str | None:
        """The first line of a header; the name in its canonical spelling. Headers change by `replace_first` only."""
        first = self._first
        if first is None:
            first = self._first = dict(reversed(self.headers))
        return first.get(name)

    def replace_first(self, name: str, value: str) -> None:
        """Write another value into the first line of a header that is there."""
        for at, header in enumerate(self.headers):
            if header[0] == name:
                self.headers[at] = (name, value)
                break
        if self._first is not None:
            self._first[name] = value

    def need(self, name: str) -> str:
        """Like `get`; raises ParseError naming the header when it is missing or empty."""
        first = self._first
        value = self.get(name) if first is None else first.get(name)
        if not value:
            raise ParseError(name, "missing")
        return value

    def lines(self, name: str) -> list[str]:
        """Every line of a header whose commas separate nothing (credentials, dates, text)."""
        return [value for key, value in self.headers if key == name]

    def values(self, name: str) -> list[str]:
        """Every value of a header that lists values: several lines, several values on a line (RFC 3261 7.3.1)."""
        found: list[str] = []
        for key, value in self.headers:
            if key != name:
                continue
            if "," in value:
                found += [piece for raw in split_quoted(value, ",") if (piece := raw.strip())]
            elif value:
                found.append(value)
        return found

    def tokens(self, name: str) -> frozenset[str]:
        """The values of a list of tokens (Supported, Require) in lower case."""
        return frozenset(value.lower() for value in self.values(name)) if self.get(name) else frozenset()

    @property
    def call_id(self) -> str:
        return self.need("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """Sequence number and method. Raises ParseError."""
        return parse_cseq(self.need("CSeq"))

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters, "" when there is none."""
        return (self.get("Content-Type") or "").partition(";")[0].strip().lower()


class Request(Message):
    """method: as written (methods are case-sensitive). uri: the Request-URI as text."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str, headers: list[Header], body: bytes = b"") -> None:
        self.method = method
        self.uri = uri
        self.headers = headers
        self.body = body
        self._first = None

    def to_bytes(self) -> bytes:
        return _write(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri} {self.get('Call-ID')}>"


class Response(Message):
    """code: 100-699. reason: the phrase as written."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str | None, headers: list[Header], body: bytes = b"") -> None:
        self.code = code
        self.reason = reason_phrase(code) if reason is None else reason
        self.headers = headers
        self.body = body
        self._first = None

    def to_bytes(self) -> bytes:
        return _write(f"SIP/2.0 {self.code} {self.reason}", self.headers, self.body)

    def __repr__(self) -> str:
        return f"<{self.code} {self.reason} {self.get('Call-ID')}>"


def parse_message(data: bytes) -> Request | Response:
    """Parse one datagram or one framed message. Raises ParseError that names the part which is wrong.

    Without a Content-Length the body is what remains (RFC 3261 18.3); bytes behind it are dropped; fewer are an error.
    """
    if len(data) > MAX_MESSAGE:
        raise ParseError("message", f"larger than {MAX_MESSAGE} bytes")
    if data[:2] in (b"\r\n", b"\n"):  # RFC 3261 7.5: empty lines before the start line are ignored
        data = data.lstrip(b"\r\n")
    raw_head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        raw_head, blank, body = data.partition(b"\n\n")
        if not blank:  # a cut-off datagram: headers, or the body's length, are lost with its end
            raise ParseError("message", "no empty line behind the headers")
    start, headers = _parse_head(raw_head)
    message = _parse_start(start, headers)
    length_text = message.get("Content-Length")
    _refuse_doubles(message)
    if length_text is not None:
        length = parse_content_length(length_text)
        if length > len(body):
            raise ParseError("Content-Length", f"{length} announced, {len(body)} bytes came")
        body = body[:length]
    message.body = body
    return message


def _parse_head(raw: bytes) -> tuple[str, list[Header]]:
    text = _straighten(raw.decode("utf-8", "surrogateescape"))
    start = text.partition("\r\n")[0]
    lines = _LINE.findall(text, len(start))
    if len(lines) > MAX_HEADERS:
        raise ParseError("message", f"more than {MAX_HEADERS} header lines")
    known = _known_names
    return start, [
        (known[name] if name in known else _unusual_name(name, colon, value), value.strip()) for name, colon, value in lines
    ]


def _unusual_name(written: str, colon: str, value: str) -> str:
    name = written.rstrip(" \t")
    if not colon or not _TOKEN.match(name):
        raise ParseError("header", f"no header line: {f'{written}{colon}{value}'[:60]!r}")
    return canonical_name(name)


_SINGLE = frozenset(("Call-ID", "CSeq", "From", "To", "Content-Length", "Max-Forwards"))


def _refuse_doubles(message: Message) -> None:
    """Two From or Content-Length headers mean two things to two parsers: a way to smuggle. `get` was called before."""
    headers = message.headers
    if message._first is not None and len(message._first) < len(headers):
        seen = [name for name, _ in headers if name in _SINGLE]
        if len(set(seen)) < len(seen):
            raise ParseError(max(seen, key=seen.count), "more than once")


def _straighten(text: str) -> str:
    """The head with CR LF at the end of each line, and no folded lines."""
    bare = text.replace("\r\n", "")
    if "\n" in bare or "\r" in bare:
        text = text.replace("\r\n", "\n")  # bare line feeds are common in hand-made messages; a bare CR is not
        if "\r" in text:
            raise ParseError("header", "carriage return inside a line")
        text = text.replace("\n", "\r\n")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    return text


_CODES = {str(code): code for code in range(100, 700)}


def _parse_start(line: str, headers: list[Header]) -> Request | Response:
    first, _, rest = line.partition(" ")
    if first == "SIP/2.0":
        code_text, _, reason = rest.partition(" ")
        if code_text not in _CODES:
            raise ParseError("status line", f"bad status code {code_text[:20]!r}")
        return Response(_CODES[code_text], reason, headers)
    uri, _, version = rest.partition(" ")
    if version != "SIP/2.0":
        if version.upper().startswith("SIP/") and " " not in version and version.upper() != "SIP/2.0":
            raise ParseError("SIP-Version", f"{version[:20]!r} is not supported")
        if version.upper() != "SIP/2.0":
            raise ParseError("request line", f"not METHOD URI SIP/2.0: {line[:60]!r}")
    if not uri or not _TOKEN.match(first):
        raise ParseError("request line", f"bad method or URI: {line[:60]!r}")
    return Request(first, uri, headers)


def _write(start: str, headers: Sequence[Header], body: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers if name != "Content-Length"]
    head = "\r\n".join([start, *lines, f"Content-Length: {len(body)}\r\n\r\n"])
    # Only the line ends written here may be line ends: a CR or LF inside a value would forge headers.
    ends = len(lines) + 3
    if head.count("\n") != ends or head.count("\r") != ends:
        raise ValueError("a header value holds a line break")
    return head.encode("utf-8", "surrogateescape") + body


def parse_cseq(value: str) -> tuple[int, str]:
    """ "4711 INVITE" (RFC 3261 20.16: below 2^31)."""
    return _cached_cseq(value) if len(value) <= _CACHED_LENGTH else _parse_cseq(value)


def _parse_cseq(value: str) -> tuple[int, str]:
    number, _, method = value.partition(" ")
    method = method.strip()
    if not number.isascii() or not number.isdigit() or len(number) > 10 or int(number) >= 2**31:
        raise ParseError("CSeq", f"bad number {number[:20]!r}")
    if not method:
        raise ParseError("CSeq", "no method")
    return int(number), method


_CACHED_LENGTH = 24
_cached_cseq = lru_cache(maxsize=256)(_parse_cseq)
"""Each message is asked several times, and the numbers of most calls are small."""


@lru_cache(maxsize=256)
def parse_content_length(value: str) -> int:
    """Raises ParseError for more than nine digits, which nothing remembers."""
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise ParseError("Content-Length", f"not a length: {value[:20]!r}")
    return int(value)


def parse_seconds(value: str, field: str) -> int:
    """Delta seconds of Expires, Session-Expires, Min-SE: 0 to 2^32-1, with parameters or a comment behind."""
    digits = value.partition(";")[0].partition("(")[0].strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 10 or int(digits) >= 2**32:
        raise ParseError(field, f"not a number of seconds: {value[:20]!r}")
    return int(digits)


def without(headers: Iterable[Header], *names: str) -> list[Header]:
    """The headers except those named."""
    return [header for header in headers if header[0] not in names]
