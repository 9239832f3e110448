"""Our requests inside a dialog that are no offers: BYE, INFO, UPDATE, OPTIONS, PRACK, NOTIFY (RFC 3261 12.2.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .client_auth import credentials_header
from .errors import ParseError
from .message import Header, Response
from .session_timer import Agreement, read_answer

if TYPE_CHECKING:
    from .dialog import Dialog


_OF_THEIR_OWN = frozenset(("PRACK", "NOTIFY"))  # RFC 3262 4, RFC 6665 4.2.2


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
            self._tell("unknown to peer")
        elif response.code == 408:
            self._tell("unusable")
        elif self._method == "UPDATE" and response.code < 300:
            self._dialog.session.set(refreshed(response, self._dialog))
        self._done(response.code)

    def on_timeout(self) -> None:
        self._tell("unusable")
        self._done(408)

    def on_error(self) -> None:
        self._tell("unusable")
        self._done(503)

    def _tell(self, event: str) -> None:
        """The dialog is lost with this request, but not with one that only its own transaction or subscription ends by."""
        if self._method not in _OF_THEIR_OWN:
            self._dialog.feed(event, "gone")

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
