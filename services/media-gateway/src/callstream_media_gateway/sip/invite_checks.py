"""Whether a request outside of dialogs, and most of all an INVITE, can be served: RFC 3261 8.2, loops (16.3), and Replaces
(RFC 3891 3).
"""

from __future__ import annotations

import re

from .core import Core
from .dialog import Dialog
from .errors import ParseError
from .handler import Reply
from .message import Request
from .replaces import parse_replaces
from .session_timer import too_small
from .uri import NameAddr, Uri
from .via import parse_via

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*\Z")


def foreign(request: Request) -> Reply | None:
    """Why a Request-URI is none of ours, whatever the method (RFC 3261 8.2.2.1)."""
    scheme = request.uri.partition(":")[0].lower()
    if scheme in ("sip", "sips", "tel"):
        return None
    return Reply(416) if _SCHEME.match(scheme) else Reply(400, "Bad Request-URI")


def unusable(core: Core, request: Request) -> Reply | None:
    """Why it cannot; None when it can. Raises ParseError for broken addresses."""
    contacts = request.values("Contact")
    if len(contacts) > 1:
        return Reply(400, "Bad Contact")
    for contact in contacts:
        NameAddr.parse(contact, "Contact")
    NameAddr.parse(request.need("From"), "From")
    NameAddr.parse(request.need("To"), "To")
    if Uri.parse(request.uri, "Request-URI").headers is not None:
        return Reply(400, "Bad Request-URI")  # RFC 3261 19.1.1: no headers there
    for value in request.values("Record-Route"):
        NameAddr.parse(value, "Record-Route")
    if request.body and request.content_type != "application/sdp":
        return Reply(415, None, [("Accept", "application/sdp")])
    brief = too_small(request)
    if brief is not None:
        return Reply(422, None, brief)
    if request.get("Content-Encoding") not in (None, "", "identity"):
        return Reply(415, None, [("Accept-Encoding", "identity")])
    if not _takes_sdp(request):
        return Reply(406)
    if _came_back(core, request):
        core.counters["loops"] += 1
        return Reply(482)
    return None


def _takes_sdp(request: Request) -> bool:
    """Whether the caller lets us answer with a description. Without an Accept it does (RFC 3261 20.1)."""
    accepted = request.values("Accept")
    kinds = {value.partition(";")[0].strip().lower() for value in accepted} if accepted else None
    return not kinds or not kinds.isdisjoint(("application/sdp", "application/*", "*/*"))


def _came_back(core: Core, request: Request) -> bool:
    """An INVITE that we have sent ourselves and that is still under way, by the branch in its Via.

    The address there would not do: a peer behind address translation may well have the same. A Via of somebody else that
    cannot be read hinders nothing.
    """
    for value in request.values("Via"):
        try:
            branch = parse_via(value).branch
        except ParseError:
            continue
        if (branch, "INVITE") in core.transactions.client:
            return True
    return False


def replaced(core: Core, request: Request) -> Dialog | Reply | None:
    """The dialog that the new call takes the place of, or why it cannot; None when it replaces nothing.

    Only its owner knows what that means for a call: a dialog without `on_replace` declines. One that we are still ringing
    or being rung for is no match. Raises ParseError.
    """
    lines = request.lines("Replaces")
    if not lines:
        return None
    if len(lines) > 1:
        return Reply(400, "Bad Replaces")
    named = parse_replaces(lines[0])
    key = (named.call_id, named.to_tag, named.from_tag)
    dialog = core.dialogs.get(key)
    if dialog is None or dialog.state == "early":
        return Reply(603) if key in core.leaving else Reply(481)
    if dialog.is_over or dialog.on_replace is None:
        return Reply(603)
    return Reply(486) if named.early_only else dialog
