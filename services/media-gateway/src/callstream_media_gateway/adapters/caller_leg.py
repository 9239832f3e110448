"""The SIP side of a customer's leg."""

import contextlib

from callstream_media_gateway.adapters.dialog_events import Feed, listen
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.domain.inputs import CallerCancelled, CallerConfirmed
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.errors import CallOverError, NotAcceptableError
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.sdp import SessionDescription

RETRY_AFTER = (("Retry-After", "5"),)


class CallerLeg:
    """One INVITE of a trunk and the dialog that it becomes."""

    def __init__(self, leg_id: str, incoming: IncomingCall, session: SdpSession, media: MediaSide, rtp_timeout_ms: int) -> None:
        self.leg_id, self.session = leg_id, session
        self._incoming, self._media, self._rtp_timeout_ms = incoming, media, rtp_timeout_ms
        self.dialog: Dialog | None = None
        self._feed: Feed = _unheard

    def attach(self, feed: Feed) -> None:
        """Send what happens to the call."""
        self._feed = feed
        self._incoming.on_cancel = lambda: feed(CallerCancelled())

    @property
    def incoming(self) -> IncomingCall:
        """The INVITE."""
        return self._incoming

    @property
    def hops(self) -> int:
        """Max-Forwards of what goes on from this call (RFC 3261 16.6)."""
        return max(self._incoming.max_forwards - 1, 0)

    def ring(self) -> None:
        """180."""
        self._incoming.provisional(180)

    def answer(self) -> None:
        """200. When the caller has cancelled meanwhile, CallerCancelled is on its way."""
        try:
            dialog = self.dialog = self._incoming.answer(self.session.local)
        except CallOverError:
            return
        dialog.on_ack = self._on_ack
        listen(dialog, self.leg_id, self.session, self._feed, self.renew)

    def refuse(self, status: int) -> None:
        """A final answer; 503 says when to try again (RFC 3261 §20.33)."""
        with contextlib.suppress(CallOverError):
            self._incoming.reject(status, headers=RETRY_AFTER if status == 503 else ())

    def hang_up(self) -> None:
        """BYE."""
        if self.dialog is not None:
            self.dialog.bye()

    def watch(self) -> None:
        """From when on silence counts. What was agreed the worker knows since the leg was opened, if the offer came first."""
        if self._rtp_timeout_ms or self._incoming.offer is None:
            self.renew()

    def renew(self) -> None:
        """Tell the worker what was agreed."""
        self._media.tell(self.session.update(self.leg_id, self._rtp_timeout_ms))

    def _on_ack(self, sdp: SessionDescription | None) -> None:
        """The ACK of an INVITE without offer carries the answer to ours (RFC 3264 §4)."""
        if self._incoming.offer is None and sdp is not None:
            try:
                self.session.answered(sdp)
            except NotAcceptableError:
                self.hang_up()
                return
        self._feed(CallerConfirmed())


def _unheard(_: object) -> None:
    """Nobody listens before `attach`."""
