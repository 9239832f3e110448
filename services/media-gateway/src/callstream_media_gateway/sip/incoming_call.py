"""A call that a peer offers to us, from its INVITE to our final answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .handler import Hop

if TYPE_CHECKING:
    from .dialog import Dialog
    from .message import Request
    from .sdp import SessionDescription
    from .uri import NameAddr, Uri


class IncomingCall:
    """One INVITE outside of dialogs, waiting for our decision.

    request: the INVITE as it came. call_id, from_, to, request_uri: parsed parts of it. source: where it came from.
    offer: the parsed SDP, or None when the INVITE had no body (then `answer` sends our offer, and the peer's answer
    arrives at `dialog.on_ack`).

    on_cancel: called once when the caller gives up before our final answer (CANCEL; 487 has been sent), or when the
    transport fails. After it `answer` and `reject` raise CallOverError.
    """

    request: Request
    call_id: str
    from_: NameAddr
    to: NameAddr
    request_uri: Uri
    source: Hop
    offer: SessionDescription | None
    on_cancel: Callable[[], None]

    @property
    def transport(self) -> str:
        """ "udp" or "tcp"."""
        return self.source.transport

    @property
    def is_over(self) -> bool:
        """True once a final answer was sent or the caller has cancelled."""
        raise NotImplementedError

    def provisional(self, code: int, sdp: SessionDescription | None = None) -> None:
        """Send 180 (ringing) or 183 (progress, with early media when `sdp` is given). Ignored once the call is over."""
        raise NotImplementedError

    def answer(self, sdp: SessionDescription, headers: Sequence[tuple[str, str]] = ()) -> Dialog:
        """Send 200 and repeat it until the ACK (RFC 3261 13.3.1.4). Raises CallOverError after CANCEL or a final answer.

        Without an ACK for 64*T1 a BYE is sent and the dialog's `on_bye("no-ack")` is called.
        A CANCEL that arrives after this is answered 200 and changes nothing (RFC 3261 9.2).
        """
        raise NotImplementedError

    def reject(self, code: int, reason: str | None = None, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a final answer 300-699. Raises CallOverError after CANCEL or a final answer."""
        raise NotImplementedError
