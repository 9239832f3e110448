"""How a decided event goes on its way: with an id that its repetition has too, and with the call's cause and trace."""

from datetime import datetime

from callstream.contracts.envelope import Event, NewEvent
from callstream_ivr.domain.session import Session


def to_append(session: Session, event: Event, now: datetime) -> NewEvent:
    """The event to append at `session.version`, which stands in its id: each version is left once."""
    return NewEvent(
        id=f"{session.call_id}-i{session.version}",
        tenant=session.tenant,
        aggregate_id=session.call_id,
        time=now,
        event=event,
        correlation_id=session.call,
        causation_id=session.cause,
        trace=session.trace,
    )
