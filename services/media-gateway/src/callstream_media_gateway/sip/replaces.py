"""The Replaces header: which dialog a new call takes the place of (RFC 3891 6.1)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from .errors import ParseError
from .uri import Uri, parse_params


class Replaces(NamedTuple):
    """A dialog's name as the one sees it who is asked: to_tag is its own tag, from_tag its peer's."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False


def parse_replaces(value: str) -> Replaces:
    """ "callid;to-tag=a;from-tag=b;early-only". Raises ParseError."""
    call_id, _, tail = value.partition(";")
    params = parse_params(tail)
    to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
    if not call_id.strip() or not to_tag or not from_tag:
        raise ParseError("Replaces", "needs a Call-ID, a to-tag and a from-tag")
    # Clients of RFC 2543 have no tag; others name them "0" (RFC 3891 3).
    tags = ["" if tag == "0" else tag for tag in (to_tag, from_tag)]
    return Replaces(call_id.strip(), tags[0], tags[1], "early-only" in params)


def replaces_of(target: Uri) -> Replaces | None:
    """The Replaces in a Refer-To URI's headers, with its %-escapes undone; None without one. Raises ParseError."""
    for header in (target.headers or "").split("&"):
        name, equals, value = header.partition("=")
        if equals and name.lower() == "replaces":
            return parse_replaces(unquote(value))
    return None
