"""A call that a peer offers to us, from its INVITE to our final answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .call_tables import INCOMING
from .core import ALLOW, SUPPORTED, CallKey, Core, DialogKey, new_tag
from .dialog import Dialog
from .dialog_make import of_incoming
from .errors import CallOverError
from .handler import Hop
from .machine import Machine
from .message import Header, Request
from .reliable import Reliable
from .responses import make_response, tag_of
from .sdp import SessionDescription
from .session_timer import answer_wish
from .transactions import Transaction, send_response
from .two_hundred import UnacknowledgedAnswer
from .uri import NameAddr, Uri

if TYPE_CHECKING:
    from .offered_state import OfferedState

SDP_TYPE = ("Content-Type", "application/sdp")
_UNDESCRIBED = SessionDescription("0.0.0.0", 0, 0)
"""Our side of an early dialog before we have said anything about media."""


class IncomingCall(Machine):
    """One INVITE outside of dialogs, waiting for our decision.

    request: the INVITE as it came. call_id, from_, to, request_uri: parsed parts of it. source: where it came from.
    offer: the parsed SDP, or None when the INVITE had no body (then `answer` sends our offer, and the peer's answer
    arrives at `dialog.on_ack`). replaces: the dialog that ends when this call is answered (RFC 3891), or None.

    on_cancel: called once when the caller gives up before our final answer (CANCEL; 487 has been sent), does not
    acknowledge a reliable provisional response (504), or when the transport fails. After it `answer` and `reject` raise
    CallOverError.
    """

    table = INCOMING

    def __init__(self, core: Core, request: Request, source: Hop, offer: SessionDescription | None) -> None:
        self.request = request
        self.source = source
        self.offer = offer
        self.call_id = request.call_id
        self.cseq = request.cseq[0]
        self.local_tag = new_tag()
        self.remote_tag = tag_of(request.need("From")) or ""
        self.dialog_key: DialogKey = (self.call_id, self.local_tag, self.remote_tag)
        self.call_key: CallKey = (self.call_id, self.remote_tag, self.cseq)
        self.on_cancel: Callable[[], None] = _nothing
        self.replaces: Dialog | None = None
        self.exported: OfferedState | None = None  # the INVITE and its source stay as they came
        self.state = "offered"
        self._early: Dialog | None = None
        self._reliable: Reliable | None = None
        self._described = False  # our description went out reliably: it is not repeated
        self._core = core
        self._transaction: Transaction | None = None
        self._silent = True  # no response sent yet

    @cached_property
    def from_(self) -> NameAddr:
        return NameAddr.parse(self.request.need("From"), "From")

    @cached_property
    def to(self) -> NameAddr:
        return NameAddr.parse(self.request.need("To"), "To")

    @cached_property
    def request_uri(self) -> Uri:
        return Uri.parse(self.request.uri, "Request-URI")

    @property
    def transport(self) -> str:
        """ "udp" or "tcp"."""
        return self.source.transport

    @property
    def max_forwards(self) -> int:
        """How many hops are left for a call that goes on from here (70 when unsaid); 0: refuse with 483 instead."""
        value = self.request.get("Max-Forwards") or ""
        return min(int(value), 255) if value.isascii() and value.isdigit() and len(value) < 10 else 70

    @property
    def is_over(self) -> bool:
        """True once a final answer was sent or the caller has cancelled."""
        return self.state != "offered"

    def provisional(self, code: int, sdp: SessionDescription | None = None) -> None:
        """Send 180 (ringing) or 183 (progress, with early media when `sdp` is given). Ignored once the call is over.

        It goes out reliably (RFC 3262) when the caller requires that, or supports it and `sdp` is given: then `sdp` is in
        force at once, and `answer` must be given the same. A caller that has made no offer gets ours only that way.
        """
        if not 100 < code < 200:
            raise ValueError(f"{code} is not provisional")
        self.feed("provisional", (code, sdp))

    def answer(self, sdp: SessionDescription, headers: Sequence[Header] = ()) -> Dialog:
        """Send 200 and repeat it until the ACK (RFC 3261 13.3.1.4). Raises CallOverError when the call is over.

        Without an ACK for 64*T1 a BYE is sent and the dialog's `on_bye("no-ack")` is called.
        A CANCEL that arrives after this is answered 200 and changes nothing (RFC 3261 9.2).
        """
        if not self.feed("answer", (sdp, headers)):
            raise CallOverError(f"the call is {self.state}")
        return self._core.dialogs[self.dialog_key]

    def reject(self, code: int, reason: str | None = None, headers: Sequence[Header] = ()) -> None:
        """Send a final answer 300-699. Raises CallOverError after CANCEL or a final answer."""
        if not 300 <= code < 700:
            raise ValueError(f"{code} is no rejection")
        if not self.feed("reject", (code, reason, headers)):
            raise CallOverError(f"the call is {self.state}")

    # Called by the user agent.

    def open(self, transaction: Transaction) -> None:
        """The server transaction is there: from now on the call can be found by its names."""
        self._transaction = transaction
        transaction.tag = self.local_tag
        self._core.early[self.dialog_key] = self
        self._core.offered[self.call_key] = self

    def trying(self) -> None:
        """Send 100, unless the owner has said something already."""
        if self._silent:
            self._send(100, None)

    def early_dialog(self) -> Dialog:
        """The dialog that our provisional responses have made, for what the caller asks in it before our answer."""
        if self._early is None:
            dialog = self._early = of_incoming(self._core, self, _UNDESCRIBED)
            dialog.awaits_answer = self.offer is None
            dialog.settled = False
            dialog.on_bye = self._on_bye
        return self._early

    def _on_bye(self, _ending: object) -> None:
        self.feed("bye")

    def _on_no_prack(self) -> None:
        self.feed("no prack")

    def on_error(self) -> None:
        """The way back to the caller is broken before our final answer."""
        self.feed("network failed")

    # Actions of the table.

    def _send_provisional(self, argument: tuple[int, SessionDescription | None]) -> None:
        code, sdp = argument
        supported = "100rel" in self.request.tokens("Supported")
        if "100rel" in self.request.tokens("Require") or (supported and sdp is not None and not self._described):
            self._send_reliably(code, None if self._described else sdp)
        elif sdp is None or self.offer is None:
            self._send(code, None, self._dialog_headers())
        else:
            self._send(code, None, [*self._dialog_headers(), SDP_TYPE], sdp.to_bytes())

    def _send_reliably(self, code: int, sdp: SessionDescription | None) -> None:
        assert self._transaction is not None  # noqa: S101 - open() comes before the owner sees the call
        if self._reliable is None:
            self._reliable = Reliable(self._core, self._transaction, self.cseq, self._on_no_prack)
        dialog = self.early_dialog()
        dialog.reliable = self._reliable
        if sdp is not None:
            self._described = True
            dialog.local_sdp = sdp
            dialog.settled = not dialog.awaits_answer
        self._silent = False

        def build(headers: list[Header]) -> bytes:
            extra = [*headers, *self._dialog_headers(), *([] if sdp is None else [SDP_TYPE])]
            return make_response(self.request, code, self.local_tag, None, extra, b"" if sdp is None else sdp.to_bytes())

        self._reliable.send(build)

    def _send_answer(self, argument: tuple[SessionDescription, Sequence[Header]]) -> None:
        sdp, headers = argument
        assert self._transaction is not None  # noqa: S101 - open() comes before the owner sees the call
        dialog = self.early_dialog()
        timer, agreement = answer_wish(self.request, self._core.config.session_expires)
        extra = [*self._dialog_headers(), ("Allow", ALLOW), ("Supported", SUPPORTED), ("Server", self._core.config.name)]
        extra += [*timer, *headers]
        body = b""
        if not self._described:
            dialog.local_sdp = sdp
            extra.append(SDP_TYPE)
            body = sdp.to_bytes()
        data = make_response(self.request, 200, self.local_tag, None, extra, body)
        self._silent = False
        dialog.on_bye = _nothing
        dialog.feed("answered")
        dialog.session.set(agreement)
        answer = dialog.unacknowledged = UnacknowledgedAnswer(self._core, self._transaction, self.cseq, data, dialog.on_no_ack)
        if self._reliable is not None and self._described:
            self._reliable.afterwards(answer.begin)  # RFC 3262 3: not before the description has arrived
        else:
            if self._reliable is not None:
                self._reliable.hush()
            dialog.settled = True
            answer.begin()
        self._core.counters["answered"] += 1
        self._forget()
        if self.replaces is not None:
            self.replaces.bye()

    def _send_rejection(self, argument: tuple[int, str | None, Sequence[Header]]) -> None:
        code, reason, headers = argument
        self._send(code, reason, headers)
        self._drop()

    def _send_487(self, _argument: None) -> None:
        self._core.counters["cancelled"] += 1
        self._send(487, None)

    def _send_504(self, _argument: None) -> None:
        self._send(504, None)

    def _tell_cancel(self, _argument: None) -> None:
        tell = self.on_cancel
        self._drop()
        self._core.tell(tell)

    def _send(self, code: int, reason: str | None, extra: Sequence[Header] = (), body: bytes = b"") -> None:
        self._silent = False
        if self._transaction is not None:
            tag = self.local_tag if code > 100 else None
            send_response(self._transaction, code, make_response(self.request, code, tag, reason, extra, body))

    def _dialog_headers(self) -> list[Header]:
        """Record-Route and Contact of a response that makes a dialog (RFC 3261 12.1.1)."""
        headers = [header for header in self.request.headers if header[0] == "Record-Route"]
        headers.append(
            ("Contact", self._core.contact(self.request_uri.user, self.source, secure=self.request_uri.scheme == "sips"))
        )
        return headers

    def _drop(self) -> None:
        """No answer: the early dialog goes with the call."""
        if self._early is not None:
            self._early.feed("hang up")
        self._forget()

    def _forget(self) -> None:
        self.on_cancel = _nothing  # its owner may be in it, who holds us
        self._early = None
        self._core.early.pop(self.dialog_key, None)
        self._core.offered.pop(self.call_key, None)
        if self._transaction is not None:
            self._transaction.user = None
            self._transaction = None


def _nothing(*_arguments: object) -> None:
    """Nobody wants to know."""
