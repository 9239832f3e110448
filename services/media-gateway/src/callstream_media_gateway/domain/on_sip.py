"""What the phones do: cancel, confirm, ring, pick up, refuse, hang up, press keys."""

from callstream.contracts.call_events import CallAnswered, DigitReceived, LegRinging, OfferAnswered, OfferFailed
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import callback, collect, inputs, menu, message, supervise, survey
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import BEFORE_ANSWER, OVER, C, Call
from callstream_media_gateway.domain.connect import connect_waiting
from callstream_media_gateway.domain.consult import target_rings
from callstream_media_gateway.domain.departed import departed
from callstream_media_gateway.domain.dial import callee_rings
from callstream_media_gateway.domain.parties import LegStage, Offer
from callstream_media_gateway.domain.reached import answered, callee_reason, failed
from callstream_media_gateway.domain.sip_status import phone_reason
from callstream_media_gateway.domain.states import CustomerInput, OfferInput, OfferState


def caller_cancelled(call: Call, _: inputs.CallerCancelled) -> None:
    """A CANCEL that lost against our 200 changes nothing (RFC 3261 §9.2)."""
    if call.customer in BEFORE_ANSWER:
        call.end(Reason.CALLER_CANCELLED, Party.CUSTOMER, gone=call.customer_leg)


def caller_confirmed(call: Call, _: inputs.CallerConfirmed) -> None:
    """Audio flows from now on."""
    if call.customer is not C.ANSWERING:
        return
    call.move(CustomerInput.CONFIRMED)
    call.append(CallAnswered())
    call.effects.append(do.WatchLeg(call.customer_leg))
    call.release_play()
    connect_waiting(call)


def phone_rings(call: Call, given: inputs.PhoneRings) -> None:
    """Told once, however many 18x come."""
    offer, leg = _offer_of(call, given.leg_id), call.legs.get(given.leg_id)
    if offer is not None:
        if offer.can(OfferInput.RINGS):
            offer.move(OfferInput.RINGS)
            rung = call.legs[given.leg_id]
            call.append(LegRinging(leg_id=given.leg_id, trunk=given.trunk, started=call.take_started(rung)))
            target_rings(call, rung)
            if call.internal and given.leg_id != call.own_leg:
                callee_rings(call, rung)
    elif leg is not None and leg.stage is LegStage.OPEN and not leg.answered:
        leg.early = leg.early or given.early
        if not leg.rang:
            leg.rang = True
            call.append(LegRinging(leg_id=given.leg_id, trunk=given.trunk))
            target_rings(call, leg)
        if leg.role is LegRole.CUSTOMER:
            callee_rings(call, leg)


def phone_answered(call: Call, given: inputs.PhoneAnswered) -> None:
    """Ask the log whether an offer's answer counts; until then the customer hears what plays, the agent silence."""
    offer, leg = _offer_of(call, given.leg_id), call.legs.get(given.leg_id)
    if offer is None and leg is not None and leg.stage is LegStage.OPEN and leg.purpose is not None and not leg.answered:
        answered(call, leg)
        return
    if offer is None or not offer.can(OfferInput.PICKED_UP):
        call.effects.append(do.HangUpLeg(given.leg_id))
        return
    offer.move(OfferInput.PICKED_UP)
    call.tell_started(call.legs[offer.leg_id])
    call.append(OfferAnswered(offer_id=offer.offer_id, request_id=offer.request_id, agent_id=offer.agent_id, leg_id=offer.leg_id))
    call.effects.append(do.WatchLeg(offer.leg_id))


def phone_refused(call: Call, given: inputs.PhoneRefused) -> None:
    """Busy, declined, unreachable. After a withdrawal this is only the 487 to our CANCEL."""
    offer, leg = _offer_of(call, given.leg_id), call.legs.get(given.leg_id)
    reason = given.reason
    if offer is not None:
        if offer.can(OfferInput.REFUSED):
            fail_offer(call, offer, reason or phone_reason(given.sip_status), given.sip_status)
    elif leg is not None and leg.calls:
        hung_up(call, inputs.HungUp(leg_id=leg.leg_id, lost=True))
    elif leg is not None and leg.stage is LegStage.OPEN and not leg.answered:
        reason_of = callee_reason if leg.number else phone_reason
        failed(call, leg, reason or reason_of(given.sip_status))


def fail_offer(call: Call, offer: Offer, reason: Reason, sip_status: int = 0, *, peer_gone: bool = True) -> None:
    """The phone could not be rung or said no: routing goes on to the next agent."""
    offer.move(OfferInput.REFUSED)
    call.append(
        OfferFailed(
            offer_id=offer.offer_id,
            request_id=offer.request_id,
            agent_id=offer.agent_id,
            reason=reason,
            sip_status=sip_status,
        )
    )
    call.drop_offer(offer, reason, peer_gone=peer_gone)
    callback.no_agent(call, reason, Party.AGENT)


def hung_up(call: Call, given: inputs.HungUp) -> None:
    """A party has left; what that means for the others, `departed` says (F015)."""
    leg = call.legs.get(given.leg_id)
    if call.customer in OVER or leg is None or leg.stage is LegStage.CLOSING:
        return
    if leg.role is LegRole.CUSTOMER:
        call.end(Reason.CALLER_LOST if given.lost else Reason.CALLER_HUNG_UP, Party.CUSTOMER, gone=given.leg_id)
        return
    offer = call.offers.get(leg.offer_id)
    if (offer is not None and not offer.can(OfferInput.HUNG_UP)) or (offer is None and not leg.answered and not leg.calls):
        return
    if leg.role is LegRole.AGENT:
        reason, party = Reason.AGENT_GONE if given.lost else Reason.AGENT_HUNG_UP, Party.AGENT
    else:
        reason, party = Reason.EXTERNAL_HUNG_UP, Party.SYSTEM
    if offer is not None and offer.state is OfferState.ANSWERED:
        offer.move(OfferInput.HUNG_UP)
        call.close_leg(offer.leg_id, reason)
        return
    departed(call, leg, reason, party)


def key_pressed(call: Call, given: inputs.KeyPressed) -> None:
    """For whom a key is."""
    leg = call.legs.get(given.leg_id)
    if leg is None or call.customer in OVER or not call.keys.is_new(f"{leg.leg_id} {given.digit}", given.method, call.now):
        return
    if leg.role is LegRole.AGENT:
        menu.key(call, leg, given.digit)
    elif leg.role is LegRole.SUPERVISOR:
        supervise.key(call, leg, given.digit)
    elif leg.role is LegRole.CUSTOMER and call.collection is not None:
        collect.key(call, call.collection, given.digit, given.method)
    elif leg.role is LegRole.CUSTOMER and call.rating is not None:
        survey.key(call, call.rating, given.digit)
    elif leg.role is LegRole.CUSTOMER:
        _customers_key(call, given)


def _customers_key(call: Call, given: inputs.KeyPressed) -> None:
    """For the flow. RFC 4733 keys interrupt in the media worker, without a way round through here; INFO keys here."""
    play = call.play if call.play is not None and call.play.started else None
    play_id = play.play_id if play is not None and play.asked else call.interrupted
    call.interrupted = ""
    call.append(
        DigitReceived(
            digit=given.digit,
            leg_id=given.leg_id,
            method=given.method,
            duration_ms=given.duration_ms,
            play_id=play_id,
        )
    )
    if play is not None and play.barge_in and given.method == "info":
        call.effects.append(do.StopPlay(play.play_id))
        call.finish_play("interrupted")
        call.interrupted = ""
    message.key(call, given.digit)


def _offer_of(call: Call, leg_id: str) -> Offer | None:
    leg = call.legs.get(leg_id)
    return call.offers.get(leg.offer_id) if leg is not None else None
