"""Building responses to a request (RFC 3261 8.2.6), with and without a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .message import Header, Request, Response
from .uri import parse_params


def response_headers(request: Request, to_tag: str | None) -> list[Header]:
    """Via lines, From, To with our tag, Call-ID and CSeq, as the request has them."""
    copied: list[Header] = []
    for header in request.headers:
        name = header[0]
        if name in _COPIED:
            copied.append(header)
        elif name == "To":
            value = header[1]
            copied.append(("To", value if to_tag is None or tag_of(value) else f"{value};tag={to_tag}"))
    return copied


_COPIED = frozenset(("Via", "From", "Call-ID", "CSeq"))


def make_response(
    request: Request,
    code: int,
    to_tag: str | None,
    reason: str | None = None,
    extra: Sequence[Header] = (),
    body: bytes = b"",
) -> bytes:
    headers = response_headers(request, to_tag)
    headers += extra
    return Response(code, reason, headers, body).to_bytes()


def stateless_tag(request: Request, secret: bytes) -> str:
    """The same tag for the same request each time, without remembering it (RFC 3261 8.2.7)."""
    name = f"{request.get('Via')}\n{request.get('Call-ID')}".encode("utf-8", "surrogateescape")
    return hashlib.blake2s(name, key=secret, digest_size=6).hexdigest()


_UNUSUAL = frozenset('; \t"=')


def tag_of(value: str) -> str | None:
    """The tag of a From or To value, without parsing the address in it."""
    tail = value[value.rfind(">") + 1 :]
    if tail.startswith(";tag=") and tail.isascii() and not _UNUSUAL.intersection(tail[5:]):
        return tail[5:]
    at = tail.find(";")
    return parse_params(tail[at + 1 :]).get("tag") if at >= 0 else None
