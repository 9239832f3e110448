"""A confirmed dialog: what both parties share once a call is answered (RFC 3261 12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from .handler import Hop

if TYPE_CHECKING:
    from .sdp import SessionDescription
    from .uri import NameAddr, Uri

Ending = Literal["bye", "no-ack", "gone", "session-expired", "transport"]
"""Why a dialog ended without us: the peer's BYE; no ACK to our 200; a request of ours answered 481 or 408; the session
timer ran out (RFC 4028 10); the peer cannot be reached."""


class Reinvited(NamedTuple):
    """What came of a re-INVITE: 200 and the peer's new answer, or the final code and None (the old session stays)."""

    code: int
    sdp: SessionDescription | None


class Dialog:
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
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: NameAddr
    remote: NameAddr
    remote_target: Uri
    remote_hop: Hop
    local_sdp: SessionDescription
    remote_sdp: SessionDescription | None
    on_bye: Callable[[Ending], None]
    on_ack: Callable[[SessionDescription | None], None]
    on_info: Callable[[str, bytes], None]
    on_reinvite: Callable[[SessionDescription | None], SessionDescription | int]

    @property
    def is_over(self) -> bool:
        """True once either side has hung up."""
        raise NotImplementedError

    def bye(self) -> None:
        """Hang up. Harmless when it is over already. A BYE before the ACK to our 200 waits for it (RFC 3261 15)."""
        raise NotImplementedError

    def info(self, content_type: str, body: bytes) -> asyncio.Future[int]:
        """Send an INFO; the future gives the final code (408 without one). It never fails and need not be awaited."""
        raise NotImplementedError

    def send_digit(self, digit: str, duration_ms: int = 160) -> asyncio.Future[int]:
        """Send one key as `application/dtmf-relay`. Raises ValueError for anything outside 0-9 * # A-D."""
        raise NotImplementedError

    def reinvite(self, sdp: SessionDescription) -> asyncio.Future[Reinvited]:
        """Offer a new description. 491 is retried after RFC 3261 14.1's random wait. The future never fails."""
        raise NotImplementedError
