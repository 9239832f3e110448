"""Our own change of a session: a re-INVITE (RFC 3261 14.1) or an UPDATE with an offer (RFC 3311 5.1)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Literal, NamedTuple

from .client_auth import credentials_header
from .core import ALLOW
from .dialog_out import refreshed
from .errors import NotAcceptableError, ParseError
from .handler import Hop
from .message import Header, Response
from .offer_answer import agreed_stream
from .sdp import SessionDescription, parse_sdp
from .timers import Entry
from .uri import NameAddr

if TYPE_CHECKING:
    from .dialog import Dialog

MAX_TRIES = 5
"""Requests for one change, the first included; then the peer's 491 or 500 is the result."""
LONGEST_WAIT = 10
"""Seconds of a Retry-After that are waited for (RFC 3261 14.2 and RFC 3311 5.2 name 0 to 10)."""


class Reinvited(NamedTuple):
    """What came of a changed session: 200 and the peer's new answer, or the final code and None (the old session stays)."""

    code: int
    sdp: SessionDescription | None


class Reoffer:
    """A change under way, or waiting to be repeated. A dialog has one at a time, of either method."""

    def __init__(self, dialog: Dialog, method: Literal["INVITE", "UPDATE"], sdp: SessionDescription) -> None:
        self.result: asyncio.Future[Reinvited] = dialog.core.transport.loop.create_future()
        self._dialog = dialog
        self._method = method
        self._sdp = sdp
        self._cseq = 0
        self._tries = 0
        self._ack: tuple[bytes, Hop] | None = None
        self._retry: Entry | None = None
        self._challenged = False

    @classmethod
    def begin(cls, dialog: Dialog, method: Literal["INVITE", "UPDATE"], sdp: SessionDescription) -> asyncio.Future[Reinvited]:
        work = cls(dialog, method, sdp)
        busy = dialog.reoffer is not None or dialog.unacknowledged is not None
        if busy or dialog.state != "confirmed":
            work.result.set_result(Reinvited(491, None))
        else:
            dialog.reoffer = work
            work._send()
        return work.result

    @property
    def is_pending(self) -> bool:
        """True while our offer is unanswered: an offer of the peer is glare then."""
        return self._retry is None and not self.result.done()

    def dialog_over(self) -> None:
        self._dialog.core.timers.cancel(self._retry)
        self._done(481, None)

    def _send(self, *extra: Header) -> None:
        dialog, method = self._dialog, self._method
        dialog.local_cseq += 1
        self._cseq = dialog.local_cseq
        self._tries += 1
        uri, headers = dialog.request_head(method, self._cseq)
        headers += [dialog.contact(), ("Allow", ALLOW), ("Supported", "timer"), *dialog.session.headers(), *extra]
        headers.append(("Content-Type", "application/sdp"))
        dialog.core.request(method, uri, headers, self._sdp.to_bytes(), dialog.remote_hop, self)

    def _again(self, _argument: None) -> None:
        self._retry = None
        if self._dialog.unacknowledged is not None:
            self._wait(self._glare())  # the peer's own re-INVITE won; ours waits once more
        else:
            self._send()

    def _glare(self) -> float:
        """RFC 3261 14.1: whoever made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s."""
        return random.uniform(2.1, 4.0) if self._dialog.made_call_id else random.uniform(0.0, 2.0)

    def _wait(self, seconds: float) -> None:
        self._retry = self._dialog.core.timers.after(seconds, self._again, None)

    def _pause(self, response: Response) -> float | None:
        """How long to wait before the next try; None when this answer is the last."""
        if self._tries >= MAX_TRIES or self._dialog.is_over:
            return None
        if response.code == 491:
            return self._glare()
        wait = (response.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
        if response.code == 500 and wait.isascii() and wait.isdigit() and len(wait) < 3 and int(wait) <= LONGEST_WAIT:
            return float(wait)
        return None

    def on_response(self, response: Response) -> None:
        if response.code < 200:
            return
        dialog = self._dialog
        if response.code < 300:
            self._on_2xx(response)
            return
        if response.code in (401, 407) and not self._challenged and dialog.credentials is not None:
            self._challenged = True
            uri = dialog.request_head(self._method, 0)[0]
            header = credentials_header(response, dialog.credentials, self._method, uri)
            if header is not None:
                self._send(header)
                return
        pause = self._pause(response)
        if pause is not None:
            self._wait(pause)
            return
        self._done(response.code, None)
        if response.code == 481:
            dialog.feed("unknown to peer", "gone")
        elif response.code == 408:
            dialog.feed("unusable", "gone")

    def _on_2xx(self, response: Response) -> None:
        dialog = self._dialog
        if self._ack is not None:  # the peer repeats its answer: our ACK was lost
            dialog.core.counters["retransmissions_out"] += 1
            dialog.core.send(*self._ack)
            return
        contacts = response.values("Contact")
        target = NameAddr.parse(contacts[0], "Contact").uri if contacts else dialog.remote_target
        dialog.renew(target, dialog.local_sdp, dialog.remote_sdp)
        if self._method == "INVITE":
            self._ack = (dialog.make_ack(self._cseq), dialog.remote_hop)
            dialog.core.send(*self._ack)
        try:
            answer = parse_sdp(response.body)
            agreed_stream(self._sdp, answer)
        except (ParseError, NotAcceptableError):
            self._done(488, None)  # the old session stays; its owner decides whether to hang up
            return
        dialog.session.set(refreshed(response, dialog))
        self._done(response.code, answer)
        dialog.renew(target, self._sdp, answer)

    def on_timeout(self) -> None:
        self._done(408, None)
        self._dialog.feed("unusable", "gone")

    def on_error(self) -> None:
        self._done(503, None)
        self._dialog.feed("unusable", "gone")

    def _done(self, code: int, sdp: SessionDescription | None) -> None:
        if self._dialog.reoffer is self:
            self._dialog.reoffer = None
        if not self.result.done():
            self.result.set_result(Reinvited(code, sdp))
