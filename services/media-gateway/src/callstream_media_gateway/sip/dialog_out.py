"""Our requests inside a dialog: BYE, INFO and re-INVITE (RFC 3261 12.2.1, 14.1)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple

from .client_auth import credentials_header
from .core import ALLOW
from .errors import NotAcceptableError, ParseError
from .handler import Hop
from .message import Header, Response
from .offer_answer import agreed_stream
from .sdp import SessionDescription, parse_sdp
from .session_timer import Agreement, read_answer
from .timers import Entry
from .uri import NameAddr

if TYPE_CHECKING:
    from .dialog import Dialog


class Reinvited(NamedTuple):
    """What came of a re-INVITE: 200 and the peer's new answer, or the final code and None (the old session stays)."""

    code: int
    sdp: SessionDescription | None


class InDialogRequest:
    """One non-INVITE request; `code` gives its final code. A challenge is answered once when we have credentials."""

    __slots__ = ("_body", "_challenged", "_dialog", "_headers", "_method", "code")

    def __init__(self, dialog: Dialog, method: str, headers: list[Header], body: bytes) -> None:
        self._dialog = dialog
        self._method = method
        self._headers = headers
        self._body = body
        self._challenged = False
        self.code: asyncio.Future[int] = dialog.core.transport.loop.create_future()
        self._send()

    def _send(self, *extra: Header) -> None:
        dialog = self._dialog
        dialog.local_cseq += 1
        uri, headers = dialog.request_head(self._method, dialog.local_cseq)
        headers += extra
        headers += self._headers
        dialog.core.request(self._method, uri, headers, self._body, dialog.remote_hop, self)

    def on_response(self, response: Response) -> None:
        if response.code < 200:
            return
        if response.code in (401, 407) and not self._challenged and self._dialog.credentials is not None:
            self._challenged = True
            uri = self._dialog.request_head(self._method, 0)[0]
            header = credentials_header(response, self._dialog.credentials, self._method, uri)
            if header is not None:
                self._send(header)
                return
        if response.code == 481:
            self._dialog.feed("unknown to peer", "gone")
        elif response.code == 408:
            self._dialog.feed("unusable", "gone")
        elif self._method == "UPDATE" and response.code < 300:
            self._dialog.session.set(refreshed(response, self._dialog))
        self._done(response.code)

    def on_timeout(self) -> None:
        self._dialog.feed("unusable", "gone")
        self._done(408)

    def on_error(self) -> None:
        self._dialog.feed("unusable", "gone")
        self._done(503)

    def _done(self, code: int) -> None:
        if self._method == "BYE":
            self._dialog.core.leaving.discard(self._dialog.key)
        if not self.code.done():
            self.code.set_result(code)


def refreshed(response: Response, dialog: Dialog) -> Agreement | None:
    """The session timer's agreement after a 2xx to our refresh; one that cannot be read leaves the old one."""
    before = dialog.session.agreement
    try:
        return read_answer(response, before.interval if before is not None else 0)
    except ParseError:
        return before


class Reinviting:
    """A re-INVITE under way or waiting to be repeated after 491. A dialog has one at a time."""

    def __init__(self, dialog: Dialog, sdp: SessionDescription) -> None:
        self.result: asyncio.Future[Reinvited] = dialog.core.transport.loop.create_future()
        self._dialog = dialog
        self._sdp = sdp
        self._cseq = 0
        self._ack: tuple[bytes, Hop] | None = None
        self._retry: Entry | None = None
        self._challenged = False

    @classmethod
    def begin(cls, dialog: Dialog, sdp: SessionDescription) -> asyncio.Future[Reinvited]:
        work = cls(dialog, sdp)
        busy = dialog.reinviting is not None or dialog.unacknowledged is not None
        if busy or dialog.state != "confirmed":
            work.result.set_result(Reinvited(491, None))
        else:
            dialog.reinviting = work
            work._send()
        return work.result

    @property
    def is_pending(self) -> bool:
        """True while our INVITE is unanswered: an INVITE of the peer is glare then."""
        return self._retry is None and not self.result.done()

    def dialog_over(self) -> None:
        self._dialog.core.timers.cancel(self._retry)
        self._done(481, None)

    def _send(self, *extra: Header) -> None:
        dialog = self._dialog
        dialog.local_cseq += 1
        self._cseq = dialog.local_cseq
        uri, headers = dialog.request_head("INVITE", self._cseq)
        headers += [dialog.contact(), ("Allow", ALLOW), ("Supported", "timer"), *dialog.session.headers(), *extra]
        headers.append(("Content-Type", "application/sdp"))
        dialog.core.request("INVITE", uri, headers, self._sdp.to_bytes(), dialog.remote_hop, self)

    def _again(self, _argument: None) -> None:
        self._retry = None
        if self._dialog.unacknowledged is not None:
            self._wait()  # the peer's own re-INVITE won; ours waits once more
        else:
            self._send()

    def _wait(self) -> None:
        """RFC 3261 14.1: whoever made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s."""
        low, high = (2.1, 4.0) if self._dialog.made_call_id else (0.0, 2.0)
        self._retry = self._dialog.core.timers.after(random.uniform(low, high), self._again, None)

    def on_response(self, response: Response) -> None:
        if response.code < 200:
            return
        dialog = self._dialog
        if response.code < 300:
            self._on_2xx(response)
            return
        if response.code in (401, 407) and not self._challenged and dialog.credentials is not None:
            self._challenged = True
            uri = dialog.request_head("INVITE", 0)[0]
            header = credentials_header(response, dialog.credentials, "INVITE", uri)
            if header is not None:
                self._send(header)
                return
        if response.code == 491 and not dialog.is_over:
            self._wait()
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
        self._ack = (dialog.make_ack(self._cseq), dialog.remote_hop)
        dialog.core.send(*self._ack)
        try:
            answer = parse_sdp(response.body)
            agreed_stream(self._sdp, answer)
        except (ParseError, NotAcceptableError):
            self._done(488, None)  # the old session stays; its owner decides whether to hang up
            return
        dialog.session.set(refreshed(response, dialog))
        dialog.renew(target, self._sdp, answer)
        self._done(response.code, answer)

    def on_timeout(self) -> None:
        self._done(408, None)
        self._dialog.feed("unusable", "gone")

    def on_error(self) -> None:
        self._done(503, None)
        self._dialog.feed("unusable", "gone")

    def _done(self, code: int, sdp: SessionDescription | None) -> None:
        if self._dialog.reinviting is self:
            self._dialog.reinviting = None
        if not self.result.done():
            self.result.set_result(Reinvited(code, sdp))
