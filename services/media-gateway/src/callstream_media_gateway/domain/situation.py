"""Where one of a call's agents stands, and whether a command of theirs is possible."""

from callstream.contracts.call_commands import CallView, PartyView
from callstream.contracts.states import LegRole
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.call import OVER, C, Call
from callstream_media_gateway.domain.controls import Control, Situation, offered, possible
from callstream_media_gateway.domain.parties import Leg, LegStage
from callstream_media_gateway.domain.states import OfferState

ANSWERED = frozenset({C.ANSWERED, C.CONNECTING, C.TALKING})
"""Of a customer whom a trunk brought: the call's own state tells, not the leg."""


def leg_of(call: Call, agent_id: str) -> Leg | None:
    """The agent's leg, unless it is about to close."""
    for leg in call.legs.values():
        if leg.role is LegRole.AGENT and leg.agent_id == agent_id and leg.stage is not LegStage.CLOSING and not leg.second:
            return leg
    return None


def far_side(call: Call, leg: Leg) -> Leg | None:
    """Whom an agent puts on hold: the customer, or in an internal call the other agent."""
    if not call.internal:
        return call.legs.get(call.customer_leg)
    return next((call.legs[other] for other in call.talk if other != leg.leg_id), None)


def situation(call: Call, agent_id: str) -> Situation:
    """The row of the table that holds for this agent now."""
    if call.customer in OVER:
        return Situation.OVER
    leg = leg_of(call, agent_id)
    if leg is None:
        return Situation.ABSENT
    consult = call.consult
    if consult is not None and consult.agent_leg == leg.leg_id:
        if not consult.answered:
            return Situation.ASKING
        return Situation.CALLING if consult.own_leg else Situation.CONSULTING
    if consult is not None and consult.answered and consult.target_leg == leg.leg_id:
        return Situation.CONSULTED
    if leg.leg_id in call.talk:
        if leg.leg_id != call.serving and not call.internal:
            return Situation.JOINED
        if len(call.talk) > 2:
            return Situation.CONFERENCE
        if call.run is not None:
            return Situation.IN_FLOW
        far = far_side(call, leg)
        return Situation.HELD if far is not None and far.held else Situation.TALKING
    if call.dialled is not None and call.dialled.agent_leg_id == leg.leg_id and call.customer in (C.AWAITED, C.DIALLING):
        return Situation.DIALLING if leg.answered else Situation.RINGING
    offer = call.offers.get(leg.offer_id)
    return Situation.CONNECTING if offer is not None and offer.state is OfferState.CONFIRMED else Situation.RINGING


def check(call: Call, control: Control, agent_id: str) -> Leg:
    """The agent's leg when the command is possible; else raises Refusal."""
    where = situation(call, agent_id)
    if where is Situation.OVER:
        raise Refusal(Reason.UNKNOWN_CALL, f"call {call.call_id} is over", "call_id")
    leg = leg_of(call, agent_id)
    if leg is None:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent_id} does not serve call {call.call_id} now", "agent_id")
    if control not in possible(where, internal=call.internal):
        raise Refusal(
            Reason.ILLEGAL_STATE,
            f"agent {agent_id} does not serve call {call.call_id} in a way that allows '{control}': {where}",
            "agent_id",
        )
    return leg


def view(call: Call, agent_id: str) -> CallView:
    """What the agent can do now (F035)."""
    where, leg = situation(call, agent_id), leg_of(call, agent_id)
    far = far_side(call, leg) if leg is not None else None
    controls = offered(
        where,
        internal=call.internal,
        held=far is not None and far.held,
        muted=leg is not None and leg.muted,
        recorded=bool(call.recording),
        paused=call.recording_paused,
    )
    parties = (
        PartyView(
            leg_id=each.leg_id,
            role=each.role,
            agent_id=each.agent_id,
            number=call.other_side if each.role is LegRole.CUSTOMER else each.number,
            answered=each.answered or (each.leg_id == call.customer_leg and call.customer in ANSWERED),
            held=each.held,
            muted=each.muted,
        )
        for each in call.legs.values()
        if each.stage is not LegStage.CLOSING and each.role is not LegRole.SUPERVISOR and not each.second
    )
    return CallView(
        call_id=call.call_id,
        situation=where,
        parties=tuple(parties),
        controls=tuple(controls),
        recording_paused=call.recording_paused,
    )
