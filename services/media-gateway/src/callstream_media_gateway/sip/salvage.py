"""What can still be read of a broken request, so that its sender gets its 400 (RFC 3261 8.2, 16.3)."""

from __future__ import annotations

from .header_names import canonical_name
from .message import Header, Request

_NEEDED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))


def salvage_request(data: bytes) -> Request | None:
    """A request with just the headers a response copies, or None when it is no request or lacks one of them."""
    head = data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    lines = head.decode("utf-8", "surrogateescape").replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
    words = lines[0].split()
    if len(words) < 3 or words[0].startswith("SIP/") or not words[-1].upper().startswith("SIP/"):
        return None
    headers: list[Header] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        spelled = canonical_name(name.strip())
        if colon and spelled in _NEEDED and value.strip():
            headers.append((spelled, value.replace("\r", " ").replace("\n", " ").strip()))
    if {name for name, _ in headers} != _NEEDED:
        return None
    return Request(words[0], words[1], headers)
