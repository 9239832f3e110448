"""What a decision asks for: events of one agent that are appended together, or nothing at all."""

from datetime import datetime

import msgspec

from callstream.contracts.agent_events import AgentSignedOut, AgentStateChanged
from callstream.contracts.envelope import Event
from callstream.contracts.states import AgentState
from callstream_agent_state.domain.agent import Agent, Wish
from callstream_agent_state.domain.table import CHOICE, OFFLINE, Move, walk

SYSTEM = "system"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Events to append at the agent's version. Their ids follow from `causation_id`."""

    events: tuple[Event, ...]
    causation_id: str
    """The command, the fact, or the agent's own event whose timer fired."""
    call_id: str = ""


def move(
    agent: Agent,
    moves: tuple[Move, ...],
    *,
    cause: str,
    causation_id: str,
    actor: str = SYSTEM,
    reason: str = "",
    offer_id: str = "",
    request_id: str = "",
    call_id: str = "",
    deadline: datetime | None = None,
    terminal: str = "",
    address: str = "",
) -> Change:
    """The change that leads through `moves`; raises IllegalTransition. Who goes offline is signed out in the same append."""
    state = walk(agent.state, moves)
    changed = AgentStateChanged(
        state=state,
        previous=agent.state,
        cause=str(cause),
        actor=actor,
        reason=reason if state is AgentState.BREAK else "",
        call_id=call_id,
        offer_id=offer_id,
        request_id=request_id,
        deadline=deadline,
        terminal=terminal,
        address=address,
    )
    events: tuple[Event, ...] = (changed,)
    if state is OFFLINE:
        events = (changed, AgentSignedOut(actor=actor))
    return Change(events=events, causation_id=causation_id, call_id=call_id or agent.call_id)


def to_wish(wish: Wish | None) -> tuple[Move, ...]:
    """The moves that grant a wish."""
    return (CHOICE[wish.state],) if wish is not None else ()
