"""Requests of the peer inside a dialog (RFC 3261 12.2.2, 14.2, 15.1.2; RFC 3262 PRACK; RFC 3311 UPDATE; RFC 3515 REFER;
RFC 6086 INFO)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .core import ALLOW
from .errors import NotAcceptableError, ParseError
from .message import Header, Request
from .offer_answer import answer_again
from .referral import Referral
from .responses import make_response
from .sdp import SessionDescription, parse_sdp
from .session_timer import answer_wish, too_small
from .transactions import Transaction, send_response
from .two_hundred import UnacknowledgedAnswer
from .uri import NameAddr, Uri

if TYPE_CHECKING:
    from .dialog import Dialog

_SDP_TYPE: Header = ("Content-Type", "application/sdp")


def handle(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    """Answer one request other than ACK and CANCEL. The CSeq must be higher than any before (12.2.2)."""
    number = request.cseq[0]
    if dialog.remote_cseq is not None and number <= dialog.remote_cseq:
        dialog.core.counters["out_of_order"] += 1
        _reply(request, transaction, 500, "CSeq out of order")
        return
    dialog.remote_cseq = number
    handler = _METHODS.get(request.method)
    if handler is None:
        _reply(request, transaction, 405, None, [("Allow", ALLOW)])
        return
    try:
        handler(dialog, request, transaction)
    except ParseError as error:
        dialog.core.counters["malformed"] += 1
        _reply(request, transaction, 400, f"Bad {error.field}")


def _on_bye(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    _reply(request, transaction, 200)
    dialog.feed("bye", "bye")


def _on_info(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    dialog.core.tell(dialog.on_info, request.content_type, request.body)
    _reply(request, transaction, 200)


def _on_options(_dialog: Dialog, request: Request, transaction: Transaction) -> None:
    _reply(request, transaction, 200, None, [("Allow", ALLOW), ("Accept", "application/sdp")])


def _on_prack(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    """Its body is the answer to our early offer, or a new offer (RFC 3262 5). Nothing that waits for it: 481."""
    sdp = parse_sdp(request.body) if request.body else None
    owed = dialog.awaits_answer and not dialog.settled
    reliable = dialog.reliable
    if reliable is None or (owed and sdp is None) or not reliable.acknowledge(request.get("RAck") or ""):
        _reply(request, transaction, 481)
        return
    if owed:
        dialog.awaits_answer, dialog.settled, dialog.early_answer = False, True, sdp
        dialog.renew(dialog.remote_target, dialog.local_sdp, sdp)
    if owed or sdp is None:
        _reply(request, transaction, 200)
    else:
        _answer_offer(dialog, request, transaction)
    reliable.proceed()


def _on_refer(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    referral = Referral(dialog, request)
    if referral.method != "INVITE":
        code = 501  # only calls are placed here
    elif dialog.on_refer is None:
        code = 603
    else:
        code = dialog.core.tell(dialog.on_refer, referral) or 500
    accepted = code < 300
    headers = [dialog.contact(), *([("Refer-Sub", "false")] if referral.quiet else [])] if accepted else None
    _reply(request, transaction, 202 if accepted else code, None, headers)
    if accepted:
        dialog.referral = referral
        referral.accept()


def _on_update(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    """Without a body it only refreshes the target and the session timer; with one it is an offer."""
    target = _new_target(dialog, request)
    if _refused_timer(request, transaction):
        return
    if request.body:
        _answer_offer(dialog, request, transaction, target)
        return
    headers = [dialog.contact(), *_refresh_session(dialog, request)]
    _reply(request, transaction, 200, None, headers)
    dialog.renew(target, dialog.local_sdp, dialog.remote_sdp)


def _answer_offer(dialog: Dialog, request: Request, transaction: Transaction, target: Uri | None = None) -> None:
    """Answer the offer in an UPDATE or PRACK at once."""
    decided = _decide(dialog, request, transaction)
    if decided is None:
        return
    answer, offer = decided
    headers: list[Header] = [] if target is None else [dialog.contact(), *_refresh_session(dialog, request)]
    _send(transaction, 200, make_response(request, 200, None, None, [*headers, _SDP_TYPE], answer.to_bytes()))
    dialog.renew(target or dialog.remote_target, answer, offer)


def _on_reinvite(dialog: Dialog, request: Request, transaction: Transaction) -> None:
    target = _new_target(dialog, request)
    if _refused_timer(request, transaction):
        return
    decided = _decide(dialog, request, transaction)
    if decided is None:
        return
    answer, offer = decided
    dialog.awaits_answer = offer is None
    headers = [dialog.contact(), ("Allow", ALLOW), *_refresh_session(dialog, request), _SDP_TYPE]
    data = make_response(request, 200, None, None, headers, answer.to_bytes())
    dialog.unacknowledged = UnacknowledgedAnswer(dialog.core, transaction, request.cseq[0], data, dialog.on_no_ack)
    dialog.unacknowledged.begin()
    dialog.renew(target, answer, offer or dialog.remote_sdp)


_METHODS = {
    "BYE": _on_bye,
    "INFO": _on_info,
    "OPTIONS": _on_options,
    "INVITE": _on_reinvite,
    "PRACK": _on_prack,
    "REFER": _on_refer,
    "UPDATE": _on_update,
}


_Decided = tuple[SessionDescription, SessionDescription | None]


def _decide(dialog: Dialog, request: Request, transaction: Transaction) -> _Decided | None:
    """Our answer and the offer it is for (None: ours is the offer); None when the request was refused (and answered)."""
    if dialog.reoffer is not None and dialog.reoffer.is_pending:
        _reply(request, transaction, 491)  # glare (14.2)
        return None
    if dialog.unacknowledged is not None or not dialog.settled or (dialog.state == "early" and request.method == "INVITE"):
        wait = str(random.randint(0, 10))
        _reply(request, transaction, 500, None, [("Retry-After", wait)])
        return None
    offer: SessionDescription | None = None
    try:
        if request.body:
            offer = parse_sdp(request.body)
        answer = _ask_owner(dialog, offer)
    except ParseError as error:
        _reply(request, transaction, 400, f"Bad SDP ({error.field})")
        return None
    except NotAcceptableError:
        answer = 488
    if isinstance(answer, int):
        _reply(request, transaction, answer)
        return None
    return answer, offer


def _ask_owner(dialog: Dialog, offer: SessionDescription | None) -> SessionDescription | int:
    if dialog.on_reinvite is not None:
        answer: SessionDescription | int | None = dialog.core.tell(dialog.on_reinvite, offer)
        return 500 if answer is None else answer
    return dialog.local_sdp if offer is None else answer_again(offer, dialog.local_sdp)


def _refused_timer(request: Request, transaction: Transaction) -> bool:
    """True when the request wants a session interval that is too short; it has been answered 422."""
    headers = too_small(request)
    if headers is not None:
        _reply(request, transaction, 422, None, headers)
    return headers is not None


def _refresh_session(dialog: Dialog, request: Request) -> list[Header]:
    """Start the session timer anew; what our 2xx says about it."""
    before = dialog.session.agreement
    headers, agreement = answer_wish(request, before.interval if before is not None else 0)
    dialog.session.set(agreement)
    return headers


def _new_target(dialog: Dialog, request: Request) -> Uri:
    """INVITE and UPDATE move the remote target to their Contact (12.2.2), once they are accepted. Raises ParseError."""
    contacts = request.values("Contact")
    return NameAddr.parse(contacts[0], "Contact").uri if contacts else dialog.remote_target


def _reply(
    request: Request, transaction: Transaction, code: int, reason: str | None = None, extra: list[Header] | None = None
) -> None:
    _send(transaction, code, make_response(request, code, None, reason, extra or ()))


def _send(transaction: Transaction, code: int, data: bytes) -> None:
    send_response(transaction, code, data)
