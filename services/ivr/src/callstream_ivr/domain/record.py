"""How decided events go on their way: ids that a repetition has too, cause and trace of the call."""

from collections.abc import Sequence
from datetime import datetime

from callstream.contracts.envelope import Event, NewEvent
from callstream_ivr.domain.session import Session


def to_append(session: Session, events: Sequence[Event], now: datetime) -> list[NewEvent]:
    """The events for one atomic append at `session.version`, which stands in their ids."""
    return [
        NewEvent(
            id=f"{session.call_id}-i{session.version}-{i}",
            tenant=session.tenant,
            aggregate_id=session.call_id,
            time=now,
            event=event,
            correlation_id=session.call_id,
            causation_id=session.cause,
            trace=session.trace,
        )
        for i, event in enumerate(events)
    ]
