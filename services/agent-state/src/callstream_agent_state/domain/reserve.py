"""Decisions on agents who are taken: for an offer, for a call that they begin, and given back."""

from datetime import datetime, timedelta

from callstream.contracts.call_commands import SeizeAgent
from callstream.contracts.commands import ReleaseAgent, ReserveAgent
from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState, Channel
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain import capacity
from callstream_agent_state.domain.agent import Agent, Cause
from callstream_agent_state.domain.change import Change, move
from callstream_agent_state.domain.choose import not_signed_in
from callstream_agent_state.domain.follow import released, set_free
from callstream_agent_state.domain.table import AT_CHOICE, IN_CALL, Move
from callstream_agent_state.domain.terminal import terminal_of

RESERVATION = timedelta(seconds=3)
"""How long an agent waits for the offer that they were reserved for: then routing has died in between."""
SEIZURE = timedelta(seconds=5)
"""How long a seized agent waits for their call to begin: then who seized them, or the gateway, has died in between."""


def reserve(
    agent: Agent, command: ReserveAgent, settings: Settings, document: AgentDocument | None, now: datetime
) -> Change | None:
    """Reserve an idle agent; None when they are reserved for this very offer already.

    Only who is idle, and has nothing to follow and no offer open, can be reserved: with the append at the expected version
    that makes two offers to one agent impossible (F048).
    """
    if command.channel is not Channel.VOICE:
        return capacity.take(agent, command, settings, document)
    if agent.state is AgentState.RINGING:
        if agent.offer_id == command.offer_id and not agent.facts:
            return None
        raise Refusal(Reason.ALREADY_RESERVED, f"agent {agent.id} rings for another offer", "agent_id")
    if agent.state is not AgentState.IDLE:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} is in state {agent.state}, not idle", "agent_id")
    if agent.facts or agent.open_offer:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} has an offer that is not over", "agent_id")
    terminal = terminal_of(agent, document, agent.presence)
    if terminal is None:
        raise Refusal(Reason.AGENT_UNREACHABLE, f"the session of agent {agent.id} is {agent.presence}", "agent_id")
    return move(
        agent,
        (Move.RESERVE,),
        cause=Cause.RESERVED,
        causation_id=command.command_id,
        offer_id=command.offer_id,
        request_id=command.request_id,
        call_id=command.call_id,
        deadline=now + RESERVATION,
        terminal=terminal.terminal,
        address=terminal.address,
    )


def seize(agent: Agent, command: SeizeAgent, document: AgentDocument | None, now: datetime) -> Change | None:
    """Take an agent for a call that they begin (F137); None when they are in this very call already."""
    if agent.state is AgentState.BUSY and agent.offer_id == command.call_id:
        return None
    if agent.state is AgentState.OFFLINE:
        raise not_signed_in(agent)
    if agent.state not in AT_CHOICE:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} is in state {agent.state}: no call can begin", "agent_id")
    if agent.facts or agent.open_offer:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} has an offer that is not over", "agent_id")
    terminal = terminal_of(agent, document, agent.presence)
    if terminal is None:
        raise Refusal(Reason.AGENT_UNREACHABLE, f"the session of agent {agent.id} is {agent.presence}", "agent_id")
    return move(
        agent,
        (Move.SEIZE,),
        cause=Cause.SEIZED,
        causation_id=command.command_id,
        actor=command.actor,
        offer_id=command.call_id,
        call_id=command.call_id,
        deadline=now + SEIZURE,
        terminal=terminal.terminal,
        address=terminal.address,
    )


def release(agent: Agent, command: ReleaseAgent, settings: Settings) -> Change | None:
    """Give a reservation or a seizure back, or another channel's place; None when the agent does not have it (any more)."""
    if command.offer_id in agent.contacts:
        return capacity.give_back(agent, command)
    if agent.state not in IN_CALL or agent.offer_id != command.offer_id:
        return None
    if agent.offer_is_made:
        raise Refusal(Reason.ILLEGAL_STATE, f"offer {command.offer_id} has been made: it must be withdrawn", "offer_id")
    if agent.facts:
        return None
    if agent.state is AgentState.BUSY:
        return set_free(agent, cause=Cause.RELEASED, causation_id=command.command_id) if agent.awaits_call else None
    return released(agent, settings, command.command_id)
