"""A call that we offer to a peer, from our INVITE to its final answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dialog import Dialog
    from .sdp import SessionDescription


class OutgoingCall:
    """One INVITE of ours. Set the callbacks right after `UserAgent.invite` returned: none is called before that.

    on_ringing(code, sdp): each 18x that arrives; sdp is the early media description or None.
    on_answered(dialog, sdp): the first 2xx; its ACK has been sent. sdp is the peer's answer.
    on_failed(code, reason): exactly once when the call ends without an answer: the peer's final code, or 408 (nobody
    answered the INVITE, or the CANCEL), 487 (cancelled), 488 (the answer's SDP cannot be used; ACK and BYE were sent),
    503 (the address could not be resolved or reached).

    Exactly one of on_answered and on_failed is called. A 2xx of another fork (other To-tag) is acknowledged and hung
    up without a word to the owner (RFC 3261 13.2.2.4).
    """

    call_id: str
    on_ringing: Callable[[int, SessionDescription | None], None]
    on_answered: Callable[[Dialog, SessionDescription], None]
    on_failed: Callable[[int, str], None]

    def cancel(self) -> None:
        """Give up. Harmless when the call is answered or has failed already.

        The CANCEL goes out once a provisional response has arrived (RFC 3261 9.1). A 200 that crosses it is
        acknowledged and hung up; the owner hears on_failed(487) then, never on_answered.
        """
        raise NotImplementedError
