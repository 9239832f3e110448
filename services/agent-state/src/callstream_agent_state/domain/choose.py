"""Decisions on what people ask for: sign in and out, choose a state, end wrap-up. None: it is so already."""

from collections.abc import Iterable

from callstream.contracts.agent_events import AgentSessionTaken, AgentSignedIn, NextStateChosen
from callstream.contracts.commands import EndWrapUp, ForceOffline, Heartbeat, SetState, SignIn, SignOut
from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain.agent import Agent, Cause, Wish
from callstream_agent_state.domain.change import Change, move
from callstream_agent_state.domain.table import AT_CHOICE, CHOICE, IN_CALL, Move
from callstream_agent_state.domain.terminal import terminal_wanted


def sign_in(agent: Agent, command: SignIn, settings: Settings, document: AgentDocument | None = None) -> Change | None:
    """Begin the session in the tenant's default state (F001, F044); of a signed-in agent another session takes over.

    Whoever proves to be the agent is let in: a browser that crashed must not lock them out. The call goes on untouched.
    """
    terminal = terminal_wanted(command.terminal, document)
    if agent.state is not AgentState.OFFLINE:
        if command.session_id in ("", agent.session_id):
            return None
        taken = AgentSessionTaken(
            session_id=command.session_id,
            previous=agent.session_id,
            terminal=terminal,
            actor=command.actor,
            extension=command.extension,
        )
        return Change(events=(taken,), causation_id=command.command_id, call_id=agent.call_id)
    ready = settings.default_state is not AgentState.BUSY_SET
    change = move(
        agent,
        (Move.SIGN_IN if ready else Move.SIGN_IN_NOT_READY,),
        cause=Cause.SIGN_IN,
        causation_id=command.command_id,
        actor=command.actor,
    )
    signed_in = AgentSignedIn(terminal=terminal, actor=command.actor, session_id=command.session_id, extension=command.extension)
    return Change(events=(signed_in, *change.events), causation_id=change.causation_id)


def check_extension(agent_id: str, extension: str, others: Iterable[Agent]) -> None:
    """A workplace's phone is one agent's at a time: until they sign out it stays theirs (F062)."""
    holder = next((other for other in others if extension and other.signed_in and other.extension == extension), None)
    if holder is not None and holder.id != agent_id:
        message = f"extension {extension} is bound to agent {holder.id} until they sign out"
        raise Refusal(Reason.CONFLICT, message, "extension")


def sign_out(agent: Agent, command: SignOut) -> Change | None:
    """End the session; in a call, after it (F043, F045)."""
    if agent.state is AgentState.OFFLINE:
        return None
    check_session(agent, command.session_id)
    if agent.state in IN_CALL:
        return _wish(agent, Wish(state=AgentState.OFFLINE, actor=command.actor), command.command_id)
    return move(agent, (Move.SIGN_OUT,), cause=Cause.SIGN_OUT, causation_id=command.command_id, actor=command.actor)


def set_state(agent: Agent, command: SetState, settings: Settings) -> Change | None:
    """Change to a state at choice: at once, or after the call as the next state (F037, F038, F040, F045)."""
    _check_choice(command, settings)
    if agent.state is AgentState.OFFLINE:
        raise not_signed_in(agent)
    check_session(agent, command.session_id)
    if agent.state in IN_CALL:
        wish = Wish(state=command.state, actor=command.actor, reason=command.reason, forced=command.forced)
        return _wish(agent, wish, command.command_id)
    if agent.state is command.state and agent.reason == command.reason:
        return None
    return move(
        agent,
        (CHOICE[command.state],),
        cause=Cause.FORCED if command.forced else Cause.CHOSEN,
        causation_id=command.command_id,
        actor=command.actor,
        reason=command.reason,
    )


def end_wrap_up(agent: Agent, command: EndWrapUp) -> Change | None:
    """'Start answering': idle at once, whatever the agent wished for in the call (F051)."""
    check_session(agent, command.session_id)
    if agent.state is not AgentState.WRAP_UP:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent.id} is in state {agent.state}, not in wrap-up", "agent_id")
    _check_not_forced(agent, forced=False)
    return move(agent, (Move.GO_IDLE,), cause=Cause.WRAP_UP_ENDED, causation_id=command.command_id, actor=command.actor)


def force_offline(agent: Agent, command: ForceOffline) -> Change | None:
    """An administrator ends the session at once, or after the call, which is not cut (F164)."""
    if agent.state is AgentState.OFFLINE:
        return None
    if agent.state in IN_CALL:
        wish = Wish(state=AgentState.OFFLINE, actor=command.actor, forced=True)
        return _wish(agent, wish, command.command_id)
    return move(agent, (Move.SIGN_OUT,), cause=Cause.FORCED, causation_id=command.command_id, actor=command.actor)


def heard(agent: Agent, command: Heartbeat) -> None:
    """Whether the session may go on; raises Refusal. What follows from having been heard is for `presence` to say."""
    if agent.state is AgentState.OFFLINE:
        raise not_signed_in(agent)
    check_session(agent, command.session_id)


def check_session(agent: Agent, session_id: str) -> None:
    """Of several sessions the newest alone counts; a command of none (a supervisor's, a script's) passes."""
    if session_id and agent.signed_in and session_id != agent.session_id:
        raise Refusal(Reason.SESSION_TAKEN_OVER, f"agent {agent.id} has signed in elsewhere since", "session_id")


def not_signed_in(agent: Agent) -> Refusal:
    """The refusal of whatever needs a session (F264)."""
    return Refusal(Reason.NOT_SIGNED_IN, f"agent {agent.id} is not signed in", "agent_id")


def _check_not_forced(agent: Agent, *, forced: bool) -> None:
    if agent.wish is not None and agent.wish.forced and not forced:
        message = f"{agent.wish.actor} has set {agent.wish.state} as the next state of agent {agent.id}"
        raise Refusal(Reason.ILLEGAL_STATE, message, "state")


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
    _check_not_forced(agent, forced=wish.forced)
    chosen = NextStateChosen(state=wish.state, actor=wish.actor, reason=wish.reason, forced=wish.forced)
    return Change(events=(chosen,), causation_id=command_id, call_id=agent.call_id)
