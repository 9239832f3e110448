"""How many contacts an agent may have at once: voice one, always (F048, the state machine sees to it); the others as set (F049).

Contacts of other channels leave the activity alone. They are given to an idle agent only: whoever talks, wraps up or is away
gets none.
"""

from callstream.contracts.agent_events import AgentContactAssigned, AgentContactReleased
from callstream.contracts.commands import ReleaseAgent, ReserveAgent
from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState, Channel, Presence
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.change import Change


def limit(channel: Channel, settings: Settings, document: AgentDocument | None) -> int:
    """Contacts of a channel that an agent may have: their own limit, else the tenant's, else none."""
    if channel is Channel.VOICE:
        return 1
    own = document.capacity.get(channel) if document is not None else None
    return settings.capacity.get(channel, 0) if own is None else own


def take(agent: Agent, command: ReserveAgent, settings: Settings, document: AgentDocument | None) -> Change | None:
    """A place for a contact of another channel; None when it has it already."""
    if command.offer_id in agent.contacts:
        return None
    if agent.state is not AgentState.IDLE:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} is in state {agent.state}, not idle", "agent_id")
    if agent.presence is not Presence.ONLINE:
        raise Refusal(Reason.AGENT_UNREACHABLE, f"the session of agent {agent.id} is {agent.presence}", "agent_id")
    now_open = open_in(agent, command.channel)
    most = limit(command.channel, settings, document)
    if now_open >= most:
        message = f"agent {agent.id} has {now_open} of at most {most} contacts of channel {command.channel}"
        raise Refusal(Reason.AT_CAPACITY, message, "channel")
    assigned = AgentContactAssigned(channel=command.channel, contact_id=command.offer_id, open=now_open + 1, limit=most)
    return Change(events=(assigned,), causation_id=command.command_id)


def give_back(agent: Agent, command: ReleaseAgent) -> Change:
    """The contact is over."""
    channel = agent.contacts[command.offer_id]
    released = AgentContactReleased(channel=channel, contact_id=command.offer_id, open=open_in(agent, channel) - 1)
    return Change(events=(released,), causation_id=command.command_id)


def open_in(agent: Agent, channel: Channel) -> int:
    """Contacts of a channel that the agent has now, voice aside."""
    return sum(each is channel for each in agent.contacts.values())
