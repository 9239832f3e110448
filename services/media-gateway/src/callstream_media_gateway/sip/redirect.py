"""Where a redirected call may go next (RFC 3261 8.1.3.4). Pure."""

from __future__ import annotations

from .errors import ParseError
from .message import Response
from .uri import NameAddr, Uri

FOLLOWED = frozenset((300, 301, 302))
MAX_TARGETS = 5
"""Addresses that one call may try after its first; more is a loop, or somebody else's money."""


class Redirects:
    """The addresses that 3xx responses have named, best first, none of them twice."""

    __slots__ = ("_left", "_seen", "_waiting")

    def __init__(self, target: Uri) -> None:
        self._seen = {target.address}
        self._waiting: list[Uri] = []
        self._left = MAX_TARGETS

    def add(self, response: Response) -> None:
        """Take the Contacts of a 3xx, by their q (1 when unsaid). One that cannot be read is passed over."""
        found: list[tuple[float, Uri]] = []
        for value in response.values("Contact"):
            try:
                contact = NameAddr.parse(value, "Contact")
            except ParseError:
                continue
            found.append((_weight(contact.params.get("q")), contact.uri._replace(headers=None)))
        found.sort(key=lambda item: -item[0])
        self._waiting += [uri for _, uri in found]

    def next(self) -> Uri | None:
        """The next one to try; None when none is left, or the limit is reached."""
        while self._waiting and self._left:
            uri = self._waiting.pop(0)
            if uri.address not in self._seen:
                self._seen.add(uri.address)
                self._left -= 1
                return uri
        return None

    def __bool__(self) -> bool:
        return bool(self._waiting and self._left)


def _weight(q: str | None) -> float:
    digits = (q or "1").replace(".", "", 1)
    return float(q or "1") if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0.0
