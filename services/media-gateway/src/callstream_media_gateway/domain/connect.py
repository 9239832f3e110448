"""From a prepared leg to a bridged call."""

from callstream.contracts.call_events import CallBridged
from callstream.contracts.control_events import CallTransferred, ConsultEnded
from callstream.contracts.states import Purpose
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import C, Call
from callstream_media_gateway.domain.dial import phone_called
from callstream_media_gateway.domain.facts import ring_timer
from callstream_media_gateway.domain.parties import Leg, LegStage, Offer, Playback, Wanted
from callstream_media_gateway.domain.serve import begin_service, record
from callstream_media_gateway.domain.states import CUSTOMER, CustomerInput, OfferInput, OfferState

RING_OUTSIDE_S, RING_PHONE_S = 60.0, 30.0
"""How long a leg may ring that no offer stands behind; an offer's time is routing's."""


def make_ready(call: Call) -> None:
    """Ring, or answer when told so already, once the call's beginning is stored and its first leg's media is open."""
    if call.dialled is not None:
        own = call.legs.get(call.own_leg)
        if call.stored and own is not None and own.stage is LegStage.OPEN and not own.announced:
            (phone_called if own.calls else ring)(call, own)
        return
    leg = call.legs.get(call.customer_leg)
    if (
        not call.stored
        or leg is None
        or leg.stage is not LegStage.OPEN
        or not CUSTOMER.allows(call.customer, CustomerInput.READY)
    ):
        return
    call.effects.append(do.Ring() if call.customer is C.PREPARING else do.AnswerCaller())
    call.move(CustomerInput.READY)


def ring(call: Call, leg: Leg) -> None:
    """Send the INVITE of a leg whose media is open. Of an offer the log knows: it hears of the INVITE when the phone rings."""
    leg.invited_at = call.now
    call.effects.append(do.InvitePhone(leg.leg_id, leg.agent_id))
    if leg.purpose is not None:
        call.start_timer(ring_timer(leg.leg_id), RING_OUTSIDE_S if leg.number else RING_PHONE_S)
        call.tell_started(leg)


def connect(call: Call, offer: Offer) -> None:
    """An agent has won the call: let the customer hear the connect prompt, then bridge.

    A customer who has not been answered yet is answered now; `connect_waiting` comes back here with the ACK.
    """
    for other in list(call.offers.values()):
        if other is not offer:
            other.move(OfferInput.END)
            call.drop_offer(other, Reason.OFFER_LOST)
    if call.customer is C.RINGING:
        call.move(CustomerInput.ANSWER)
        call.effects.append(do.AnswerCaller())
    if call.customer is not C.ANSWERED:
        return
    call.move(CustomerInput.CONNECT)
    call.finish_play("stopped", replaced=bool(offer.connect_prompt), with_next=True)
    if offer.connect_prompt:
        call.start_play(Playback(connect_play_id(offer), offer.connect_prompt, repeat=1, barge_in=False, asked=False))
    else:
        bridge(call, offer)


def connect_waiting(call: Call) -> None:
    """Connect the agent who answered before the customer's leg was ready for it."""
    offer = next((offer for offer in call.offers.values() if offer.state is OfferState.CONFIRMED and not offer.beep), None)
    if offer is not None:
        connect(call, offer)


def connect_play_id(offer: Offer) -> str:
    """The id of the playback of an offer's connect prompt."""
    return f"{offer.offer_id}-connect"


def bridge(call: Call, offer: Offer) -> None:
    """Let both hear each other, and record them (F198)."""
    offer.move(OfferInput.BRIDGE)
    call.move(CustomerInput.BRIDGE)
    begin_service(call, call.legs[offer.leg_id])
    tell_transfer(call, call.legs[offer.leg_id])
    call.append(
        CallBridged(
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            customer_leg_id=call.customer_leg,
            agent_leg_id=offer.leg_id,
            recording=record(call, offer.agent_id),
            playback=call.take_hushed(),
        )
    )


def tell_transfer(call: Call, leg: Leg) -> None:
    """The customer who was handed on has somebody again: that request is served, whatever comes of it later."""
    moved: Wanted | None = None
    for wanted in [wanted for wanted in call.wanted.values() if wanted.purpose is Purpose.TRANSFER]:
        moved = call.wanted.pop(wanted.request_id)
    if moved is None:
        return
    if moved.consult_id:
        call.append(ConsultEnded(consult_id=moved.consult_id, agent_id=moved.agent_id, how="completed"))
    call.append(
        CallTransferred(
            agent_id=moved.agent_id,
            how="consult" if moved.consult_id else "blind",
            to_agent_id=leg.agent_id,
            to_number=leg.number,
        )
    )
