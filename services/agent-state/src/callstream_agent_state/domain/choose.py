"""Decisions on what people ask for: sign in and out, choose a state, end wrap-up. None: it is so already."""

from callstream.contracts.agent_events import AgentSignedIn, NextStateChosen
from callstream.contracts.commands import EndWrapUp, SetState, SignIn, SignOut
from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain.agent import Agent, Cause, Wish
from callstream_agent_state.domain.change import Change, move
from callstream_agent_state.domain.table import AT_CHOICE, CHOICE, IN_CALL, Move


def sign_in(agent: Agent, command: SignIn, settings: Settings) -> Change | None:
    """Begin the session in the tenant's default state (F001, F044)."""
    if agent.state is not AgentState.OFFLINE:
        return None
    ready = settings.default_state is not AgentState.BUSY_SET
    change = move(
        agent,
        (Move.SIGN_IN if ready else Move.SIGN_IN_NOT_READY,),
        cause=Cause.SIGN_IN,
        causation_id=command.command_id,
        actor=command.actor,
    )
    signed_in = AgentSignedIn(terminal=command.terminal, actor=command.actor)
    return Change(events=(signed_in, *change.events), causation_id=change.causation_id)


def sign_out(agent: Agent, command: SignOut) -> Change | None:
    """End the session; in a call, after it (F043, F045)."""
    if agent.state is AgentState.OFFLINE:
        return None
    if agent.state in IN_CALL:
        return _wish(agent, Wish(state=AgentState.OFFLINE, actor=command.actor), command.command_id)
    return move(agent, (Move.SIGN_OUT,), cause=Cause.SIGN_OUT, causation_id=command.command_id, actor=command.actor)


def set_state(agent: Agent, command: SetState, settings: Settings) -> Change | None:
    """Change to a state at choice: at once, or after the call as the next state (F037, F038, F040, F045)."""
    _check_choice(command, settings)
    if agent.state is AgentState.OFFLINE:
        raise Refusal(Reason.NOT_SIGNED_IN, f"agent {agent.id} is not signed in", "agent_id")
    if agent.state in IN_CALL:
        return _wish(agent, Wish(state=command.state, actor=command.actor, reason=command.reason), command.command_id)
    if agent.state is command.state and agent.reason == command.reason:
        return None
    return move(
        agent,
        (CHOICE[command.state],),
        cause=Cause.CHOSEN,
        causation_id=command.command_id,
        actor=command.actor,
        reason=command.reason,
    )


def end_wrap_up(agent: Agent, command: EndWrapUp) -> Change | None:
    """'Start answering': idle at once, whatever was wished for in the call (F051)."""
    if agent.state is not AgentState.WRAP_UP:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} is in state {agent.state}, not in wrap-up", "agent_id")
    return move(agent, (Move.GO_IDLE,), cause=Cause.WRAP_UP_ENDED, causation_id=command.command_id, actor=command.actor)


def _check_choice(command: SetState, settings: Settings) -> None:
    if command.state not in AT_CHOICE:
        possible = ", ".join(AT_CHOICE)
        raise Refusal(Reason.INVALID, f"{command.state} cannot be chosen; possible are {possible}", "state")
    if command.state is AgentState.BREAK:
        if command.reason not in settings.break_reasons:
            possible = ", ".join(settings.break_reasons)
            raise Refusal(Reason.INVALID, f"{command.reason!r} is no break reason; possible are {possible}", "reason")
    elif command.reason:
        raise Refusal(Reason.INVALID, f"a reason goes with break, not with {command.state}", "reason")


def _wish(agent: Agent, wish: Wish, command_id: str) -> Change | None:
    if agent.wish == wish:
        return None
    chosen = NextStateChosen(state=wish.state, actor=wish.actor, reason=wish.reason)
    return Change(events=(chosen,), causation_id=command_id, call_id=agent.call_id)
