"""Consultation (F016, F017): the customer is held while the agent asks somebody; then the target takes over, joins, or goes."""

from callstream.contracts.control_events import AgentWanted, CallTransferred, ConsultEnded, ConsultStarted, PartyJoined
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.hold import hold, retrieve, take_back
from callstream_media_gateway.domain.parties import Consult, Leg, LegStage, Offer, Wanted
from callstream_media_gateway.domain.serve import begin_service, record, stop_recording
from callstream_media_gateway.domain.situation import check, leg_of
from callstream_media_gateway.domain.states import CustomerInput, OfferInput


def ask_agent(call: Call, given: orders.AskAgent) -> None:
    """The other agent is reserved and rung by routing's offer: nobody ever rings twice."""
    leg = check(call, Control.CONSULT, given.agent_id)
    if leg_of(call, given.target_agent_id) is not None:
        raise Refusal(Reason.INVALID, f"agent {given.target_agent_id} is in this call already", "target_agent_id")
    consult = _begin(call, leg, given, target_agent_id=given.target_agent_id)
    want_agent(call, consult.consult_id, Purpose.CONSULT, leg, given.target_agent_id, given.actor)


def ask_outside(call: Call, given: orders.AskOutside) -> None:
    """The outside party is rung at once."""
    leg = check(call, Control.CONSULT, given.agent_id)
    consult = _begin(call, leg, given, number=given.number)
    target = Leg(f"{consult.consult_id}-x", LegRole.EXTERNAL, announced=False, number=given.number, purpose=Purpose.CONSULT)
    consult.target_leg = target.leg_id
    call.open_leg(target)


def want_agent(call: Call, request_id: str, purpose: Purpose, leg: Leg, target_agent_id: str, actor: str) -> None:
    """Ask routing for an agent."""
    call.wanted[request_id] = Wanted(request_id, purpose, leg.agent_id, target_agent_id)
    call.append(
        AgentWanted(
            request_id=request_id,
            purpose=purpose,
            agent_id=leg.agent_id,
            target_agent_id=target_agent_id,
            actor=actor,
            caller=call.other_side,
            gateway=call.gateway,
            customer_leg_id=call.customer_leg,
        )
    )


def target_answered(call: Call, leg: Leg, offer: Offer | None = None) -> None:
    """The agent and the target talk."""
    if call.consult is None:
        return
    if offer is not None:
        offer.move(OfferInput.BRIDGE)
        call.wanted.pop(offer.request_id, None)
    call.consult.target_leg, call.consult.answered = leg.leg_id, True
    second_ready(call)


def target_rings(call: Call, leg: Leg) -> None:
    """Told to the phone that has called it."""
    own = call.second_leg()
    if own is not None and not own.rang and call.consult is not None and call.consult.target_leg == leg.leg_id:
        own.rang = True
        call.effects.append(do.RingPhone(own.leg_id))


def second_ready(call: Call) -> None:
    """The agent's second leg is answered when both have come: its media and the target."""
    own = call.second_leg()
    if own is None or own.answered or own.stage is not LegStage.OPEN or call.consult is None or not call.consult.answered:
        return
    own.answered = True
    call.effects += [do.AnswerPhone(own.leg_id), do.WatchLeg(own.leg_id)]


def complete(call: Call, leg: Leg, actor: str, *, reason: Reason = Reason.NORMAL, peer_gone: bool = False) -> None:
    """The target takes the customer over; the agent's leg ends."""
    target = _take_target(call, leg, "completed", actor)
    call.append(CallTransferred(agent_id=leg.agent_id, how="consult", to_agent_id=target.agent_id, to_number=target.number))
    stop_recording(call)
    call.drop_party(leg.leg_id, reason, peer_gone=peer_gone)
    begin_service(call, target)
    if target.agent_id:
        call.append(record(call, target.agent_id))


def join(call: Call, leg: Leg, actor: str) -> None:
    """All three talk (F022)."""
    target = _take_target(call, leg, "joined", actor)
    call.talk.append(target.leg_id)
    call.append(PartyJoined(leg_id=target.leg_id, role=target.role, agent_id=target.agent_id, number=target.number, actor=actor))


def cancel(call: Call, _: Leg, actor: str) -> None:
    """Back to the customer; the target is hung up, or rings no more."""
    over(call, "cancelled", Reason.NORMAL, actor)


def over(call: Call, how: str, reason: Reason, actor: str = "", *, target_gone: bool = False, own_gone: bool = False) -> None:
    """The consultation has come to nothing: the customer is retrieved by itself, unless the agent's phone holds them.

    own_gone: the agent's second leg has left by itself.
    """
    consult, call.consult = call.consult, None
    if consult is None:
        return
    if call.wanted.pop(consult.consult_id, None) is not None:
        call.given_up.add(consult.consult_id)
    if consult.target_leg in call.legs:
        call.drop_party(consult.target_leg, reason, peer_gone=target_gone)
    call.hang_up_leg(consult.own_leg, reason, peer_gone=own_gone)
    call.append(ConsultEnded(consult_id=consult.consult_id, agent_id=consult.agent_id, how=how, reason=reason))
    agent = call.legs.get(consult.agent_leg)
    if agent is not None and not agent.holds:
        retrieve(call, agent, actor)


def pass_on(call: Call, leg: Leg, reason: Reason, *, peer_gone: bool) -> None:
    """The agent hung up while the target still rings: from now on it is a blind transfer to that target (ADR 16)."""
    consult = _taken(call)
    key = consult.consult_id if consult.consult_id in call.wanted else consult.target_leg
    call.wanted[key] = Wanted(key, Purpose.TRANSFER, consult.agent_id, consult.target_agent_id, consult.consult_id)
    if consult.number:
        call.legs[consult.target_leg].purpose = Purpose.TRANSFER
    call.hang_up_leg(consult.own_leg, reason)
    stop_recording(call)
    retrieve(call, leg, "", keep_music=True)
    call.move(CustomerInput.RELEASE)
    call.drop_party(leg.leg_id, reason, peer_gone=peer_gone)


def _begin(
    call: Call, leg: Leg, given: orders.AskAgent | orders.AskOutside, *, target_agent_id: str = "", number: str = ""
) -> Consult:
    actor = given.actor
    hold(call, leg, actor)
    consult_id = call.next_id("q")
    consult = call.consult = Consult(consult_id, leg.leg_id, leg.agent_id, target_agent_id, number, own_leg=given.own_leg)
    call.hops = min(call.hops, given.hops)
    if given.own_leg:
        own = Leg(given.own_leg, LegRole.AGENT, announced=False, agent_id=leg.agent_id)
        own.calls, own.second, own.muted = True, True, leg.muted
        call.open_leg(own)
    call.append(
        ConsultStarted(consult_id=consult_id, agent_id=leg.agent_id, target_agent_id=target_agent_id, number=number, actor=actor)
    )
    return consult


def _taken(call: Call) -> Consult:
    """The consultation, which is over with this."""
    consult, call.consult = call.consult, None
    if consult is None:
        raise LookupError(f"no consultation in call {call.call_id}")
    return consult


def _take_target(call: Call, leg: Leg, how: str, actor: str) -> Leg:
    """End the consultation with its target in hand, and the customer's hold with it."""
    consult = _taken(call)
    call.append(ConsultEnded(consult_id=consult.consult_id, agent_id=consult.agent_id, how=how))
    target = call.legs[consult.target_leg]
    take_back(call, target)
    call.hang_up_leg(consult.own_leg, Reason.NORMAL)
    retrieve(call, leg, actor)
    return target
