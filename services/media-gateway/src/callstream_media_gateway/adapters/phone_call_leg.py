"""The SIP side of a leg that an agent's phone has begun: its INVITE, and the dialog that it becomes."""

from callstream_media_gateway.adapters.caller_leg import CallerLeg
from callstream_media_gateway.adapters.dialog_events import Feed
from callstream_media_gateway.domain.inputs import HungUp
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.sdp import SessionDescription


class PhoneCallLeg(CallerLeg):
    """Serves in the place of a PhoneLeg. A phone that gives up (CANCEL) has hung up."""

    @property
    def place(self) -> None:
        """It goes through no trunk."""

    @property
    def calling(self) -> None:
        """It was not rung."""

    def attach(self, feed: Feed) -> None:
        """Send what happens to the call."""
        self._feed = feed
        self._incoming.on_cancel = lambda: feed(HungUp(leg_id=self.leg_id))

    def invite(self) -> None:
        """It has called us."""

    def tell_ringing(self, *, early: bool) -> None:
        """180, or 183 with our side of the audio. Where the phone asks for that to be reliable (RFC 3262), the call does not
        outlive a kill of this process before its answer (sip/offered_state.py)."""
        if early:
            self._incoming.provisional(183, self.session.local)
        else:
            self._incoming.provisional(180)

    def leave(self, sip_status: int) -> None:
        """The final answer, or BYE after a 200."""
        if self.dialog is not None:
            self.hang_up()
        else:
            self.refuse(sip_status)

    def _on_ack(self, sdp: SessionDescription | None) -> None:
        if self._incoming.offer is None and sdp is not None:
            try:
                self.session.answered(sdp)
            except NotAcceptableError:
                self.hang_up()
                self._feed(HungUp(leg_id=self.leg_id, lost=True))
                return
            self.renew()
