"""From a prepared leg to a bridged call."""

from callstream.contracts.call_events import CallBridged, RecordingStarted
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import C, Call, LegStage, Offer, Playback
from callstream_media_gateway.domain.states import CUSTOMER, CustomerInput, OfferInput, OfferState


def make_ready(call: Call) -> None:
    """Ring, or answer when told so already, once the arrival is stored and the customer's media leg is open."""
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
    if offer.connect_prompt:
        call.start_play(Playback(connect_play_id(offer), offer.connect_prompt, repeat=1, barge_in=False, asked=False))
    else:
        call.finish_play("stopped")
        bridge(call, offer)


def connect_waiting(call: Call) -> None:
    """Connect the agent who answered before the customer's leg was ready for it."""
    offer = next((offer for offer in call.offers.values() if offer.state is OfferState.CONFIRMED), None)
    if offer is not None:
        connect(call, offer)


def connect_play_id(offer: Offer) -> str:
    """The id of the playback of an offer's connect prompt."""
    return f"{offer.offer_id}-connect"


def bridge(call: Call, offer: Offer) -> None:
    """Let both hear each other, and record them (F198)."""
    offer.move(OfferInput.BRIDGE)
    call.transfer_request = ""
    call.move(CustomerInput.BRIDGE)
    call.effects.append(do.BridgeLegs(call.customer_leg, offer.leg_id))
    call.recording_count += 1
    recording_id = call.recording_id
    call.recordings.add(recording_id)
    call.effects.append(do.Record(recording_id, call.customer_leg, offer.leg_id))
    call.append(
        CallBridged(
            offer_id=offer.offer_id,
            agent_id=offer.agent_id,
            customer_leg_id=call.customer_leg,
            agent_leg_id=offer.leg_id,
        )
    )
    call.append(RecordingStarted(recording_id=recording_id, agent_id=offer.agent_id))
