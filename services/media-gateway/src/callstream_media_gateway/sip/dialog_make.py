"""A dialog from the messages that make it: RFC 3261 12.1.1 for the callee's side, 12.1.2 for the caller's.

Either may be early (RFC 3262 3, RFC 3311 5): made by a provisional response, and confirmed or dropped by the final one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dialog import Dialog
from .errors import ParseError
from .message import Response
from .reach import hop_to, is_hidden
from .sdp import SessionDescription
from .uri import NameAddr
from .via import parse_via, split_top

if TYPE_CHECKING:
    from .core import Core
    from .incoming_call import IncomingCall
    from .outgoing_call import OutgoingCall


def of_incoming(core: Core, call: IncomingCall, sdp: SessionDescription) -> Dialog:
    """The callee's side, early until `answered`. sdp: ours, or one without media while there is none."""
    request = call.request
    local = call.to.tagged(call.local_tag)
    contacts = request.values("Contact")  # RFC 2543 callers may have none: they are reached at their From
    target = NameAddr.parse(contacts[0], "Contact").uri if contacts else call.from_.uri
    routes = [NameAddr.parse(value, "Record-Route") for value in request.values("Record-Route")]
    dialog = Dialog(core, call.call_id, local, call.from_, target, routes, call.source, sdp)
    dialog.hidden = is_hidden(target, parse_via(split_top(request.need("Via"))[0]).host, call.source)
    dialog.remote_sdp = call.offer
    dialog.peer_allows = request.get("Allow") or ""
    dialog.remote_cseq = call.cseq
    dialog.state = "early"
    return dialog


def of_outgoing(core: Core, call: OutgoingCall, response: Response, tag: str) -> Dialog:
    """The caller's side, early until `confirmed` by a 2xx. Raises ParseError for a broken Contact or Record-Route."""
    remote = call.to.tagged(tag) if tag else call.to
    dialog = Dialog(core, call.call_id, call.local, remote, call.target, _routes(response), call.hop, call.offer)
    dialog.made_call_id = True
    dialog.local_cseq = call.cseq + call.cseq_gap
    dialog.credentials = call.credentials
    dialog.state = "early"
    try:
        learn(dialog, call, response)
    except ParseError:
        dialog.feed("hang up")
        raise
    return dialog


def learn(dialog: Dialog, call: OutgoingCall, response: Response) -> None:
    """Target and routes as this response has them: those of the 2xx replace the early ones (RFC 3261 13.2.2.4).

    A missing Contact is forgiven: the target stays.
    """
    contacts = response.values("Contact")
    if contacts:
        dialog.remote_target = NameAddr.parse(contacts[0], "Contact").uri
    dialog.route_set = _routes(response)
    # A phone called at the source of its registration answers with the same Contact: that source is still the way.
    dialog.hidden = call.hop != hop_to(call.target) == hop_to(dialog.remote_target)
    dialog.peer_allows = response.get("Allow") or dialog.peer_allows


def _routes(response: Response) -> list[NameAddr]:
    return [NameAddr.parse(value, "Record-Route") for value in reversed(response.values("Record-Route"))]
