"""A leg whose dialog a former signalling process made: answered, so it can be changed and hung up, not rung or refused."""

from callstream_media_gateway.adapters.dialog_events import Feed, listen
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.dialog_out import InDialogRequest


class RestoredLeg:
    """Serves both sides of a call, in the places of CallerLeg and PhoneLeg. Without a dialog it has been hung up."""

    def __init__(self, leg_id: str, dialog: Dialog | None, session: SdpSession, media: MediaSide, rtp_timeout_ms: int) -> None:
        self.leg_id, self.dialog, self.session = leg_id, dialog, session
        self._media, self._rtp_timeout_ms = media, rtp_timeout_ms

    def attach(self, feed: Feed) -> None:
        """Send what happens to the call."""
        if self.dialog is not None:
            listen(self.dialog, self.leg_id, self.session, feed, self.watch)

    def invite(self) -> None:
        """It is answered already."""

    def ring(self) -> None:
        """It is answered already."""

    def answer(self) -> None:
        """It is answered already."""

    def refuse(self, _status: int) -> None:
        """Too late to refuse: BYE."""
        self.hang_up()

    def hang_up(self) -> None:
        """BYE."""
        if self.dialog is not None:
            self.dialog.bye()

    def probe(self) -> None:
        """Ask the peer whether it is still in the call: one that hung up meanwhile answers 481 (RFC 3261 §12.2.1.2)."""
        if self.dialog is not None and not self.dialog.is_over:
            InDialogRequest(self.dialog, "OPTIONS", [("Accept", "application/sdp")], b"")

    def watch(self) -> None:
        """Tell the worker what was agreed, and from when on silence counts."""
        self._media.tell(self.session.update(self.leg_id, self._rtp_timeout_ms))
