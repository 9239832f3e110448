"""An INVITE of a peer that we have not answered yet, as it is kept outside of the process: the next one answers or refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from .errors import ParseError
from .handler import Hop
from .inbound import server_key
from .incoming_call import IncomingCall
from .message import Request, parse_message
from .responses import tag_of
from .sdp import parse_sdp
from .via import parse_via, split_top, way_back

if TYPE_CHECKING:
    from .core import Core


class OfferedState(Struct, frozen=True, array_like=True):
    """request: the INVITE with the way back marked in its Via. transport, host, port: where it came from."""

    request: bytes
    local_tag: str
    transport: str
    host: str
    port: int


def can_be_kept(call: IncomingCall) -> bool:
    """Not once it is answered or over, and not while a reliable provisional response binds us (RFC 3262)."""
    return not call.is_over and call._reliable is None


def export(call: IncomingCall) -> OfferedState | None:
    """None when it cannot be kept."""
    if not can_be_kept(call):
        return None
    if call.exported is None:
        source = call.source
        call.exported = OfferedState(call.request.to_bytes(), call.local_tag, source.transport, source.host, source.port)
    return call.exported


def restore(core: Core, state: OfferedState) -> IncomingCall:
    """The call again; set its callbacks right after. Raises ParseError for a state that was not made by `export`."""
    request = parse_message(state.request)
    if not isinstance(request, Request):
        raise ParseError("request", "not an INVITE")
    source = Hop(state.transport, state.host, state.port)
    via = parse_via(split_top(request.need("Via"))[0])
    call = IncomingCall(core, request, source, parse_sdp(request.body) if request.body else None)
    call.local_tag = state.local_tag
    call.dialog_key = (call.call_id, call.local_tag, call.remote_tag)
    call._silent = False
    key = server_key(via, "INVITE", request, request.cseq[0], tag_of(request.need("From")))
    call.open(core.transactions.respond_to(key, way_back(via, source), call))
    return call
