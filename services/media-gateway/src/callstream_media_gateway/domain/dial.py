"""Calls that an agent begins: their own phone first, then the callee (F137, F141), or another agent (F056)."""

from callstream.contracts.call_events import CallBridged, LegStarted
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.consult import want_agent
from callstream_media_gateway.domain.parties import Leg, Offer
from callstream_media_gateway.domain.serve import begin_service, record
from callstream_media_gateway.domain.states import CustomerInput, OfferInput

CALLEE_SAID_NO = frozenset({Reason.BUSY, Reason.CALLEE_REJECTED})


def phone_called(call: Call, own: Leg) -> None:
    """The agent's phone has begun the call: they are there already. It rings, or is answered, with whom it calls."""
    own.announced = own.answered = True
    call.append(LegStarted(leg_id=own.leg_id, role=own.role, agent_id=own.agent_id, purpose=own.purpose))
    call.append(LegAnswered(leg_id=own.leg_id, role=own.role, agent_id=own.agent_id))
    own_phone_answered(call, own)


def own_phone_answered(call: Call, own: Leg) -> None:
    """The agent is there: ring whom they want."""
    dialled = call.dialled
    if dialled is None:
        return
    call.move(CustomerInput.DIAL)
    if call.internal:
        want_agent(call, call.next_id("q"), Purpose.INTERNAL, own, dialled.callee, own.agent_id)
        if not own.calls:
            call.start_tune(own, do.Tune.RINGBACK)
        return
    callee = Leg(dialled.leg_id, LegRole.CUSTOMER, announced=False, number=dialled.callee, purpose=Purpose.OUTBOUND)
    call.open_leg(callee)


def callee_rings(call: Call, callee: Leg) -> None:
    """The agent hears the callee's network, if it says something, or else our ring tone, or that of their own phone."""
    own = call.legs.get(call.own_leg)
    if own is None:
        return
    if own.calls:
        if not own.rang or (callee.early and not own.early):
            own.rang, own.early = True, callee.early
            call.effects.append(do.RingPhone(own.leg_id, callee.early))
        return
    if callee.early:
        call.stop_tune(own)
    elif not own.tune:
        call.start_tune(own, do.Tune.RINGBACK)


def callee_answered(call: Call, callee: Leg) -> None:
    """Both talk, recorded as in an incoming call. Behind the agent of a callback stands an offer."""
    own = call.legs[call.own_leg]
    offer = call.offers.get(own.offer_id)
    if offer is not None:
        offer.move(OfferInput.BRIDGE)
    _pick_up(call, own)
    call.move(CustomerInput.BRIDGE)
    begin_service(call, own)
    call.append(
        CallBridged(
            offer_id=own.offer_id,
            agent_id=own.agent_id,
            customer_leg_id=callee.leg_id,
            agent_leg_id=own.leg_id,
            recording=record(call, own.agent_id),
        )
    )


def agent_answered(call: Call, offer: Offer) -> None:
    """Two agents talk; there is no customer, and no recording."""
    own = call.legs[call.own_leg]
    _pick_up(call, own)
    call.wanted.clear()
    offer.move(OfferInput.BRIDGE)
    call.move(CustomerInput.BRIDGE)
    call.serving = own.leg_id
    call.talk += [own.leg_id, offer.leg_id]
    call.append(LegAnswered(leg_id=offer.leg_id, role=LegRole.AGENT, agent_id=offer.agent_id))
    call.append(CallBridged(offer_id=offer.offer_id, agent_id=offer.agent_id, customer_leg_id="", agent_leg_id=offer.leg_id))


def _pick_up(call: Call, own: Leg) -> None:
    """There is somebody to talk with."""
    call.stop_tune(own)
    if own.calls:
        call.effects += [do.AnswerPhone(own.leg_id), do.WatchLeg(own.leg_id)]


def not_reached(call: Call, leg: Leg, reason: Reason) -> None:
    """The call that was begun ends with why."""
    if leg.role is LegRole.AGENT:
        call.end(reason, Party.AGENT, gone=leg.leg_id)
    else:
        call.end(reason, Party.CUSTOMER if reason in CALLEE_SAID_NO else Party.SYSTEM, gone=leg.leg_id)
