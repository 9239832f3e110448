"""A call that we offer to a peer, from our INVITE to its final answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from .call_tables import OUTGOING
from .client_auth import credentials_header
from .core import ALLOW, SUPPORTED, Core, new_tag
from .dialog import Dialog
from .dialog_make import learn, of_outgoing
from .digest import Credentials
from .early import EarlyDialogs, Repeated
from .errors import NotAcceptableError, ParseError
from .handler import Hop
from .incoming_call import SDP_TYPE
from .machine import Machine
from .message import Header, Request, Response
from .offer_answer import agreed_stream
from .redirect import FOLLOWED, Redirects
from .responses import tag_of
from .sdp import SessionDescription, parse_sdp
from .session_timer import asking, read_answer
from .timers import Entry
from .transactions import Transaction
from .uri import NameAddr, Uri


class OutgoingCall(Machine):
    """One INVITE of ours. Set the callbacks right after `UserAgent.invite` returned: none is called before that.

    on_ringing(code, sdp): each 18x that arrives; sdp is the early media description or None. Told with 183 again when the
        peer moves its early media by UPDATE.
    on_answered(dialog, sdp): the first 2xx; its ACK has been sent. sdp is the peer's answer.
    on_failed(code, reason): exactly once when the call ends without an answer: the peer's final code, or
        408 nobody answered the INVITE, 487 cancelled by us (whatever the peer said to it), 488 the answer's SDP cannot
        be used (ACK and BYE were sent), 502 the answer cannot be acknowledged, 503 the peer cannot be reached.
    on_redirect(uri): a 300, 301 or 302 names this address: where to send an INVITE for it (`reach.hop_to(uri)`, a trunk's
        proxy), or None when the call must not go there. Default: None, so that a redirection is a failure like others.

    Exactly one of on_answered and on_failed is called. A 2xx of another fork (other To-tag) is acknowledged and hung
    up without a word to the owner (RFC 3261 13.2.2.4).
    """

    table = OUTGOING

    def __init__(
        self,
        core: Core,
        target: Uri,
        from_: NameAddr,
        to: NameAddr,
        sdp: SessionDescription,
        hop: Hop,
        headers: Sequence[Header],
        credentials: Credentials | None,
        max_forwards: int = 70,
    ) -> None:
        self.call_id = f"{secrets.token_hex(12)}@{core.sent_by.rpartition(':')[0]}"
        self.target = target
        self.local_tag = new_tag()
        self.local = from_.tagged(self.local_tag)
        self.to = to
        self.offer = sdp
        self.hop = hop
        self.credentials = credentials
        self.cseq = 0
        self.cseq_gap = 0  # numbers that requests in an early dialog may have used in a former process
        self.on_ringing: Callable[[int, SessionDescription | None], None] = _nothing
        self.on_answered: Callable[[Dialog, SessionDescription], None] = _nothing
        self.on_failed: Callable[[int, str], None] = _nothing
        self.on_redirect: Callable[[Uri], Hop | None] = _nowhere
        self.state = "calling"
        self._core = core
        self._max_forwards = max_forwards
        self.early = EarlyDialogs(core)
        self._redirects: Redirects | None = None
        self._headers = list(headers)
        self._transaction: Transaction | None = None
        self._acks: dict[str, tuple[bytes, Hop]] = {}  # by To-tag: repeated for each repeated 2xx
        self._challenged = False
        self._interval = core.config.session_expires
        self._give_up: Entry | None = None

    def cancel(self) -> None:
        """Give up. Harmless when the call is answered or has failed already.

        The CANCEL goes out once a provisional response has arrived (RFC 3261 9.1). A 200 that crosses it is
        acknowledged and hung up; the owner hears on_failed(487) then, never on_answered.
        """
        self.feed("cancel")

    # Called by the user agent and by the INVITE's transaction.

    def send_invite(self, *extra: Header) -> None:
        self.cseq += 1
        headers: list[Header] = [
            ("From", str(self.local)),
            ("To", str(self.to)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} INVITE"),
            ("Contact", self._core.contact(self.local.uri.user, self.hop, secure=self.target.scheme == "sips")),
            ("Allow", ALLOW),
            ("Supported", SUPPORTED),
            *asking(self._interval),
            ("User-Agent", self._core.config.name),
            *extra,
            *self._headers,
            SDP_TYPE,
        ]
        body = self.offer.to_bytes()
        self._transaction = self._core.request(
            "INVITE", str(self.target), headers, body, self.hop, self, max_forwards=self._max_forwards
        )

    def on_response(self, response: Response) -> None:
        if response.code < 200:
            self.feed("provisional", response)
        elif response.code < 300:
            self._on_2xx(response)
        elif response.code in (401, 407) and self.credentials is not None and not self._challenged:
            self.feed("challenge", response)
        elif response.code == 422 and self._interval:
            self.feed("too brief", response)
        else:
            if response.code in FOLLOWED:
                if self._redirects is None:
                    self._redirects = Redirects(self.target)
                self._redirects.add(response)
            self._failed_here(response.code, response.reason)

    def on_timeout(self) -> None:
        self._failed_here(408, "Request Timeout")

    def on_error(self) -> None:
        self._failed_here(503, "Service Unavailable")

    def _failed_here(self, code: int, reason: str) -> None:
        """This target is none. Another may be left, but 6xx speaks for all (RFC 3261 21.6)."""
        self.feed("redirect" if self._redirects and code < 600 else "failure", (code, reason))

    def _on_2xx(self, response: Response) -> None:
        tag = tag_of(response.need("To")) or ""
        sent = self._acks.get(tag)
        if sent is not None:
            self._core.counters["retransmissions_out"] += 1
            self._core.send(*sent)
            return
        dialog = self.early.pop(tag)
        try:
            if dialog is None:
                dialog = of_outgoing(self._core, self, response, tag)
            else:
                learn(dialog, self, response)
        except ParseError as error:  # without its route no ACK can be sent; the peer gives up by itself
            self._core.counters["malformed"] += 1
            if dialog is not None:
                dialog.feed("hang up")
            self.feed("failure", (502, f"unusable answer: {error}"))
            return
        dialog.feed("confirmed")
        ack, hop = dialog.make_ack(self.cseq), dialog.remote_hop
        self._acks[tag] = (ack, hop)
        self._core.send(ack, hop)
        self.feed("answer", (dialog, response))

    # Actions of the table.

    def _tell_ringing(self, response: Response) -> None:
        if response.code == 100:
            return
        try:
            sdp = self.early.take(self, response)
        except Repeated:
            return
        self._core.tell(self.on_ringing, response.code, sdp)

    def _confirm(self, argument: tuple[Dialog, Response]) -> None:
        dialog, response = argument
        try:
            early = self.early.media(dialog.remote_tag)
            answer = early if early is not None and not response.body else parse_sdp(response.body)
            agreed_stream(self.offer, answer)
            agreement = read_answer(response, self._interval)
        except (ParseError, NotAcceptableError) as error:
            dialog.bye()
            self._tell_failed((488, f"unusable answer: {error}"))
            return
        dialog.settled = True
        dialog.remote_sdp = answer
        dialog.session.set(agreement)
        self._core.counters["answered"] += 1
        tell = self.on_answered
        self._settle()
        self._core.tell(tell, dialog, answer)

    def _hang_up(self, argument: tuple[Dialog, Response]) -> None:
        self._core.counters["forks_hung_up"] += 1
        argument[0].bye()

    def _try_again(self, response: Response) -> None:
        """Once more with credentials: new CSeq and branch, same Call-ID and tag (RFC 3261 22.2)."""
        self._challenged = True
        header = self.credentials and credentials_header(response, self.credentials, "INVITE", str(self.target))
        if header is None:
            self.feed("failure", (response.code, response.reason))
        else:
            self.send_invite(header)

    def _try_longer(self, response: Response) -> None:
        """Once more with the interval that the peer wants at least (RFC 4028 7.3)."""
        wanted = response.get("Min-SE") or ""
        if wanted.isascii() and wanted.isdigit() and self._interval < int(wanted[:6]) <= 86_400:
            self._interval = int(wanted)
            self.send_invite(("Min-SE", wanted))
        else:
            self.feed("failure", (response.code, response.reason))

    def _try_elsewhere(self, argument: tuple[int, str]) -> None:
        """The next address that the owner lets us call, in the same call: new CSeq, same Call-ID and tag."""
        self.early.drop()
        while self._redirects and (uri := self._redirects.next()) is not None:
            hop = self._core.tell(self.on_redirect, uri)
            if hop is not None:
                self.target, self.hop, self._challenged = uri, hop, False
                self._core.counters["redirected"] += 1
                self.send_invite()
                return
        self.feed("failure", argument)

    def _send_cancel(self, _argument: object) -> None:
        """CANCEL has the INVITE's Request-URI, top Via, From, To, Call-ID, Route and CSeq number (RFC 3261 9.1)."""
        invite = self._transaction.request if self._transaction is not None else None
        if invite is None:
            return
        headers = [invite.headers[0], *(h for h in invite.headers[1:] if h[0] in _IN_CANCEL)]
        headers.append(("CSeq", f"{self.cseq} CANCEL"))
        branch = self._transaction.key[0] if self._transaction is not None else ""
        self._core.transactions.request(Request("CANCEL", invite.uri, headers), branch, self.hop, _Unheard())
        # A peer that answers the CANCEL but never the INVITE would hold us for ever (9.1).
        self._give_up = self._core.timers.after(64 * self._core.config.t1, self._unanswered, None)

    def _unanswered(self, _argument: None) -> None:
        self.feed("cancel unanswered")

    def _abandon(self, _argument: None) -> None:
        if self._transaction is not None:
            self._transaction.stop()

    def _tell_cancelled(self, _argument: object) -> None:
        self._core.timers.cancel(self._give_up)
        self._tell_failed((487, "Request Terminated"))

    def _tell_failed(self, argument: tuple[int, str]) -> None:
        tell = self.on_failed
        self._settle()
        self._core.tell(tell, *argument)

    def _settle(self) -> None:
        """Let go of the owner: the transaction keeps this object for late answers long after the call has ended."""
        self.on_ringing = self.on_answered = self.on_failed = _nothing
        self.on_redirect = _nowhere
        self._headers = []
        self.early.drop()


_IN_CANCEL = frozenset(("From", "To", "Call-ID", "Max-Forwards", "Route"))


class _Unheard:
    """Whoever sent a CANCEL does not care what comes back: the INVITE's own end tells."""

    def on_response(self, response: Response) -> None: ...
    def on_timeout(self) -> None: ...
    def on_error(self) -> None: ...


def _nowhere(_uri: Uri) -> Hop | None:
    """Calls are not redirected unless their owner says so."""
    return None


def _nothing(*_arguments: object) -> None:
    """Nobody wants to know."""
