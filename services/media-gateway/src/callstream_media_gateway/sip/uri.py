"""SIP, SIPS and tel URIs and the name-addr form of From, To and Contact (RFC 3261 19, 20.10, 25.1; RFC 3966)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .errors import ParseError

Params = dict[str, str | None]
"""Parameters in order; names in lower case; None for a parameter without "="."""


_CACHED_LENGTH = 200  # longer texts are parsed each time, so that nobody can fill the caches with megabytes
_NOT_IN_HOST = frozenset(' \t<>"@,;')
_NOT_IN_URI = frozenset('<>"')  # they would end it for the next reader


class _UriFields(NamedTuple):
    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Params = {}  # never changed
    headers: str | None = None
    password: str | None = None


class Uri(_UriFields):
    """A parsed URI.

    user keeps its %-escapes and may hold ";" parameters of a telephone number. host is in lower case, an IPv6 address
    keeps its brackets; for a tel URI it is "" and user is the number. port is None when not written. headers is the
    text behind "?".
    """

    _written: str | None = None  # a dialog writes its few addresses into each of its messages

    @classmethod
    def parse(cls, text: str, field: str = "URI") -> Uri:
        """Parse a URI without angle brackets. Raises ParseError naming `field`."""
        return _cached_uri(text, field) if len(text) <= _CACHED_LENGTH else cls._parse(text, field)

    @classmethod
    def _parse(cls, text: str, field: str) -> Uri:
        scheme, colon, rest = text.strip().partition(":")
        scheme = scheme.lower()
        if not colon or not rest:
            raise ParseError(field, f"not a URI: {text[:80]!r}")
        if not _NOT_IN_URI.isdisjoint(text):
            raise ParseError(field, f"quotes or brackets inside a URI: {text[:80]!r}")
        if scheme == "tel":
            number, _, tail = rest.partition(";")
            if number.split() != [number]:  # white space of any kind
                raise ParseError(field, f"no telephone number: {number[:40]!r}")
            return cls("tel", number, "", None, parse_params(tail) if tail else {})
        if scheme not in ("sip", "sips"):
            raise ParseError(field, f"unknown scheme {scheme[:20]!r}")
        # "@" ends the user part, which may hold "?" and ";"; elsewhere in a URI it is always escaped (RFC 3261 25.1).
        userinfo, at, hostpart = rest.rpartition("@")
        hostpart, question, headers = hostpart.partition("?")
        hostport, _, tail = hostpart.partition(";")
        host, port = split_host_port(hostport, field)
        user, password = None, None
        if at:
            user, colon, secret = userinfo.partition(":")
            if not user or userinfo.split() != [userinfo]:
                raise ParseError(field, f"no user before @: {userinfo[:40]!r}")
            password = secret if colon else None
        params = parse_params(tail) if tail else {}
        return cls(scheme, user, host, port, params, headers if question else None, password)

    def __str__(self) -> str:
        if self._written is None:
            secret = "" if self.password is None else f":{self.password}"
            user = "" if self.user is None else f"{self.user}{secret}{'@' if self.host else ''}"
            port = "" if self.port is None else f":{self.port}"
            headers = "" if self.headers is None else f"?{self.headers}"
            self._written = f"{self.scheme}:{user}{self.host}{port}{format_params(self.params)}{headers}"
        return self._written

    @property
    def address(self) -> str:
        """scheme:user@host in one spelling: the key of an address-of-record (RFC 3261 10.3 step 5)."""
        user = f"{self.user}@" if self.user is not None else ""
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}:{user}{self.host}{port}"


class _NameAddrFields(NamedTuple):
    name: str
    uri: Uri
    params: Params = {}  # never changed


class NameAddr(_NameAddrFields):
    """A display name, a URI and the header's own parameters (tag, expires, q)."""

    _written: str | None = None

    @classmethod
    def parse(cls, text: str, field: str = "address") -> NameAddr:
        """Parse `"Name" <uri>;params`, `Name <uri>` or a bare `uri;params` (whose params are the header's)."""
        return _cached_address(text, field) if len(text) <= _CACHED_LENGTH else cls._parse(text, field)

    @classmethod
    def _parse(cls, text: str, field: str) -> NameAddr:
        text = text.strip()
        name = ""
        if text.startswith('"'):
            end = _end_of_quoted(text, field)
            name = unquote(text[: end + 1])
            text = text[end + 1 :].lstrip()
            if not text.startswith("<"):
                raise ParseError(field, "no <URI> behind the quoted name")
        open_at = text.find("<")
        if open_at >= 0:
            close_at = text.find(">", open_at)
            if close_at < 0:
                raise ParseError(field, "no > behind <")
            if open_at:
                name = text[:open_at].strip()
            tail = text[close_at + 1 :].strip()
            uri = Uri.parse(text[open_at + 1 : close_at], field)
            if tail and not tail.startswith(";"):
                raise ParseError(field, f"unexpected text behind >: {tail[:40]!r}")
            return cls(name, uri, parse_params(tail[1:]) if tail else {})
        bare, _, tail = text.partition(";")
        if "?" in bare:  # whose headers would these be? Only brackets can tell (RFC 3261 20)
            raise ParseError(field, f"a URI with headers outside of brackets: {text[:80]!r}")
        return cls(name, Uri.parse(bare, field), parse_params(tail) if tail else {})

    def __str__(self) -> str:
        if self._written is None:
            name = f"{quote(self.name)} " if self.name else ""
            self._written = f"{name}<{self.uri}>{format_params(self.params)}"
        return self._written

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")

    def tagged(self, tag: str) -> NameAddr:
        """The same with this tag."""
        return NameAddr(self.name, self.uri, {**self.params, "tag": tag})


@lru_cache(maxsize=2048)
def _cached_uri(text: str, field: str) -> Uri:
    """The same few URIs come again and again: a dialog's in each of its messages, a trunk's in each of its calls."""
    return Uri._parse(text, field)


@lru_cache(maxsize=1024)
def _cached_address(text: str, field: str) -> NameAddr:
    return NameAddr._parse(text, field)


def split_host_port(text: str, field: str) -> tuple[str, int | None]:
    """Split "host:port", "[v6]:port" or "host". Underscores in names are let through: phones send them."""
    return _cached_host_port(text, field) if len(text) <= _CACHED_LENGTH else _split_host_port(text, field)


def _split_host_port(text: str, field: str) -> tuple[str, int | None]:
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ParseError(field, f"broken IPv6 reference {text[:60]!r}")
        host, port_text = host + "]", rest[1:] if rest else None
        if not rest:
            port_text = None
    else:
        host, colon, after = text.partition(":")
        port_text = after.strip() if colon else None
        host = host.rstrip()
    if not host or not _NOT_IN_HOST.isdisjoint(host):
        raise ParseError(field, f"bad host {host[:60]!r}")
    return host.lower(), None if port_text is None else parse_port(port_text, field)


_cached_host_port = lru_cache(maxsize=256)(_split_host_port)
"""A peer's address stands in each of its messages."""


def parse_port(text: str, field: str) -> int:
    """A port number 0-65535 of ASCII digits."""
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise ParseError(field, f"bad port {text[:20]!r}")
    return int(text)


_IN_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~[]/:&$")
"""A token (RFC 3261 25.1), and what URIs allow in their parameters besides, without what would read as a separator."""


_USUAL_NAMES = frozenset(("branch", "expires", "lr", "received", "rport", "tag", "transport"))
"""Need neither trimming nor a look at their letters."""


def parse_params(text: str) -> Params:
    """Parse `a=1;b;c="x;y"` (no leading ";"). Quoted values lose their quotes; what has no token for a name is no parameter."""
    pieces = split_quoted(text, ";") if '"' in text else text.split(";")
    params: Params = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if name not in _USUAL_NAMES:
            name = name.strip().lower()
            if not name or not _IN_NAME.issuperset(name):
                continue
        if not equals:
            params[name] = None
            continue
        value = value.strip()
        params[name] = unquote(value) if value[:1] == '"' else value
    return params


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~[]:/?&=$@")


def format_params(params: Params) -> str:
    """Write `;a=1;b`. A value that is no token or host is quoted."""
    text = ""
    for name, value in params.items():
        if value is None:
            text += f";{name}"
        elif value and _PLAIN.issuperset(value):
            text += f";{name}={value}"
        else:
            text += f";{name}={quote(value)}"
    return text


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside of "quoted strings" and <angle brackets>."""
    if '"' not in text and "<" not in text:
        return text.split(separator)
    pieces: list[str] = []
    start, quoted, angle, skip = 0, False, False, False
    for at, char in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            if char == "\\":
                skip = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == separator and not angle:
            pieces.append(text[start:at])
            start = at + 1
    pieces.append(text[start:])
    return pieces


def unquote(text: str) -> str:
    """The content of a quoted string; text without quotes comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text.strip('"')
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    out, skip = [], False
    for char in inner:
        if char == "\\" and not skip:
            skip = True
            continue
        skip = False
        out.append(char)
    return "".join(out)


def quote(text: str) -> str:
    """Write a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _end_of_quoted(text: str, field: str) -> int:
    at = 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            return at
        at += 1
    raise ParseError(field, "quoted name without an end")
