"""Legs that no offer stands behind: what their answer leads to, and what it means that nobody is there, by their purpose."""

from collections.abc import Callable

from callstream.contracts.control_events import LegAnswered
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import consult, dial, supervise, transfer
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.facts import ring_timer
from callstream_media_gateway.domain.parties import Leg, LegStage
from callstream_media_gateway.domain.sip_status import PROCESS_LOST


def answered(call: Call, leg: Leg) -> None:
    """The phone was picked up."""
    leg.answered = True
    call.stop_timer(ring_timer(leg.leg_id))
    call.append(LegAnswered(leg_id=leg.leg_id, role=leg.role, agent_id=leg.agent_id, number=leg.number))
    call.effects.append(do.WatchLeg(leg.leg_id))
    if leg.purpose is not None:
        ON_ANSWER[leg.purpose](call, leg)


def failed(call: Call, leg: Leg, reason: Reason, *, peer_gone: bool = True) -> None:
    """Nobody will come to this leg."""
    match leg.purpose:
        case Purpose.CONSULT:
            consult.over(call, "failed", reason, target_gone=peer_gone)
        case Purpose.TRANSFER:
            call.hang_up_leg(leg.leg_id, reason, peer_gone=peer_gone)
            transfer.nobody_came(call, leg.leg_id, reason, Party.SYSTEM)
        case Purpose.SUPERVISION if leg.leg_id in call.watches:
            call.end_watch(call.watches[leg.leg_id], reason, peer_gone=peer_gone)
        case Purpose.OUTBOUND | Purpose.INTERNAL | Purpose.CALLBACK:
            call.hang_up_leg(leg.leg_id, reason, peer_gone=peer_gone)
            dial.not_reached(call, leg, reason)


def rang_out(call: Call, leg_id: str) -> None:
    """Nobody picked up in time."""
    leg = call.legs.get(leg_id)
    if leg is not None and leg.stage is LegStage.OPEN and not leg.answered:
        reason = Reason.NO_ANSWER if leg.number else Reason.RING_TIMEOUT
        failed(call, leg, reason, peer_gone=False)


def _outbound(call: Call, leg: Leg) -> None:
    if leg.role is LegRole.AGENT:
        dial.own_phone_answered(call, leg)
    else:
        dial.callee_answered(call, leg)


ON_ANSWER: dict[Purpose, Callable[[Call, Leg], None]] = {
    Purpose.CONSULT: consult.target_answered,
    Purpose.TRANSFER: transfer.outside_answered,
    Purpose.SUPERVISION: supervise.answered,
    Purpose.OUTBOUND: _outbound,
    Purpose.INTERNAL: dial.own_phone_answered,
    Purpose.CALLBACK: dial.callee_answered,
}


BUSY = frozenset({486, 600})
REJECTED = frozenset({603, 403, 607})
UNANSWERED = frozenset({408, 480, 487})


def callee_reason(status: int) -> Reason:
    """Why an outside number was not reached, by its final answer (RFC 3261 21)."""
    if status == PROCESS_LOST:
        return Reason.GATEWAY_LOST
    if status in BUSY:
        return Reason.BUSY
    if status in REJECTED:
        return Reason.CALLEE_REJECTED
    if status in UNANSWERED:
        return Reason.NO_ANSWER
    return Reason.NO_COMMON_CODEC if status == 488 else Reason.CALLEE_UNREACHABLE
