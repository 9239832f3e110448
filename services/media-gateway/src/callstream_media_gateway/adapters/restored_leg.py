"""A leg that a former signalling process made: answered, or a phone that is being rung."""

from collections.abc import Callable

from callstream_media_gateway.adapters.dialog_events import Feed, listen
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.adapters.trunk_leg import Place
from callstream_media_gateway.domain.inputs import HungUp, Input, PhoneAnswered, PhoneRefused, PhoneRings
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.dialog_out import InDialogRequest
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.sdp import SessionDescription


class RestoredLeg:
    """Serves both sides of a call, in the places of CallerLeg and PhoneLeg. Without a dialog and without an INVITE (`calling`) it
    has been hung up."""

    def __init__(
        self,
        leg_id: str,
        dialog: Dialog | None,
        session: SdpSession,
        media: MediaSide,
        rtp_timeout_ms: int,
        calling: OutgoingCall | None = None,
    ) -> None:
        self.leg_id, self.dialog, self.session, self.calling = leg_id, dialog, session, calling
        self.place: Place | None = None
        """Of a trunk, until the leg is over."""
        self.give_back: Callable[[Place], None] = _nobodys
        self._media, self._rtp_timeout_ms = media, rtp_timeout_ms

    def take_place(self, place: Place, give_back: Callable[[Place], None], credentials: Credentials | None) -> None:
        """It goes through a trunk: `give_back` is called once when it is over, `credentials` answer the trunk's challenges."""
        self.place, self.give_back = place, give_back
        if self.dialog is not None:
            self.dialog.credentials = credentials
        elif self.calling is not None:
            self.calling.credentials = credentials

    def attach(self, feed: Feed) -> None:
        """Send what happens to the call."""

        def hear(given: Input) -> None:
            if isinstance(given, HungUp | PhoneRefused):
                self._leave()
            feed(given)

        self._feed = hear
        self._listen()

    def _listen(self) -> None:
        feed = self._feed
        if self.dialog is not None:
            listen(self.dialog, self.leg_id, self.session, feed, self.watch)
        elif self.calling is not None:
            self.calling.on_ringing = lambda _code, _sdp: feed(PhoneRings(leg_id=self.leg_id))
            self.calling.on_failed = lambda code, _reason: feed(PhoneRefused(leg_id=self.leg_id, sip_status=code))
            self.calling.on_answered = self._on_answered

    def invite(self) -> None:
        """It was sent already."""

    def ring(self) -> None:
        """It is answered already."""

    def answer(self) -> None:
        """It is answered already."""

    def refuse(self, _status: int) -> None:
        """Too late to refuse: BYE."""
        self.hang_up()

    def hang_up(self) -> None:
        """CANCEL before the answer, BYE after it."""
        self._leave()
        if self.dialog is not None:
            self.dialog.bye()
        elif self.calling is not None:
            self.calling.cancel()

    def _leave(self) -> None:
        """Give the trunk's place back, once."""
        place, self.place = self.place, None
        if place is not None:
            self.give_back(place)

    def probe(self) -> None:
        """Ask the peer whether it is still in the call: one that hung up meanwhile answers 481 (RFC 3261 §12.2.1.2).

        Not on streams, whose connections died with the former process: until the phone has made a new one, that we cannot reach
        it says nothing about the call.
        """
        if self.dialog is not None and not self.dialog.is_over and self.dialog.remote_hop.transport == "udp":
            InDialogRequest(self.dialog, "OPTIONS", [("Accept", "application/sdp")], b"")

    def _on_answered(self, dialog: Dialog, sdp: SessionDescription) -> None:
        self.dialog = dialog
        self.session.answered(sdp)
        listen(dialog, self.leg_id, self.session, self._feed, self.watch)
        self._feed(PhoneAnswered(leg_id=self.leg_id))

    def watch(self) -> None:
        """Tell the worker what was agreed, and from when on silence counts."""
        self._media.tell(self.session.update(self.leg_id, self._rtp_timeout_ms))


def _nobodys(_: Place) -> None:
    """It has none."""
