"""A peer asks us to connect its call elsewhere: REFER (RFC 3515), with Replaces (RFC 3891) and Referred-By (RFC 3892)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .call_tables import REFERRAL
from .dialog_out import InDialogRequest
from .errors import ParseError
from .machine import Machine
from .message import Header, Request
from .reasons import reason_phrase
from .replaces import Replaces, replaces_of
from .timers import Entry
from .uri import NameAddr, Uri

if TYPE_CHECKING:
    from .dialog import Dialog

LASTS = 180
"""Seconds for which we tell the peer how its transfer goes."""


class Referral(Machine):
    """One REFER. The owner of the dialog accepts it in `on_refer`, and tells by `progress` how the new call goes.

    target: whom to call, without URI headers. replaces: the dialog to take the place of, None for a blind transfer.
    replaced: that dialog when it is one of ours: a phone with two calls through us connects them with each other.
    referred_by: who asks, if it says so. quiet: the peer does not want to hear how it goes (RFC 4488).
    """

    table = REFERRAL

    def __init__(self, dialog: Dialog, request: Request) -> None:
        """Raises ParseError when Refer-To is missing, doubled or unreadable (400, RFC 3515 2.4.2)."""
        values = request.values("Refer-To")
        if len(values) != 1:
            raise ParseError("Refer-To", f"{len(values)} addresses")
        uri = NameAddr.parse(values[0], "Refer-To").uri
        by = request.get("Referred-By")
        self.target: Uri = uri._replace(headers=None)
        self.replaces: Replaces | None = replaces_of(uri)
        self.referred_by: NameAddr | None = NameAddr.parse(by, "Referred-By") if by else None
        self.method = (uri.params.get("method") or "INVITE").upper()
        self.quiet = (request.get("Refer-Sub") or "").partition(";")[0].strip().lower() == "false"
        self.state = "asked"
        self._dialog = dialog
        self._event = "refer" if dialog.referral is None else f"refer;id={request.cseq[0]}"
        self._end: Entry | None = None

    @property
    def replaced(self) -> Dialog | None:
        named = self.replaces
        return named and self._dialog.core.dialogs.get((named.call_id, named.to_tag, named.from_tag))

    def accept(self) -> None:
        """The 202 was sent: tell the peer that we try, unless it does not want to hear."""
        self.feed("accept quietly" if self.quiet else "accept", "SIP/2.0 100 Trying")

    @property
    def is_over(self) -> bool:
        """True when the peer hears nothing more: a final code was told, it does not listen, or its time is up."""
        return self.state == "over"

    def progress(self, code: int, reason: str | None = None) -> None:
        """Tell the peer what its target answers. 200 and above is the last word. Ignored when nobody listens any more.

        May go on after the peer's BYE: many phones leave as soon as their transfer was accepted.
        """
        self.feed("progress" if code < 200 else "final", f"SIP/2.0 {code} {reason or reason_phrase(code)}")

    # Actions of the table.

    def _notify(self, line: str) -> None:
        if self._end is None:
            self._end = self._dialog.core.timers.after(LASTS, self._expired, None)
        self._send(line, f"active;expires={LASTS}")

    def _notify_last(self, line: str) -> None:
        self._stop(None)
        self._send(line, "terminated;reason=noresource")

    def _notify_timeout(self, line: str) -> None:
        self._end = None
        self._send(line, "terminated;reason=timeout")

    def _stop(self, _argument: object) -> None:
        self._dialog.core.timers.cancel(self._end)
        self._end = None

    def _expired(self, _argument: None) -> None:
        self.feed("expired", "SIP/2.0 408 Request Timeout")

    def _send(self, line: str, state: str) -> None:
        headers: list[Header] = [
            self._dialog.contact(),
            ("Event", self._event),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        ]
        InDialogRequest(self._dialog, "NOTIFY", headers, f"{line}\r\n".encode()).code.add_done_callback(self._heard)

    def _heard(self, code: asyncio.Future[int]) -> None:
        if not code.cancelled() and code.result() >= 300:
            self.feed("unwanted")
