"""How decided events go on their way: ids that a repetition has too, cause and trace of the call."""

from collections.abc import Sequence
from datetime import datetime

from callstream.contracts.envelope import Event, NewEvent
from callstream_ivr.domain.session import Session


def to_append(session: Session, events: Sequence[Event], now: datetime) -> list[NewEvent]:
    """The events to append behind `session.version`. Their ids count the session's own events: what is decided again after a
    crash, as a whole or from the middle on, has the same ones."""
    return [
        NewEvent(
            id=f"{session.call_id}-i{number}",
            tenant=session.tenant,
            aggregate_id=session.call_id,
            time=now,
            event=event,
            correlation_id=session.call_id,
            causation_id=session.cause,
            trace=session.trace,
        )
        for number, event in enumerate(events, session.told + 1)
    ]
