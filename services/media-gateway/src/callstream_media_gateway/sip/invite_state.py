"""An INVITE of ours that nobody has answered yet, as it is kept outside of the process: a phone that rings goes on ringing, and
its answer is heard by the next process. A peer that answers while nobody listens repeats its answer (RFC 3261 13.3.1.4, 17.2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from .dialog_state import CSEQ_JUMP, kept, taken
from .errors import ParseError
from .handler import Hop
from .message import Request, parse_message
from .outgoing_call import OutgoingCall
from .sdp import parse_sdp
from .uri import NameAddr, Uri

if TYPE_CHECKING:
    from .core import Core


class InviteState(Struct, frozen=True, array_like=True):
    """local: our From with its tag. request: the INVITE as it was sent, for ACK and CANCEL. interval: seconds (RFC 4028), 0 for
    none. early: To-tag and description of each peer that has described its early media, which its 2xx need not repeat (one
    character for each byte). What is not kept: credentials, for whoever restores it to set, and redirections: a 3xx that comes
    later is a failure.
    """

    target: str
    local: str
    to: str
    call_id: str
    cseq: int
    branch: str
    transport: str
    host: str
    port: int
    request: bytes
    interval: int
    rang: bool
    early: tuple[tuple[str, str], ...] = ()


def export(call: OutgoingCall) -> InviteState | None:
    """None once it is answered, has failed or was cancelled."""
    transaction = call._transaction
    if call.state not in ("calling", "ringing") or transaction is None or transaction.request is None or not transaction.last:
        return None
    return InviteState(
        target=str(call.target),
        local=str(call.local),
        to=str(call.to),
        call_id=call.call_id,
        cseq=call.cseq,
        branch=transaction.key[0],
        transport=call.hop.transport,
        host=call.hop.host,
        port=call.hop.port,
        request=transaction.last,
        interval=call._interval,
        rang=call.state == "ringing",
        early=tuple((kept(tag), sdp.to_bytes().decode("latin-1")) for tag, sdp in call.early.described.items()),
    )


def restore(core: Core, state: InviteState) -> OutgoingCall:
    """The call again; set its callbacks right after. Raises ParseError for a state that was not made by `export`."""
    request = parse_message(state.request)
    if not isinstance(request, Request):
        raise ParseError("request", "not an INVITE")
    hop = Hop(state.transport, state.host, state.port)
    local = NameAddr.parse(state.local, "local")
    to = NameAddr.parse(state.to, "to")
    call = OutgoingCall(core, Uri.parse(state.target, "target"), local, to, parse_sdp(request.body), hop, (), None)
    call.call_id, call.local, call.local_tag, call.cseq = state.call_id, local, local.tag or "", state.cseq
    call.cseq_gap = CSEQ_JUMP
    call.early.described.update({taken(tag): parse_sdp(sdp.encode("latin-1")) for tag, sdp in state.early})
    call._interval = state.interval
    call.state = "ringing" if state.rang else "calling"
    call._transaction = core.transactions.resume(request, state.branch, hop, call)
    return call
