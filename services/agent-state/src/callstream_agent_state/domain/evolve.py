"""Folds the agent's own events."""

from callstream.contracts.agent_events import AgentSignedIn, AgentStateChanged, NextStateChosen
from callstream.contracts.envelope import Recorded
from callstream.contracts.states import AgentState
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
        agent.wish = None if fact.state is None else Wish(state=fact.state, actor=fact.actor, reason=fact.reason)
    elif isinstance(fact, AgentSignedIn):
        agent.misses = 0
    if recorded.causation_id:
        _answer_cause(agent, recorded.causation_id)
    agent.version, agent.last_event_id = recorded.seq, recorded.id
    agent.facts = still_valid(agent.facts, agent.state, agent.offer_id)


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
    if fact.cause == Cause.ANSWERED:
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
