"""Folds the agent's own events."""

from callstream.contracts.agent_events import (
    AgentContactAssigned,
    AgentContactReleased,
    AgentOfferForgotten,
    AgentPresenceChanged,
    AgentSessionTaken,
    AgentSignedIn,
    AgentSignedOut,
    AgentStateChanged,
    NextStateChosen,
)
from callstream.contracts.envelope import Recorded
from callstream.contracts.states import AgentState, Presence, Terminal
from callstream_agent_state.domain.agent import AUTO, COMMANDS_KEPT, Agent, Cause, Wish, still_valid
from callstream_agent_state.domain.table import AT_CHOICE


def evolve(agent: Agent, recorded: Recorded) -> None:
    """Take one own event in. One that was seen already changes nothing."""
    if recorded.seq <= agent.version:
        return
    fact = recorded.event
    if isinstance(fact, AgentStateChanged):
        _change(agent, recorded, fact)
    elif isinstance(fact, NextStateChosen):
        wished = fact.state
        agent.wish = None if wished is None else Wish(state=wished, actor=fact.actor, reason=fact.reason, forced=fact.forced)
    else:
        _session(agent, recorded)
    if recorded.causation_id:
        _answer_cause(agent, recorded.causation_id)
    agent.version, agent.last_event_id = recorded.seq, recorded.id
    agent.facts = still_valid(agent.facts, agent.state, agent.offer_id)


def _session(agent: Agent, recorded: Recorded) -> None:
    """What is beside the activity: the session, the presence, the other channels' contacts."""
    match recorded.event:
        case AgentSignedIn() as event:
            agent.misses = 0
            _begin(agent, event, recorded)
        case AgentSessionTaken() as event:
            _begin(agent, event, recorded)
        case AgentPresenceChanged() as event:
            agent.presence, agent.presence_since = event.presence, recorded.time
        case AgentSignedOut():
            agent.presence, agent.presence_since = Presence.OFFLINE, recorded.time
            agent.session_id, agent.extension, agent.contacts = "", "", {}
        case AgentOfferForgotten() as event:
            if agent.open_offer == event.offer_id:
                agent.open_offer = agent.open_call = ""
        case AgentContactAssigned() as event:
            agent.contacts = {**agent.contacts, event.contact_id: event.channel}
        case AgentContactReleased() as event:
            agent.contacts = {key: channel for key, channel in agent.contacts.items() if key != event.contact_id}


def _begin(agent: Agent, event: AgentSignedIn | AgentSessionTaken, recorded: Recorded) -> None:
    agent.session_id, agent.extension = event.session_id, event.extension
    agent.terminal = Terminal(event.terminal) if event.terminal in set(Terminal) else Terminal.DESK_PHONE
    agent.presence, agent.presence_since = Presence.ONLINE, recorded.time


def _change(agent: Agent, recorded: Recorded, fact: AgentStateChanged) -> None:
    agent.state, agent.since, agent.deadline = fact.state, recorded.time, fact.deadline
    agent.reason = fact.reason
    at_choice = fact.state in AT_CHOICE
    if at_choice:
        agent.before, agent.before_reason = fact.state, fact.reason
    if at_choice or fact.state is AgentState.OFFLINE:
        agent.wish = None
        agent.offer_id = agent.request_id = agent.call_id = ""
    else:
        agent.offer_id, agent.request_id, agent.call_id = fact.offer_id, fact.request_id, fact.call_id
    if fact.cause in (Cause.MEDIA_OFFER_GONE, Cause.MEDIA_LEG_GONE):
        agent.open_offer = agent.open_call = ""  # the event that would have closed it may never come
    if fact.cause in (Cause.RESERVED, Cause.SEIZED):
        agent.ring_terminal, agent.ring_address = Terminal(fact.terminal or Terminal.DESK_PHONE), fact.address
    if fact.cause in (Cause.ANSWERED, Cause.MEDIA_IN_TALK):
        agent.misses = 0
    elif fact.cause == Cause.RING_TIMEOUT:
        agent.misses = 0 if fact.reason == AUTO else agent.misses + 1


def _answer_cause(agent: Agent, cause: str) -> None:
    """Drop the fact that this event followed, with those before it; remember it when it is a command."""
    for index, fact in enumerate(agent.facts):
        if fact.event_id == cause:
            agent.facts = agent.facts[index + 1 :]
            return
    by_timer = cause == agent.last_event_id
    if not by_timer and cause not in agent.commands:
        agent.commands = [*agent.commands[1 - COMMANDS_KEPT :], cause]
