"""From a decision to events that can be appended: their ids follow from what caused them."""

from datetime import datetime

from callstream.contracts.envelope import NewEvent
from callstream.kernel.ids import derived_id
from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.change import Change


def new_events(agent: Agent, change: Change, now: datetime) -> list[NewEvent]:
    """The events of `change`. The same change decided again, after a crash or a lost answer, has the same ids."""
    return [
        NewEvent(
            id=derived_id(change.causation_id, agent.tenant, agent.id, str(number)),
            tenant=agent.tenant,
            aggregate_id=agent.id,
            time=now,
            event=event,
            correlation_id=change.call_id,
            causation_id=change.causation_id,
        )
        for number, event in enumerate(change.events)
    ]
