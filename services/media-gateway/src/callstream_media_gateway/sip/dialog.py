"""A dialog: what both parties share once a call is answered, or about to be (RFC 3261 12)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from . import dialog_in, dialog_state
from .call_tables import DIALOG, OVER
from .core import Core, DialogKey, new_branch
from .dialog_out import InDialogRequest
from .digest import Credentials
from .errors import ParseError
from .handler import Hop
from .info import dtmf_relay
from .machine import Machine
from .message import Header, Request
from .offer_answer import holds
from .reach import way_to
from .reoffer import Reinvited, Reoffer
from .sdp import SessionDescription, parse_sdp
from .session_timer import SessionTimer
from .transactions import Transaction
from .two_hundred import UnacknowledgedAnswer
from .uri import NameAddr, Uri

if TYPE_CHECKING:
    from .incoming_call import IncomingCall
    from .referral import Referral
    from .reliable import Reliable

Ending = Literal["bye", "no-ack", "no-answer", "gone", "session-expired"]
"""Why a dialog ended without us: the peer's BYE; no ACK to our 200; an ACK without the answer to our offer; a request of
ours that the peer answered 481 or not at all; the session timer ran out (RFC 4028 10)."""


class Dialog(Machine):
    """An answered call, of either direction.

    call_id, local_tag, remote_tag: its name. local_sdp, remote_sdp: the descriptions in force; remote_sdp is None only
    between our answer to an INVITE without offer and its ACK.

    Callbacks, all optional (defaults do what the RFC asks of a plain phone):
    on_bye(ending): called once when the dialog ends by anything else than our own `bye()`.
    on_ack(sdp): the ACK to our 200 arrived; sdp is the answer to our offer (in the ACK, or in a PRACK before it) or None.
    on_info(content_type, body): an INFO arrived; it is answered 200 after the callback. Use `info.digit_of`.
    on_reinvite(offer): a re-INVITE (or UPDATE with an offer); return the answer, or a rejecting code (488).
        offer is None when the peer asks us to offer: return our description. Default: our description again, with the
        direction that fits the offer.
    on_held(), on_retrieved(): the peer's phone put us on hold (it will not hear us: sendonly, inactive or 0.0.0.0 in its
        description) or took us back. Told after the session has changed.
    on_refer(referral): the peer wants its call connected elsewhere; return 202 to accept it (then tell
        `referral.progress`), or a refusing code. Default: 603.
    on_replace(call): a new call that takes the place of this dialog (RFC 3891), to be answered or rejected like any other;
        this dialog is hung up when it is answered. Default: the call is declined with 603.
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
        self.on_held: Callable[[], None] = _nothing
        self.on_retrieved: Callable[[], None] = _nothing
        self.on_refer: Callable[[Referral], int] | None = None
        self.on_replace: Callable[[IncomingCall], None] | None = None
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
        self.early_answer: SessionDescription | None = None  # to our offer, by PRACK
        self.settled = True  # False in an early dialog before offer and answer were exchanged reliably
        self.reliable: Reliable | None = None  # our provisional responses that want a PRACK
        self.last_rseq: int | None = None  # of the peer's
        self.referral: Referral | None = None  # the newest one that was accepted of the peer
        self.leg_id = ""  # what its owner calls it
        self.reoffer: Reoffer | None = None
        self.session = SessionTimer(self)
        self.started_at = time.time()
        self.peer_allows = ""  # the peer's Allow header: with UPDATE in it (RFC 3311) refreshing is lighter
        self.state = "confirmed"
        self.key: DialogKey = (call_id, self.local_tag, self.remote_tag)
        core.dialogs[self.key] = self

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
        if self.source.transport != "udp" and not connected:
            flow = self.core.transport.streams.flow_of(self.remote_target)
            if flow is not None:  # a phone that has connected and registered anew
                return flow
        return way_to(self.remote_target, self.route_set, self.source, connected=connected, hidden=self.hidden)

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
        return Reoffer.begin(self, "INVITE", sdp)

    def update(self, sdp: SessionDescription) -> asyncio.Future[Reinvited]:
        """The same by UPDATE (RFC 3311), which a peer must answer at once, without asking its user; a re-INVITE otherwise."""
        return Reoffer.begin(self, "UPDATE" if self.allows("UPDATE") else "INVITE", sdp)

    def options(self) -> asyncio.Future[int]:
        """Ask whether the peer still knows this call: any answer but 481 and 408 says so; those end the dialog."""
        return InDialogRequest(self, "OPTIONS", [("Accept", "application/sdp")], b"").code

    @property
    def is_held(self) -> bool:
        """True while the peer has us on hold."""
        return holds(self.remote_sdp)

    # Called by the user agent and the parts of the dialog.

    def renew(self, target: Uri, local: SessionDescription, remote: SessionDescription | None) -> None:
        """What an accepted re-INVITE or UPDATE has left in force."""
        if (target, local, remote) != (self.remote_target, self.local_sdp, self.remote_sdp):
            before = self.is_held
            self.remote_target, self.local_sdp, self.remote_sdp = target, local, remote
            self.core.tell(self.on_changed)
            if self.is_held != before:
                self.core.tell(self.on_retrieved if before else self.on_held)

    def allows(self, method: str) -> bool:
        """Whether the peer said that it takes this method."""
        return method in self.peer_allows.replace(",", " ").upper().split()

    def refresh(self, answered: Callable[[int], None]) -> None:
        """Ask the peer whether it is still there: an UPDATE, or the same offer again. `answered` gets the final code."""
        if self.allows("UPDATE"):
            headers = [self.contact(), ("Supported", "timer"), *self.session.headers()]
            InDialogRequest(self, "UPDATE", headers, b"").code.add_done_callback(lambda code: answered(code.result()))
        else:
            self.reinvite(self.local_sdp).add_done_callback(lambda result: answered(result.result().code))

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
        return ("Contact", self.core.contact(self.local.uri.user, self.remote_hop, secure=self.remote_target.scheme == "sips"))

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
        self.core.tell(self.on_ack, sdp or self.early_answer)

    def _send_bye(self, _argument: object) -> None:
        self.core.leaving.add(self.key)
        InDialogRequest(self, "BYE", [], b"")

    def _tell_ending(self, ending: Ending) -> None:
        tell = self.on_bye
        self._let_go()
        self.core.tell(tell, ending)

    def _let_go(self, _argument: object = None) -> None:
        """Forget everything. The two legs of a call often name each other in their callbacks: that circle ends here."""
        if self.unacknowledged is not None:
            self.unacknowledged.stop()
            self.unacknowledged = None
        if self.reoffer is not None:
            self.reoffer.dialog_over()
        if self.reliable is not None:
            self.reliable.stop()
        self.session.end()
        self.core.dialogs.pop(self.key, None)
        self.on_bye = self.on_ack = self.on_info = self.on_changed = self.on_held = self.on_retrieved = _nothing
        self.on_reinvite = self.on_refer = self.on_replace = None


def _nothing(*_arguments: object) -> None:
    """Nobody wants to know."""
