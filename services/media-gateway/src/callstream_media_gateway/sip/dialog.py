"""A confirmed dialog: what both parties share once a call is answered (RFC 3261 12)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from . import dialog_in, dialog_state
from .call_tables import DIALOG, OVER
from .core import Core, DialogKey, new_branch
from .dialog_out import InDialogRequest, Reinvited, Reinviting
from .digest import Credentials
from .errors import ParseError
from .handler import Hop
from .info import dtmf_relay
from .machine import Machine
from .message import Header, Request, Response
from .reach import hop_to, is_hidden, way_to
from .sdp import SessionDescription, parse_sdp
from .session_timer import SessionTimer
from .transactions import Transaction
from .two_hundred import UnacknowledgedAnswer
from .uri import NameAddr, Uri
from .via import parse_via, split_top

if TYPE_CHECKING:
    from .incoming_call import IncomingCall
    from .outgoing_call import OutgoingCall

Ending = Literal["bye", "no-ack", "no-answer", "gone", "session-expired"]
"""Why a dialog ended without us: the peer's BYE; no ACK to our 200; an ACK without the answer to our offer; a request of
ours that the peer answered 481 or not at all; the session timer ran out (RFC 4028 10)."""


class Dialog(Machine):
    """An answered call, of either direction.

    call_id, local_tag, remote_tag: its name. local_sdp, remote_sdp: the descriptions in force; remote_sdp is None only
    between our answer to an INVITE without offer and its ACK.

    Callbacks, all optional (defaults do what the RFC asks of a plain phone):
    on_bye(ending): called once when the dialog ends by anything else than our own `bye()`.
    on_ack(sdp): the ACK to our 200 arrived; sdp is its body (the answer to our offer) or None.
    on_info(content_type, body): an INFO arrived; it is answered 200 after the callback. Use `info.digit_of`.
    on_reinvite(offer): a re-INVITE (or UPDATE with an offer); return the answer, or a rejecting code (488).
        offer is None when the peer asks us to offer: return our description. Default: our description again, with the
        direction that fits the offer.
    on_changed(): a description or the peer's address is another one now; `export` has something new.
    """

    table = DIALOG

    def __init__(
        self,
        core: Core,
        call_id: str,
        local: NameAddr,
        remote: NameAddr,
        remote_target: Uri,
        route_set: list[NameAddr],
        source: Hop,
        local_sdp: SessionDescription,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self._local_text = str(local)
        self._remote_text = str(remote)
        self.local_tag = local.tag or ""
        self.remote_tag = remote.tag or ""
        self.remote_target = remote_target
        self.route_set = route_set
        self.local_sdp = local_sdp
        self.remote_sdp: SessionDescription | None = None
        self.on_bye: Callable[[Ending], None] = _nothing
        self.on_ack: Callable[[SessionDescription | None], None] = _nothing
        self.on_info: Callable[[str, bytes], None] = _nothing
        self.on_reinvite: Callable[[SessionDescription | None], SessionDescription | int] | None = None
        self.on_changed: Callable[[], None] = _nothing
        self.core = core
        self.source = source
        self.hidden = False  # behind address translation: reached at `source`, whatever its Contact says
        self.credentials: Credentials | None = None
        self.made_call_id = False  # the caller's side made it (RFC 3261 14.1 asks)
        self.local_cseq = 0
        self.remote_cseq: int | None = None
        self.unacknowledged: UnacknowledgedAnswer | None = None
        self.awaits_answer = False  # our 2xx made an offer: the ACK must answer it
        self.reinviting: Reinviting | None = None
        self.session = SessionTimer(self)
        self.started_at = time.time()
        self.peer_allows = ""  # the peer's Allow header: with UPDATE in it (RFC 3311) refreshing is lighter
        self.state = "confirmed"
        self.key: DialogKey = (call_id, self.local_tag, self.remote_tag)
        core.dialogs[self.key] = self

    @classmethod
    def of_incoming(cls, core: Core, call: IncomingCall, sdp: SessionDescription) -> Dialog:
        """The callee's side (RFC 3261 12.1.1)."""
        request = call.request
        local = call.to._replace(params={**call.to.params, "tag": call.local_tag})
        contacts = request.values("Contact")  # RFC 2543 callers may have none: they are reached at their From
        target = NameAddr.parse(contacts[0], "Contact").uri if contacts else call.from_.uri
        routes = [NameAddr.parse(value, "Record-Route") for value in request.values("Record-Route")]
        dialog = cls(core, call.call_id, local, call.from_, target, routes, call.source, sdp)
        dialog.hidden = is_hidden(target, parse_via(split_top(request.need("Via"))[0]).host, call.source)
        dialog.remote_sdp = call.offer
        dialog.awaits_answer = call.offer is None
        dialog.peer_allows = request.get("Allow") or ""
        dialog.remote_cseq = call.cseq
        dialog.state = "unacknowledged"
        return dialog

    @classmethod
    def of_outgoing(cls, core: Core, call: OutgoingCall, response: Response, tag: str) -> Dialog:
        """The caller's side, from a 2xx (RFC 3261 12.1.2). A missing Contact is forgiven: the target stays."""
        remote = call.to._replace(params={**call.to.params, "tag": tag} if tag else call.to.params)
        contacts = response.values("Contact")
        target = NameAddr.parse(contacts[0], "Contact").uri if contacts else call.target
        routes = [NameAddr.parse(value, "Record-Route") for value in reversed(response.values("Record-Route"))]
        dialog = cls(core, call.call_id, call.local, remote, target, routes, call.hop, call.offer)
        # A phone called at the source of its registration answers with the same Contact: that source is still the way.
        dialog.hidden = call.hop != hop_to(call.target) == hop_to(target)
        dialog.made_call_id = True
        dialog.local_cseq = call.cseq
        dialog.credentials = call.credentials
        dialog.peer_allows = response.get("Allow") or ""
        return dialog

    def export(self) -> dialog_state.DialogState:
        """What must be kept for `UserAgent.restore`. Credentials are not in it: the owner sets them again.

        An export of an answered call is good for all of it: numbers used later are jumped over. What it cannot know is
        a later change of the session or of the peer's address: export again at `on_changed`.
        """
        return dialog_state.export(self)

    @property
    def remote_hop(self) -> Hop:
        """Where our requests inside this dialog go now."""
        connected = self.source.transport != "udp" and self.core.transport.is_connected(self.source)
        hop = way_to(self.remote_target, self.route_set, self.source, connected=connected, hidden=self.hidden)
        return self.core.transport.actual(hop)

    @property
    def is_over(self) -> bool:
        """True once either side has hung up, or `bye` was called."""
        return self.state in (OVER, "hanging up")

    def bye(self) -> None:
        """Hang up. Harmless when it is over already. A BYE before the ACK to our 200 waits for it (RFC 3261 15)."""
        self.feed("hang up")

    def info(self, content_type: str, body: bytes) -> asyncio.Future[int]:
        """Send an INFO; the future gives the final code (408 without one). It never fails and need not be awaited."""
        return InDialogRequest(self, "INFO", [("Content-Type", content_type)], body).code

    def send_digit(self, digit: str, duration_ms: int = 160) -> asyncio.Future[int]:
        """Send one key as `application/dtmf-relay`. Raises ValueError for anything outside 0-9 * # A-D."""
        return self.info("application/dtmf-relay", dtmf_relay(digit, duration_ms))

    def reinvite(self, sdp: SessionDescription) -> asyncio.Future[Reinvited]:
        """Offer a new description. 491 is retried after RFC 3261 14.1's random wait. The future never fails.

        Only one at a time: a second one, or one on a dialog that is over or unacknowledged, gives 491 at once.
        """
        return Reinviting.begin(self, sdp)

    # Called by the user agent and the parts of the dialog.

    def renew(self, target: Uri, local: SessionDescription, remote: SessionDescription | None) -> None:
        """What an accepted re-INVITE or UPDATE has left in force."""
        if (target, local, remote) != (self.remote_target, self.local_sdp, self.remote_sdp):
            self.remote_target, self.local_sdp, self.remote_sdp = target, local, remote
            self.core.tell(self.on_changed)

    def refresh(self) -> None:
        """Ask the peer whether it is still there: an UPDATE, or the same offer again."""
        if "UPDATE" in self.peer_allows:
            headers = [self.contact(), ("Supported", "timer"), *self.session.headers()]
            InDialogRequest(self, "UPDATE", headers, b"")
        else:
            self.reinvite(self.local_sdp)

    def heard_from(self, source: Hop) -> None:
        """A peer whose connection broke is reached by its new one from now on."""
        if "udp" not in (source.transport, self.source.transport) and not self.core.transport.is_connected(self.source):
            self.source = source

    def on_request(self, request: Request, transaction: Transaction) -> None:
        """A request of the peer other than ACK, with its server transaction."""
        dialog_in.handle(self, request, transaction)

    def on_ack_request(self, ack: Request) -> None:
        """The ACK to one of our 2xx. One that is repeated, or belongs to an earlier 2xx, changes nothing."""
        pending = self.unacknowledged
        if pending is None or pending.cseq != ack.cseq[0]:
            return
        self.unacknowledged = None
        pending.stop()
        self.feed("ack", ack)

    def on_no_ack(self) -> None:
        """Our 2xx was repeated for 64*T1 in vain."""
        self.unacknowledged = None
        self.feed("no ack", "no-ack")

    def make_ack(self, cseq: int) -> bytes:
        """The ACK to a 2xx: a request of its own, outside of transactions (RFC 3261 13.2.2.4)."""
        uri, headers = self.request_head("ACK", cseq)
        hop = self.remote_hop
        return Request("ACK", uri, [self.core.via(new_branch(), hop), ("Max-Forwards", "70"), *headers]).to_bytes()

    def request_head(self, method: str, cseq: int) -> tuple[str, list[Header]]:
        """Request-URI and headers of a request in this dialog, without Via (RFC 3261 12.2.1.1)."""
        uri, routes = str(self.remote_target), [str(route) for route in self.route_set]
        if routes and "lr" not in self.route_set[0].uri.params:  # a strict router wants to be the Request-URI
            uri, routes = str(self.route_set[0].uri), [*routes[1:], f"<{uri}>"]
        headers: list[Header] = [("Route", route) for route in routes]
        headers.append(("From", self._local_text))
        headers.append(("To", self._remote_text))
        headers.append(("Call-ID", self.call_id))
        headers.append(("CSeq", f"{cseq} {method}"))
        return uri, headers

    def contact(self) -> Header:
        return ("Contact", self.core.contact(self.local.uri.user, self.remote_hop))

    # Actions of the table.

    def _tell_ack(self, ack: Request) -> None:
        sdp: SessionDescription | None = None
        if ack.body and ack.content_type == "application/sdp":
            try:
                sdp = parse_sdp(ack.body)
            except ParseError:
                self.core.counters["malformed"] += 1
        if self.awaits_answer:
            self.awaits_answer = False
            if sdp is None:
                self.feed("unusable", "no-answer")
                return
            self.renew(self.remote_target, self.local_sdp, sdp)
        self.core.tell(self.on_ack, sdp)

    def _send_bye(self, _argument: object) -> None:
        self.core.leaving.add(self.key)
        InDialogRequest(self, "BYE", [], b"")

    def _tell_ending(self, ending: Ending) -> None:
        tell = self.on_bye
        self._let_go()
        self.core.tell(tell, ending)

    def _let_go(self, _argument: object = None) -> None:
        """Forget everything. The two legs of a call often name each other in their callbacks: that cycle ends here."""
        if self.unacknowledged is not None:
            self.unacknowledged.stop()
            self.unacknowledged = None
        if self.reinviting is not None:
            self.reinviting.dialog_over()
        self.session.stop()
        self.core.dialogs.pop(self.key, None)
        self.on_bye = self.on_ack = self.on_info = self.on_changed = _nothing
        self.on_reinvite = None


def _nothing(*_arguments: object) -> None:
    """Nobody wants to know."""
