"""Everything that arrives: parsed, checked, and led to its transaction, its dialog, or the owner (RFC 3261 8.2, 18).

The order of the checks is the defence: a stranger's request costs a parse and one stateless answer, nothing more.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from .core import ALLOW, SUPPORTED, Core, log
from .errors import ParseError
from .handler import STREAMS, Hop, Reply, UserAgentHandler
from .incoming_call import IncomingCall
from .invite_checks import foreign, replaced, unusable
from .message import MAX_MESSAGE, Header, Request, Response, parse_message
from .responses import make_response, stateless_tag, tag_of
from .salvage import salvage_request
from .sdp import SessionDescription, parse_sdp
from .stream import BrokenStreamError
from .transactions import ServerKey, send_response
from .uri import NameAddr
from .via import MAGIC, Via, mark_received, parse_via, split_top, way_back

_RECOGNISED = frozenset(("CANCEL", "ACK", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"))
_ONLY_IN_DIALOG = frozenset(("BYE", "INFO", "PRACK", "UPDATE"))
_EXTENSIONS = frozenset(("100rel", "norefersub", "replaces", "timer"))
"""Option tags we understand when a request requires them."""


class Inbound:
    """Entry points for the transport; all state is in `core`."""

    def __init__(self, core: Core, handler: UserAgentHandler) -> None:
        self._core = core
        self._handler = handler
        self._counters = core.counters
        self._secret = secrets.token_bytes(16)

    def on_message(self, data: bytes, source: Hop) -> None:
        """A datagram or a framed message. Raises nothing."""
        try:
            message = parse_message(data)
            if isinstance(message, Response):
                self._on_response(message)
            else:
                self._on_request(message, source)
        except ParseError as error:
            self._refuse_malformed(data, source, error)
        except Exception:  # noqa: BLE001 - nothing that arrives may stop the transport; logged and counted as a defect
            self._counters["internal_errors"] += 1
            log.exception("a message from %s could not be handled", source)

    def on_broken(self, error: BrokenStreamError, source: Hop) -> None:
        """A stream whose message boundaries are lost."""
        self._refuse_malformed(error.head, source, error)

    def _refuse_malformed(self, data: bytes, source: Hop, error: ParseError) -> None:
        """Count; answer 400 (505, 513) when enough of a request can be read to answer it (RFC 3261 8.2, 16.3)."""
        self._counters["malformed"] += 1
        oversized = "larger than" in error.problem
        if oversized:
            self._counters["oversized"] += 1
        request = salvage_request(data[:MAX_MESSAGE])
        if request is None or request.method == "ACK":
            return
        code = 505 if error.field == "SIP-Version" else 513 if oversized else 400
        reason = f"Bad {error.field}" if code == 400 else None
        try:
            self._mark_via(request, source)
            self._stateless(request, source, code, reason)
        except (ParseError, ValueError):
            return

    def _on_response(self, response: Response) -> None:
        self._counters["received_responses"] += 1
        method = response.cseq[1]
        for name in ("From", "To", "Call-ID"):
            response.need(name)
        top, rest = split_top(response.need("Via"))
        if rest or len(response.lines("Via")) > 1:
            self._counters["stray_responses"] += 1  # RFC 3261 8.1.3.3: meant for somebody else
            return
        if not self._core.transactions.on_response(response, parse_via(top).branch, method):
            self._counters["stray_responses"] += 1
            if method == "INVITE" and 200 <= response.code < 300:
                self._acknowledge_late(response)

    def _acknowledge_late(self, response: Response) -> None:
        """The answer to a re-INVITE that was sent before a restore: a peer without its ACK would hang up."""
        name = (response.call_id, tag_of(response.need("From")) or "", tag_of(response.need("To")) or "")
        dialog = self._core.dialogs.get(name)
        if dialog is not None:
            self._core.send(dialog.make_ack(response.cseq[0]), dialog.remote_hop)

    def _on_request(self, request: Request, source: Hop) -> None:
        self._counters["received_requests"] += 1
        via = self._mark_via(request, source)
        method = request.method
        number, cseq_method = request.cseq
        if cseq_method != method:
            raise ParseError("CSeq", f"method {cseq_method[:20]!r} in a {method[:20]} request")
        from_tag = tag_of(request.need("From"))
        to_tag = tag_of(request.need("To"))
        key = server_key(via, "INVITE" if method == "ACK" else method, request, number, from_tag)
        transaction = self._core.transactions.server.get(key)
        if transaction is not None:
            if method == "ACK":
                transaction.feed("ack", request)
            else:
                self._counters["retransmissions_in"] += 1
                transaction.feed("request")
        elif method == "CANCEL":
            self._on_cancel(request, source, via, key)
        elif to_tag is not None:
            self._on_request_in_dialog(request, source, via, key, (request.call_id, to_tag, from_tag or ""))
        elif method == "ACK":
            self._counters["stray_acks"] += 1
        else:
            self._on_request_outside(request, source, via, key)

    def _mark_via(self, request: Request, source: Hop) -> Via:
        """Parse the top Via, note where the request really came from, and write that into the request."""
        line = request.need("Via")
        top, rest = split_top(line)
        via = parse_via(top)
        marked = mark_received(via, source)
        if marked is not via:
            request.replace_first("Via", f"{marked}{rest}")
        return marked

    def _stateless(
        self, request: Request, source: Hop, code: int, reason: str | None = None, extra: Sequence[Header] = ()
    ) -> None:
        via = parse_via(split_top(request.need("Via"))[0])
        tag = stateless_tag(request, self._secret)
        self._core.send(make_response(request, code, tag, reason, extra), way_back(via, source))

    def _on_cancel(self, request: Request, source: Hop, via: Via, key: ServerKey) -> None:
        """CANCEL names its INVITE by branch and sent-by (RFC 3261 9.2); it is answered by itself."""
        invite = self._core.transactions.server.get((*key[:3], "INVITE"))
        if invite is None:
            self._stateless(request, source, 481)
            return
        call = invite.user  # none any more after our final answer: the CANCEL came too late
        transaction = self._core.transactions.respond_to(key, way_back(via, source), None)
        send_response(transaction, 200, make_response(request, 200, invite.tag))
        if isinstance(call, IncomingCall):
            call.feed("cancel")

    def on_ack(self, ack: Request) -> None:
        """An ACK for a dialog of ours, by its names."""
        name = (ack.call_id, tag_of(ack.need("To")) or "", tag_of(ack.need("From")) or "")
        dialog = self._core.dialogs.get(name)
        if dialog is None:
            self._counters["stray_acks"] += 1
        else:
            dialog.on_ack_request(ack)

    def _on_request_in_dialog(self, request: Request, source: Hop, via: Via, key: ServerKey, name: tuple[str, str, str]) -> None:
        if request.method == "ACK":
            self.on_ack(request)
            return
        dialog = self._core.dialogs.get(name)
        if dialog is None and (call := self._core.early.get(name)) is not None:
            dialog = call.early_dialog()
        unsupported = request.tokens("Require") - _EXTENSIONS
        if unsupported:
            self._stateless(request, source, 420, None, [("Unsupported", ", ".join(sorted(unsupported)))])
            return
        if dialog is not None:
            transaction = self._core.transactions.respond_to(key, way_back(via, source), None)
            dialog.heard_from(source)
            dialog.on_request(request, transaction)
            return
        if request.method == "BYE" and name in self._core.leaving:
            self._stateless(request, source, 200)  # both sides hung up at once
            return
        self._counters["stray_requests"] += 1
        self._stateless(request, source, 481)

    def _on_request_outside(self, request: Request, source: Hop, via: Via, key: ServerKey) -> None:
        refusal = self._judge(request, source)
        if refusal is not None:
            self._counters["challenged" if refusal.code in (401, 407) else "refused_sources"] += 1
            self._stateless(request, source, refusal.code, refusal.reason, refusal.headers)
            return
        method = request.method
        if method not in ("INVITE", "REGISTER", "OPTIONS"):
            code = 481 if method in _ONLY_IN_DIALOG else 405 if method in _RECOGNISED else 501
            self._stateless(request, source, code, None, [("Allow", ALLOW)])
            return
        strange = foreign(request)
        unsupported = request.tokens("Require") - _EXTENSIONS
        if strange is not None:
            self._stateless(request, source, strange.code, strange.reason)
        elif unsupported:
            self._stateless(request, source, 420, None, [("Unsupported", ", ".join(sorted(unsupported)))])
        elif method == "INVITE":
            self._on_invite(request, source, via, key)
        elif method == "OPTIONS":
            reply = self._core.tell(self._handler.on_options, request, source) or Reply(500)
            extra = [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", SUPPORTED), *reply.headers]
            self._stateless(request, source, reply.code, reply.reason, extra)
        else:
            self._on_register(request, source, via, key)

    def _judge(self, request: Request, source: Hop) -> Reply | None:
        """Ask the owner. When its check breaks, nobody is let in."""
        try:
            refusal = self._handler.accept_source(request, source)
            return Reply(refusal) if isinstance(refusal, int) else refusal
        except Exception:  # noqa: BLE001 - the owner's code; nobody is let in when it breaks
            self._counters["handler_errors"] += 1
            log.exception("accept_source raised")
            return Reply(500)

    def _on_register(self, request: Request, source: Hop, via: Via, key: ServerKey) -> None:
        """A refusal or challenge is stateless: guessing passwords costs us no memory. Success is remembered (timer J)."""
        reply = self._core.tell(self._handler.on_register, request, source) or Reply(500)
        if reply.code >= 300:
            self._stateless(request, source, reply.code, reply.reason, reply.headers)
            return
        if source.transport in STREAMS:
            self._note_flow(request, source)
        transaction = self._core.transactions.respond_to(key, way_back(via, source), None)
        tag = stateless_tag(request, self._secret)
        send_response(transaction, reply.code, make_response(request, reply.code, tag, reply.reason, reply.headers))

    def _note_flow(self, request: Request, source: Hop) -> None:
        """Remember by which connection a phone has registered.

        Calls that it had before its connection broke, or before we were restarted, go on by this one.
        """
        for value in request.values("Contact"):
            if value != "*":
                self._core.transport.streams.registered(NameAddr.parse(value, "Contact").uri, source)

    def _on_invite(self, request: Request, source: Hop, via: Via, key: ServerKey) -> None:
        refusal = unusable(self._core, request)
        if refusal is not None:
            self._stateless(request, source, refusal.code, refusal.reason, refusal.headers)
            return
        old = replaced(self._core, request)
        if isinstance(old, Reply):
            self._stateless(request, source, old.code, old.reason)
            return
        offer: SessionDescription | None = None
        if request.body:
            offer = parse_sdp(request.body)
        call = IncomingCall(self._core, request, source, offer)
        if call.call_key in self._core.offered:
            self._stateless(request, source, 482)  # the same INVITE by another path (RFC 3261 8.2.2.2)
            return
        if call.remote_tag == "" and tag_of(request.need("From")) is not None:
            raise ParseError("From", "empty tag")
        transaction = self._core.transactions.respond_to(key, way_back(via, source), call)
        call.open(transaction)
        self._counters["calls_in"] += 1
        errors = self._counters["handler_errors"]
        call.replaces = old
        self._core.tell(self._handler.on_invite if old is None or old.on_replace is None else old.on_replace, call)
        if self._counters["handler_errors"] != errors and not call.is_over:
            call.reject(500)
        call.trying()


def server_key(via: Via, method: str, request: Request, number: int, from_tag: str | None) -> ServerKey:
    """RFC 3261 17.2.3: branch and sent-by; for RFC 2543 clients what they have instead of a unique branch."""
    branch = via.branch
    if branch.startswith(MAGIC) and len(branch) > len(MAGIC):
        return (branch, via.host, via.port, method)
    return (f"{request.uri} {request.call_id} {from_tag} {number}", via.host, via.port, method)
