"""What keeps the one agent whom a request wants from taking it, as the reason that whoever asked is told."""

from datetime import datetime

from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.seat import COOL_DOWN, FREE, Seat


def kept_by(seat: Seat, until: datetime | None, now: datetime) -> Reason | None:
    """None: nothing does. Tried until `until`: a reservation that nobody answers for so long is not waited for."""
    if seat.label == FREE:
        return Reason.UNAVAILABLE if until is None or now > until else None
    if seat.state is AgentState.OFFLINE:
        return Reason.NOT_SIGNED_IN
    unreachable = seat.state is AgentState.IDLE and (seat.away or seat.label == COOL_DOWN)
    return Reason.AGENT_UNREACHABLE if unreachable else Reason.AGENT_BUSY
