"""What the provisional responses to one INVITE of ours have made: early dialogs and early media (RFC 3262 4, RFC 3261 13.2.2.1).

A forked call has one of each for every phone that rings, told apart by To-tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dialog import Dialog
from .dialog_make import of_outgoing
from .dialog_out import InDialogRequest
from .errors import ParseError
from .message import Response, parse_seconds
from .responses import tag_of
from .sdp import SessionDescription, parse_sdp

if TYPE_CHECKING:
    from .core import Core
    from .outgoing_call import OutgoingCall

MAX_FORKS = 16
"""Phones that may ring for one call; the provisional responses of more are passed over."""


class EarlyDialogs:
    """A dialog is kept only for a peer that responds reliably: others cannot send requests before their 2xx."""

    __slots__ = ("_core", "_dialogs", "_media")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._dialogs: dict[str, Dialog] = {}
        self._media: dict[str, SessionDescription] = {}

    def take(self, call: OutgoingCall, response: Response) -> SessionDescription | None:
        """The early media of a provisional response to `call` that is new, or None. Sends the PRACK it wants.

        Raises Repeated for one that was taken before, or is ahead of its turn and will be repeated; ParseError for one
        whose RSeq or addresses cannot be read.
        """
        tag, sdp = tag_of(response.need("To")) or "", early_media(response)
        if len(self._media) >= MAX_FORKS and tag not in self._media:
            raise Repeated
        if "100rel" in response.tokens("Require"):
            self._acknowledge(call, response, tag, sdp)
        if sdp is not None:
            self._media[tag] = sdp
        return sdp

    @property
    def described(self) -> dict[str, SessionDescription]:
        """Early media by To-tag, for who keeps an unanswered call outside of the process, and takes it up again."""
        return self._media

    def media(self, tag: str) -> SessionDescription | None:
        """The last early description of this phone. A 2xx without one means it (RFC 3261 13.2.1)."""
        return self._media.get(tag)

    def pop(self, tag: str) -> Dialog | None:
        """The early dialog that a 2xx confirms, if there is one. One that its peer has ended before is none."""
        dialog = self._dialogs.pop(tag, None)
        if dialog is None or dialog.is_over:
            return None
        dialog.on_changed = _nothing
        return dialog

    def drop(self) -> None:
        """The INVITE has got its final response, and not from these."""
        for dialog in self._dialogs.values():
            dialog.feed("hang up")
        self._dialogs.clear()
        self._media.clear()

    def _acknowledge(self, call: OutgoingCall, response: Response, tag: str, sdp: SessionDescription | None) -> None:
        rseq = parse_seconds(response.need("RSeq"), "RSeq")
        dialog = self._dialogs.get(tag)
        if dialog is None:
            if len(self._dialogs) >= MAX_FORKS:
                raise Repeated
            dialog = self._dialogs[tag] = of_outgoing(self._core, call, response, tag)
            dialog.settled = False
        elif dialog.last_rseq is not None and rseq != dialog.last_rseq + 1:
            raise Repeated
        dialog.last_rseq = rseq
        InDialogRequest(dialog, "PRACK", [("RAck", f"{rseq} {call.cseq} INVITE")], b"")
        if sdp is not None and not dialog.settled:
            dialog.settled = True
            dialog.renew(dialog.remote_target, dialog.local_sdp, sdp)
            dialog.on_changed = lambda: self._moved(call, tag)

    def _moved(self, call: OutgoingCall, tag: str) -> None:
        """An UPDATE of the peer, before its answer."""
        dialog = self._dialogs.get(tag)
        if dialog is not None and dialog.remote_sdp is not None and dialog.remote_sdp != self._media.get(tag):
            self._media[tag] = dialog.remote_sdp
            self._core.tell(call.on_ringing, 183, dialog.remote_sdp)


class Repeated(Exception):
    """A provisional response that says nothing new."""


def early_media(response: Response) -> SessionDescription | None:
    """The SDP of a provisional response; None without one, or with one that cannot be read: the 2xx decides."""
    if response.content_type != "application/sdp" or not response.body:
        return None
    try:
        return parse_sdp(response.body)
    except ParseError:
        return None


def _nothing() -> None:
    """The dialog's owner will say what it wants to know."""
