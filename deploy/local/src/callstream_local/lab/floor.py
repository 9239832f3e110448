"""The agents of a simulation: they go only where agent-state's own table leads, and sums of time per state are kept.

What the settings demand (missed offers, wrap-up, where it leads) follows services/agent-state/domain/follow.py.
"""

from datetime import datetime

import msgspec

from callstream.contracts.config import Settings
from callstream.contracts.states import AfterWrapUp, AgentState, MissedPolicy
from callstream_agent_state.domain.table import AT_CHOICE, CHOICE, IN_CALL, Move, walk


class Person(msgspec.Struct, kw_only=True):
    """One agent."""

    id: str
    since: datetime
    state: AgentState = AgentState.OFFLINE
    before: AgentState = AgentState.IDLE
    wish: AgentState | None = None
    misses: int = 0
    offer_id: str = ""
    request_id: str = ""
    turn: int = 0
    """Counts changes of state: a timer set for an earlier one is stale."""
    spent: dict[AgentState, float] = {}
    """Seconds in each state within the measured time."""


class Floor:
    """See the module's docstring."""

    def __init__(self, settings: Settings, begin: datetime, end: datetime) -> None:
        self.people: dict[str, Person] = {}
        self._settings, self._begin, self._end = settings, begin, end

    def join(self, agent_id: str, now: datetime) -> None:
        """An agent who is offline as yet."""
        self.people[agent_id] = Person(id=agent_id, since=now)

    def choose(self, person: Person, state: AgentState | None, now: datetime) -> bool:
        """The agent's or a supervisor's choice: at once, or after the call (F045). False: nothing changes now."""
        if person.state in IN_CALL:
            person.wish = state
            return False
        if state is None or state is person.state:
            return False
        if person.state is AgentState.OFFLINE:
            person.misses = 0
            move = Move.SIGN_IN_NOT_READY if state is AgentState.BUSY_SET else Move.SIGN_IN
            self._go(person, (move,) if state is not AgentState.BREAK else (move, Move.GO_BREAK), now)
        else:
            self._go(person, (CHOICE[state],), now)
        return True

    def reserve(self, person: Person, offer_id: str, request_id: str, now: datetime) -> None:
        """Raises IllegalTransition when the agent is not idle: routing would have been wrong."""
        self._go(person, (Move.RESERVE,), now)
        person.offer_id, person.request_id = offer_id, request_id

    def answer(self, person: Person, now: datetime) -> None:
        """The agent picks up."""
        self._go(person, (Move.ANSWER,), now)
        person.misses = 0

    def offer_over(self, person: Person, now: datetime, *, missed: bool) -> AgentState:
        """The offer has ended without an answer (D2); the new state."""
        breaks = False
        if missed:
            person.misses += 1
            policy = self._settings.missed_policy
            over = person.misses >= self._settings.missed_limit
            breaks = policy is MissedPolicy.BREAK or (policy is MissedPolicy.BREAK_AFTER and over)
            if breaks:
                person.misses = 0
        wish = person.wish
        if breaks and wish is AgentState.IDLE:
            wish = None
        first = Move.MISS if breaks else Move.OFFER_OVER
        self._go(person, (first,) if wish is None or wish is AgentState.IDLE else (first, CHOICE[wish]), now)
        return person.state

    def call_over(self, person: Person, now: datetime) -> None:
        """Wrap-up follows every call (F041); who wished to sign out does so."""
        out = person.wish is AgentState.OFFLINE
        self._go(person, (Move.CALL_OVER, Move.SIGN_OUT) if out else (Move.CALL_OVER,), now)

    def wrap_up_over(self, person: Person, now: datetime, *, by_agent: bool) -> None:
        """Idle when the agent ended it (F051), else the wish, else where the setting leads (D3)."""
        back = person.before if self._settings.after_wrap_up is AfterWrapUp.PREVIOUS else AgentState.IDLE
        target = AgentState.IDLE if by_agent else person.wish or back
        self._go(person, (CHOICE[target],), now)

    def wrap_up_s(self, own: float | None) -> tuple[float, bool]:
        """(seconds of wrap-up, whether the agent ends it), given after how long they would end it themselves."""
        limit = float(self._settings.wrap_up_s)
        if not self._settings.auto_idle:
            return (limit if own is None else own), True
        return (own, True) if own is not None and own < limit else (limit, False)

    def close(self) -> None:
        """Count the time of the states that go on, up to the end of the measured time."""
        for person in self.people.values():
            self._count(person, self._end)

    def _go(self, person: Person, moves: tuple[Move, ...], now: datetime) -> None:
        state = walk(person.state, moves)
        self._count(person, now)
        person.state, person.since = state, now
        person.turn += 1
        if state in AT_CHOICE:
            person.before = state
        if state in AT_CHOICE or state is AgentState.OFFLINE:
            person.wish = None
            person.offer_id = person.request_id = ""

    def _count(self, person: Person, now: datetime) -> None:
        began, ended = max(person.since, self._begin), min(now, self._end)
        if ended > began:
            person.spent[person.state] = person.spent.get(person.state, 0.0) + (ended - began).total_seconds()
