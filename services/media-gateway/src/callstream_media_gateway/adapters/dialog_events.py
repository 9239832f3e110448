"""What both kinds of legs share once their dialog is confirmed: BYE, keys by INFO, re-INVITE."""

from collections.abc import Callable
from urllib.parse import unquote

from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.domain.inputs import HungUp, Input, KeyPressed, PhoneHeld, PhoneRefers, PhoneRetrieved
from callstream_media_gateway.sip.dialog import Dialog, Ending
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.info import digit_of
from callstream_media_gateway.sip.referral import Referral
from callstream_media_gateway.sip.sdp import SessionDescription

Feed = Callable[[Input], None]


def listen(dialog: Dialog, leg_id: str, session: SdpSession, feed: Feed, changed: Callable[[], None]) -> None:
    """Turn the dialog's callbacks into inputs of the call. `changed` is called when a re-INVITE changed the session."""

    def on_bye(ending: Ending) -> None:
        feed(HungUp(leg_id=leg_id, lost=ending != "bye"))

    def on_info(content_type: str, body: bytes) -> None:
        digit = digit_of(content_type, body)
        if digit is not None:
            feed(KeyPressed(leg_id=leg_id, digit=digit, method="info"))

    def on_reinvite(offer: SessionDescription | None) -> SessionDescription | int:
        if offer is None:
            return session.local
        try:
            local = session.answer_again(offer)
        except NotAcceptableError:
            return 488
        changed()
        return local

    def on_refer(referral: Referral) -> int:
        """A phone's own transfer key. With Replaces it wants two of its calls connected, which must both be ours. What comes of
        it is decided behind our 202: the phone hears of it before it hears a BYE."""
        if dialog.referral is not None and not dialog.referral.is_over:
            return 491
        typed, other = unquote(referral.target.user or ""), referral.replaced
        if other is None and (referral.replaces is not None or not typed):
            return 603
        given = PhoneRefers(leg_id=leg_id, typed=typed, other=None if other is None else other.leg_id)
        dialog.core.transport.loop.call_soon(feed, given)
        return 202

    dialog.leg_id = leg_id

    dialog.on_bye, dialog.on_info, dialog.on_reinvite = on_bye, on_info, on_reinvite
    dialog.on_held = lambda: feed(PhoneHeld(leg_id=leg_id))
    dialog.on_retrieved = lambda: feed(PhoneRetrieved(leg_id=leg_id))
    dialog.on_refer = on_refer
