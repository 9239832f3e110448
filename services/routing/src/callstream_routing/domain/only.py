"""What keeps the one agent whom a request wants from taking it, as the reason that whoever asked is told."""

from datetime import datetime

from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.request import Request
from callstream_routing.domain.seat import COOL_DOWN, FREE, IN_FLIGHT, OFFER_OPEN, Seat

IN_A_CALL = (AgentState.RINGING, AgentState.BUSY, AgentState.WRAP_UP)


def kept_by(seat: Seat, request: Request, now: datetime) -> Reason | None:
    """None: nothing does, or they are waited for. Both until `assigned_until`: nor is a reservation waited for any longer."""
    over = request.assigned_until is None or now >= request.assigned_until
    if seat.label == FREE:
        return Reason.UNAVAILABLE if over else None
    if request.patient and not over and (seat.state in IN_A_CALL or seat.label in (IN_FLIGHT, OFFER_OPEN)):
        return None
    if seat.state is AgentState.OFFLINE:
        return Reason.NOT_SIGNED_IN
    unreachable = seat.state is AgentState.IDLE and (seat.away or seat.label == COOL_DOWN)
    return Reason.AGENT_UNREACHABLE if unreachable else Reason.AGENT_BUSY
