"""What can still be read of a broken request, so that its sender gets its 400 (RFC 3261 8.2, 16.3)."""

from __future__ import annotations

from .header_names import canonical_name
from .message import Header, Request

_COPIED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))


def salvage_request(data: bytes) -> Request | None:
    """A request with just those headers that a response copies; None when it is no request or has no way back."""
    head = data.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    lines = head.decode("utf-8", "surrogateescape").replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
    words = lines[0].split()
    if len(words) < 3 or words[0].startswith("SIP/") or not words[-1].upper().startswith("SIP/"):
        return None
    headers: list[Header] = []
    for line in lines[1:]:
        written, colon, value = line.partition(":")
        spelled = canonical_name(written.strip())
        doubled = spelled != "Via" and any(spelled == name for name, _ in headers)
        if colon and spelled in _COPIED and not doubled and value.strip():
            headers.append((spelled, value.replace("\r", " ").replace("\n", " ").strip()))
    if all(name != "Via" for name, _ in headers):
        return None
    return Request(words[0], words[1], headers)
