"""What is missing now: the agent's own event for the oldest fact that waits, or for a deadline that has come.

Asked after each change and at each deadline; the same question after a restart has the same answer.
"""

from datetime import datetime, timedelta

from callstream.contracts.config import Settings
from callstream.contracts.states import AfterWrapUp, AgentState, MissedPolicy
from callstream_agent_state.domain.agent import AUTO, Agent, Cause, Fact, FactKind, Wish
from callstream_agent_state.domain.change import SYSTEM, Change, move, to_wish
from callstream_agent_state.domain.table import CHOICE, Move


def follow(agent: Agent, settings: Settings, now: datetime) -> Change | None:
    """The one change that is due, or None. Facts come before deadlines: they stand earlier in the log."""
    if agent.facts:
        return by_fact(agent, agent.facts[0], settings)
    if agent.deadline is None or agent.deadline > now:
        return None
    if agent.state is AgentState.RINGING and not agent.offer_is_made:
        return _offer_over(agent, settings, cause=Cause.RESERVATION_EXPIRED, causation_id=agent.last_event_id)
    if agent.awaits_call:
        return set_free(agent, cause=Cause.SEIZURE_EXPIRED, causation_id=agent.last_event_id)
    if agent.state is AgentState.WRAP_UP:
        return _wrap_up_over(agent, settings)
    return None


def released(agent: Agent, settings: Settings, command_id: str) -> Change:
    """Routing gives a reservation back whose offer was never made."""
    return _offer_over(agent, settings, cause=Cause.RELEASED, causation_id=command_id)


def by_fact(agent: Agent, fact: Fact, settings: Settings) -> Change:
    """The change that a fact means to the agent."""
    if fact.kind is FactKind.ANSWERED:
        return move(
            agent,
            (Move.ANSWER,),
            cause=fact.cause,
            causation_id=fact.event_id,
            offer_id=fact.offer_id,
            request_id=fact.request_id or agent.request_id,
            call_id=fact.call_id,
        )
    if fact.kind is FactKind.OFFER_OVER:
        return _offer_over(agent, settings, cause=fact.cause, causation_id=fact.event_id)
    if fact.kind is FactKind.SET_FREE:
        return set_free(agent, cause=fact.cause, causation_id=fact.event_id)
    return _call_over(agent, fact, settings)


def set_free(agent: Agent, *, cause: str, causation_id: str) -> Change:
    """Back to where the call was begun from, or to the wished state (F045): a call that reached nobody needs no wrap-up."""
    target = agent.wish or Wish(state=agent.before, actor=SYSTEM, reason=agent.before_reason)
    return move(
        agent,
        (Move.SET_FREE, *_unless_there((CHOICE[target.state],), Move.GO_IDLE)),
        cause=cause,
        causation_id=causation_id,
        actor=target.actor,
        reason=target.reason,
    )


def _offer_over(agent: Agent, settings: Settings, *, cause: str, causation_id: str) -> Change:
    """Back to idle, or to break by the missed-offer policy (D2). A wish made while it rang applies at once (F045).

    A wish to be idle does not undo the break: the policy is there because the agent did not react.
    """
    missed = cause == Cause.RING_TIMEOUT and _breaks(agent, settings)
    wish = agent.wish
    if wish is not None and missed and wish.state is AgentState.IDLE:
        wish = None
    return move(
        agent,
        (Move.MISS if missed else Move.OFFER_OVER, *_unless_there(to_wish(wish), Move.GO_IDLE)),
        cause=cause,
        causation_id=causation_id,
        actor=wish.actor if wish else SYSTEM,
        reason=wish.reason if wish else AUTO,
    )


def _breaks(agent: Agent, settings: Settings) -> bool:
    if settings.missed_policy is MissedPolicy.BREAK_AFTER:
        return agent.misses + 1 >= settings.missed_limit
    return settings.missed_policy is MissedPolicy.BREAK


def _unless_there(moves: tuple[Move, ...], there: Move) -> tuple[Move, ...]:
    return tuple(m for m in moves if m is not there)


def _call_over(agent: Agent, fact: Fact, settings: Settings) -> Change:
    """Wrap-up follows every call (F041); its timer counts from the end of the call (F050). Who wished to sign out does so."""
    wish = agent.wish
    if wish is not None and wish.state is AgentState.OFFLINE:
        return move(
            agent,
            (Move.CALL_OVER, Move.SIGN_OUT),
            cause=fact.cause,
            causation_id=fact.event_id,
            actor=wish.actor,
        )
    return move(
        agent,
        (Move.CALL_OVER,),
        cause=fact.cause,
        causation_id=fact.event_id,
        offer_id=agent.offer_id,
        request_id=agent.request_id,
        call_id=agent.call_id,
        deadline=fact.at + timedelta(seconds=settings.wrap_up_s) if settings.auto_idle else None,
    )


def _wrap_up_over(agent: Agent, settings: Settings) -> Change:
    """The wished state, else where the setting leads (D3)."""
    back = Wish(state=agent.before, actor=SYSTEM, reason=agent.before_reason)
    idle = Wish(state=AgentState.IDLE, actor=SYSTEM)
    target = agent.wish or (back if settings.after_wrap_up is AfterWrapUp.PREVIOUS else idle)
    return move(
        agent,
        (CHOICE[target.state],),
        cause=Cause.WRAP_UP_TIMER,
        causation_id=agent.last_event_id,
        actor=target.actor,
        reason=target.reason,
    )
