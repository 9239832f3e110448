"""Noticing that a peer died in the middle of a call: RFC 4028. The agreement is pure; SessionTimer lives by it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from .message import Header, Message, parse_seconds
from .timers import Entry
from .uri import parse_params

if TYPE_CHECKING:
    from .dialog import Dialog

MIN_SE = 90
"""Seconds; shorter intervals are refused with 422 (RFC 4028 5)."""
AGAIN = 0.1
"""Part of the interval after which a refused refresh is tried again: four times before the call is given up."""
RESUMED_WITHIN = 5.0
"""Seconds over which the refreshes of restored dialogs are spread."""


class Agreement(NamedTuple):
    """interval: seconds after which a call without refresh is dead. we_refresh: at half of it; otherwise we wait."""

    interval: int
    we_refresh: bool


class Wish(NamedTuple):
    """The Session-Expires of a message: seconds, and who shall refresh ("uac", "uas" or None: undecided)."""

    interval: int
    refresher: str | None


def read_wish(message: Message) -> Wish | None:
    """Raises ParseError for a Session-Expires that is no number."""
    value = message.get("Session-Expires")
    if not value:
        return None
    refresher = parse_params(value.partition(";")[2]).get("refresher")
    return Wish(parse_seconds(value, "Session-Expires"), refresher if refresher in ("uac", "uas") else None)


def too_small(request: Message) -> list[Header] | None:
    """The headers of a 422 when the peer wants a shorter interval than we allow; None when all is well.

    Raises ParseError for headers that `answer_wish` could not read later.
    """
    wish = read_wish(request)
    least = request.get("Min-SE")
    if least:
        parse_seconds(least, "Min-SE")
    if wish is None or wish.interval >= MIN_SE or "timer" not in request.tokens("Supported"):
        return None
    return [("Min-SE", str(MIN_SE))]


def answer_wish(request: Message, ours: int) -> tuple[list[Header], Agreement | None]:
    """What a 2xx to this request says about the timer, and what is agreed by it (RFC 4028 9).

    ours: the interval we like, 0 for none of our own. A peer that does not know timers is refreshed by us.
    """
    wish = read_wish(request)
    if wish is None and not ours:
        return [], None
    peer_knows = "timer" in request.tokens("Supported")
    if wish is None:
        interval, refresher = ours, "uas"
    else:
        low = max(MIN_SE, parse_seconds(request.get("Min-SE") or "0", "Min-SE"))
        interval = max(low, min(wish.interval, ours)) if ours else wish.interval
        refresher = wish.refresher or ("uac" if peer_knows else "uas")
    headers: list[Header] = [("Session-Expires", f"{interval};refresher={refresher}")]
    if refresher == "uac":
        headers.append(("Require", "timer"))
    return headers, Agreement(interval, refresher == "uas")


def read_answer(response: Message, asked: int) -> Agreement | None:
    """What a 2xx to our request agrees to (RFC 4028 7.2). A peer that says nothing is refreshed by us if we asked."""
    wish = read_wish(response)
    if wish is None:
        return Agreement(asked, True) if asked else None
    return Agreement(max(wish.interval, MIN_SE), wish.refresher != "uas")


def asking(interval: int, refresher: str | None = None) -> list[Header]:
    """The headers of a request that asks for a timer."""
    return [("Session-Expires", f"{interval};refresher={refresher}" if refresher else str(interval))] if interval else []


class SessionTimer:
    """The timer of one dialog. `set` starts it anew at each INVITE or UPDATE that was answered 2xx."""

    __slots__ = ("_again", "_dialog", "_entry", "_timers", "agreement")

    def __init__(self, dialog: Dialog) -> None:
        self._dialog: Dialog | None = dialog
        self._timers = dialog.core.timers
        self._entry: Entry | None = None
        self._again: Entry | None = None
        self.agreement: Agreement | None = None

    def set(self, agreement: Agreement | None) -> None:
        self.stop()
        self.agreement = agreement
        if agreement is None:
            return
        interval = agreement.interval
        if agreement.we_refresh:
            self._entry = self._timers.after(interval / 2, self._refresh, None)
        else:  # RFC 4028 10: hang up a little before the interval is over
            self._entry = self._timers.after(interval - min(32, interval / 3), self._expired, None)

    def resume(self, agreement: Agreement) -> None:
        """Go on with a restored dialog, whose interval may be nearly over: refresh within seconds, not all dialogs at once.

        Where the peer refreshes, a whole interval is granted again.
        """
        self.set(agreement)
        if agreement.we_refresh:
            self.stop()
            self._entry = self._timers.after(random.uniform(0.0, RESUMED_WITHIN), self._refresh, None)

    def headers(self) -> list[Header]:
        """What a request of ours in this dialog says, so that the agreement goes on."""
        if self.agreement is None:
            return []
        return asking(self.agreement.interval, "uac" if self.agreement.we_refresh else "uas")

    def stop(self) -> None:
        self._timers.cancel(self._entry)
        self._timers.cancel(self._again)
        self._entry = self._again = None

    def end(self) -> None:
        """The dialog is over: let go of it, which holds us."""
        self.stop()
        self._dialog = None

    def _refresh(self, _argument: None) -> None:
        agreement = self.agreement
        if agreement is not None:
            # Should the refresh get no 2xx, the interval runs out all the same.
            self._entry = self._timers.after(agreement.interval / 2, self._expired, None)
            self._ask(None)

    def _ask(self, _argument: None) -> None:
        self._again = None
        if self._dialog is not None:
            self._dialog.refresh(self._answered)

    def _answered(self, code: int) -> None:
        """A refusal may be one of the moment (491, 500, 503): ask again before the interval is over."""
        if code >= 300 and self.agreement is not None and self._dialog is not None and not self._dialog.is_over:
            self._again = self._timers.after(self.agreement.interval * AGAIN, self._ask, None)

    def _expired(self, _argument: None) -> None:
        self._entry = None
        if self._dialog is not None:
            self._dialog.feed("unusable", "session-expired")
