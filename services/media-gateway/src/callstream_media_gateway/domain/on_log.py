"""What the log says: our arrival is stored, offers, withdrawals, and our own answers in their true order."""

from callstream.contracts.call_events import OfferFailed
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import callback, inputs
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import OVER, Call
from callstream_media_gateway.domain.connect import connect, make_ready
from callstream_media_gateway.domain.consult import over, target_answered
from callstream_media_gateway.domain.dial import agent_answered
from callstream_media_gateway.domain.parties import Leg, Offer, leg_of_offer
from callstream_media_gateway.domain.states import OfferInput, OfferState


def arrival_stored(call: Call, _: inputs.ArrivalStored) -> None:
    """One of the two things that a call must have before it rings."""
    call.stored = True
    make_ready(call)


def arrival_not_stored(call: Call, _: inputs.ArrivalNotStored) -> None:
    """What cannot be recorded is not started. The events stay queued: should the log take them later, the call is told whole."""
    if not call.stored:
        call.end(Reason.UNAVAILABLE, Party.SYSTEM)


def superseded(call: Call, _: inputs.Superseded) -> None:
    """The log holds another end of this call: stop, and add nothing."""
    call.superseded = True
    call.recordings.clear()
    call.end(Reason.CONFLICT, Party.SYSTEM)


def offered(call: Call, given: inputs.Offered) -> None:
    """Open a leg for the agent's phone, or say at once that it cannot be rung, or that nobody waits any more."""
    if call.customer in OVER or given.offer_id in call.offers:
        return
    refusal = Reason.OFFER_LOST if given.request_id in call.given_up else given.refusal
    if refusal is not None:
        call.append(OfferFailed(offer_id=given.offer_id, request_id=given.request_id, agent_id=given.agent_id, reason=refusal))
        callback.no_agent(call, refusal, Party.AGENT)
        return
    call.stop_timer(callback.TIMER)
    leg_id = leg_of_offer(given.offer_id)
    call.offers[given.offer_id] = Offer(
        given.offer_id, given.request_id, given.agent_id, leg_id, given.connect_prompt, beep=given.auto_answer
    )
    if call.consult is not None and call.consult.consult_id == given.request_id:
        call.consult.target_leg = leg_id
    call.open_leg(
        Leg(
            leg_id,
            LegRole.AGENT,
            announced=False,
            agent_id=given.agent_id,
            offer_id=given.offer_id,
            number=given.number,
            auto_answer=given.auto_answer,
        )
    )


def withdrawn(call: Call, given: inputs.Withdrawn) -> None:
    """Stop ringing. A picked-up phone whose answer stands behind the withdrawal is dropped; one before it has won."""
    offer = call.offers.get(given.offer_id)
    if offer is None or not offer.can(OfferInput.WITHDRAWN):
        return
    lost = offer.state in (OfferState.ANSWERED, OfferState.GONE)
    offer.move(OfferInput.WITHDRAWN)
    reason = Reason.OFFER_LOST if lost else given.reason
    call.drop_offer(offer, reason)
    callback.no_agent(call, reason)


def answer_logged(call: Call, given: inputs.AnswerLogged) -> None:
    """The answer counts. When the agent has hung up meanwhile, that is the end of what it would have begun."""
    offer = call.offers.get(given.offer_id)
    if offer is None or not offer.can(OfferInput.LOGGED):
        return
    gone = offer.state is OfferState.GONE
    offer.move(OfferInput.LOGGED)
    leg = call.legs.get(offer.leg_id)
    if not gone and leg is not None:
        leg.answered = True
        confirmed(call, offer)
        return
    call.drop_offer(offer, Reason.AGENT_HUNG_UP, peer_gone=True)
    if _purpose(call, offer) is Purpose.CONSULT:
        over(call, "target-left", Reason.AGENT_HUNG_UP, target_gone=True)
    else:
        call.end(Reason.AGENT_HUNG_UP, Party.AGENT)


def confirmed(call: Call, offer: Offer) -> None:
    """The agent has won what the offer was for. Who answered automatically hears a beep first (F005)."""
    leg = call.legs[offer.leg_id]
    if offer.beep:
        if not leg.tune:
            call.start_tune(leg, do.Tune.BEEP)
        return
    match _purpose(call, offer):
        case Purpose.CONSULT:
            target_answered(call, leg, offer)
        case Purpose.INTERNAL:
            agent_answered(call, offer)
        case _ if callback.awaits_agent(call):
            callback.agent_there(call)
        case _:
            connect(call, offer)


def _purpose(call: Call, offer: Offer) -> Purpose | None:
    wanted = call.wanted.get(offer.request_id)
    return wanted.purpose if wanted is not None else None
