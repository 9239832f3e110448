"""The SIP side of an agent's leg."""

from collections.abc import Sequence

from callstream_media_gateway.adapters.dialog_events import Feed, listen
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.domain.inputs import PhoneAnswered, PhoneRefused, PhoneRings
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.handler import WEB, Hop
from callstream_media_gateway.sip.message import Header
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.user_agent import UserAgent


class PhoneLeg:
    """One INVITE to an agent's registered phone and the dialog that it becomes."""

    def __init__(
        self,
        leg_id: str,
        target: Uri,
        next_hop: Hop,
        caller: NameAddr,
        user_agent: UserAgent,
        media: MediaSide,
        rtp_timeout_ms: int,
        feed: Feed,
        headers: Sequence[Header] = (),
    ) -> None:
        """headers: further ones of the INVITE."""
        self.leg_id = leg_id
        self._headers = headers
        # What registers over a WebSocket speaks the WebRTC profile and nothing else.
        browser = next_hop.transport in WEB
        self.session = SdpSession(media.rtp_host, None, fingerprint=media.fingerprint, browser=browser)
        self._target, self._next_hop, self._caller = target, next_hop, caller
        self._user_agent, self._media, self._rtp_timeout_ms, self._feed = user_agent, media, rtp_timeout_ms, feed
        self._calling: OutgoingCall | None = None
        self.dialog: Dialog | None = None

    @property
    def place(self) -> None:
        """It goes through no trunk."""

    @property
    def calling(self) -> OutgoingCall | None:
        """The INVITE, once it was sent."""
        return self._calling

    def invite(self) -> None:
        """INVITE with our offer, to where the phone registered from."""
        try:
            calling = self._user_agent.invite(
                self._target, from_=self._caller, sdp=self.session.local, next_hop=self._next_hop, headers=self._headers
            )
        except ParseError:
            self._feed(PhoneRefused(leg_id=self.leg_id, sip_status=404))
            return
        self._calling = calling
        calling.on_ringing = lambda _code, _sdp: self._feed(PhoneRings(leg_id=self.leg_id))
        calling.on_failed = lambda code, _reason: self._feed(PhoneRefused(leg_id=self.leg_id, sip_status=code))
        calling.on_answered = self._on_answered

    def hang_up(self) -> None:
        """CANCEL before the answer, BYE after it."""
        if self.dialog is not None:
            self.dialog.bye()
        elif self._calling is not None:
            self._calling.cancel()

    def watch(self) -> None:
        """Tell the worker what was agreed, and from when on silence counts."""
        self._media.tell(self.session.update(self.leg_id, self._rtp_timeout_ms))

    def _on_answered(self, dialog: Dialog, sdp: SessionDescription) -> None:
        """The user agent has made sure that the answer fits our offer."""
        self.dialog = dialog
        self.session.answered(sdp)
        listen(dialog, self.leg_id, self.session, self._feed, self.watch)
        self._feed(PhoneAnswered(leg_id=self.leg_id))
