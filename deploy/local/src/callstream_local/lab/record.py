"""What a log tells about its contacts and agents, as far as another policy could change it.

A contact's wait is what the recorded policy made of it; what is its own are its moment, its request, its handle time and how long
it was willing to wait. Of callers who were answered (or whom the system sent away) the patience is known only to be longer than
their wait: such waits are *censored*.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState, LegRole
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_agent_state.domain.agent import Cause
from callstream_agent_state.domain.table import AT_CHOICE
from callstream_local.lab.traffic import Outside, PlanStep, Ring, RingEnd


class Past(msgspec.Struct, kw_only=True):
    """One recorded request. Durations in seconds; None: has not been seen."""

    at: datetime
    asked: AgentRequested
    outcome: RequestOutcome | None = None
    reason: Reason | None = None
    waited_s: float | None = None
    agent_id: str = ""
    rings: list[Ring] = []
    """Offers in their order, the last one cut off when the caller left meanwhile."""
    cut_off: bool = False
    """The last ring ended with the caller, not by itself."""
    talk_s: float | None = None
    wrap_s: float | None = None
    """None too when the timer ended it."""
    timer_ended_wrap: bool = False


class Record(msgspec.Struct, kw_only=True):
    """Contacts in log order, agents' plans, events from outside, and the breaks that the missed-offer policy set."""

    contacts: list[Past] = []
    plans: dict[str, list[PlanStep]] = {}
    outside: list[Outside] = []
    auto_breaks_s: list[float] = []
    until: datetime | None = None
    """The newest event's time: what happens later is not known."""


def read_record(events: Iterable[Recorded]) -> Record:
    """Fold events of one tenant, in log order."""
    reader = _Reader()
    for recorded in events:
        reader.take(recorded)
    return reader.record


class _Reader:
    def __init__(self) -> None:
        self.record = Record()
        self._by_request: dict[str, Past] = {}
        self._made: dict[str, tuple[datetime, Past]] = {}
        self._answered: dict[str, datetime] = {}
        self._served: dict[str, Past] = {}
        """Offer in talk or wrap-up → its contact."""
        self._of_call: dict[str, str] = {}
        self._wrapping: dict[str, tuple[datetime, str]] = {}
        self._broken: dict[str, datetime] = {}
        self._own_calls: set[str] = set()
        """Agents in a call that they began themselves, wrap-up included."""

    def take(self, recorded: Recorded) -> None:
        self.record.until = recorded.time
        for fact in facts_in(recorded.event):
            self._take(recorded, fact, recorded.time)

    def _take(self, recorded: Recorded, event: Event, at: datetime) -> None:
        if isinstance(event, AgentRequested):
            if event.request_id not in self._by_request:
                past = self._by_request[event.request_id] = Past(at=at, asked=event)
                self.record.contacts.append(past)
        elif isinstance(event, queue.OfferMade):
            if recorded.aggregate_id in self._by_request:
                self._made[event.offer_id] = at, self._by_request[recorded.aggregate_id]
        elif isinstance(event, call.OfferAnswered):
            self._answered.setdefault(event.offer_id, at)
        elif isinstance(event, queue.OfferWithdrawn):
            self._withdrawn(event, at)
        elif isinstance(event, queue.ContactLeft):
            self._left(recorded.aggregate_id, event)
        elif isinstance(event, call.LegEnded):
            if event.role is LegRole.AGENT:
                self._talk_over(event.offer_id, event.at or at)
        elif isinstance(event, call.CallEnded):
            self._talk_over(self._of_call.pop(recorded.aggregate_id, ""), at)
        elif isinstance(event, agent.AgentStateChanged):
            self._state(recorded.aggregate_id, event, at)
        elif isinstance(event, agent.NextStateChosen):
            self._plan(recorded.aggregate_id, at, event.state)
        elif isinstance(event, _OUTSIDE):
            self.record.outside.append(Outside(at, recorded.aggregate_id, event))

    def _withdrawn(self, event: queue.OfferWithdrawn, at: datetime) -> None:
        made, past = self._made.pop(event.offer_id, (at, None))
        if past is None:
            return
        seconds = (at - made).total_seconds()
        if event.reason is Reason.RING_TIMEOUT:
            past.rings.append(Ring(seconds, RingEnd.SILENT))
        elif event.reason in _BY_THE_PHONE:
            past.rings.append(Ring(seconds, RingEnd.FAILED))
        elif event.reason in _BY_THE_CALLER:
            past.rings.append(Ring(seconds, RingEnd.SILENT))
            past.cut_off = True

    def _left(self, request_id: str, event: queue.ContactLeft) -> None:
        past = self._by_request.get(request_id)
        if past is None or past.outcome is not None:
            return
        past.outcome, past.reason, past.waited_s = event.outcome, event.reason, event.waited_ms / 1000
        made = self._made.pop(event.offer_id, None)
        if event.outcome is RequestOutcome.ANSWERED and made is not None and event.offer_id in self._answered:
            past.agent_id = event.agent_id
            past.rings.append(Ring(max(0.0, (self._answered[event.offer_id] - made[0]).total_seconds())))
            self._served[event.offer_id] = past
            self._of_call[event.call_id] = event.offer_id

    def _talk_over(self, offer_id: str, at: datetime) -> None:
        past = self._served.get(offer_id)
        if past is not None and past.talk_s is None:
            past.talk_s = max(0.0, (at - self._answered[offer_id]).total_seconds())

    def _state(self, agent_id: str, event: agent.AgentStateChanged, at: datetime) -> None:
        wrapping = self._wrapping.pop(agent_id, None)
        if wrapping is not None and event.state is not AgentState.BUSY:
            past = self._served.pop(wrapping[1], None)
            if past is not None:
                past.timer_ended_wrap = event.cause == Cause.WRAP_UP_TIMER
                past.wrap_s = None if past.timer_ended_wrap else (at - wrapping[0]).total_seconds()
        if event.state is AgentState.WRAP_UP:
            self._wrapping[agent_id] = at, event.offer_id
        broke = self._broken.pop(agent_id, None)
        if broke is not None:
            self.record.auto_breaks_s.append((at - broke).total_seconds())
        if event.cause == Cause.RING_TIMEOUT and event.state is AgentState.BREAK:
            self._broken[agent_id] = at
        if event.cause == Cause.SEIZED:  # the simulation dials nobody: its agent is away for so long
            self._own_calls.add(agent_id)
            self._plan(agent_id, at, AgentState.BUSY_SET)
        elif event.state in _PLANNED and (event.cause not in _NOT_CHOSEN or agent_id in self._own_calls):
            self._own_calls.discard(agent_id)
            self._plan(agent_id, at, event.state)

    def _plan(self, agent_id: str, at: datetime, state: AgentState | None) -> None:
        self.record.plans.setdefault(agent_id, []).append(PlanStep(at, state))


_OUTSIDE = (call.CallDialled, agent.AgentSignedIn, agent.AgentPresenceChanged, agent.AgentSessionTaken)
_BY_THE_PHONE = frozenset({Reason.AGENT_REJECTED, Reason.AGENT_UNREACHABLE, Reason.MEDIA_FAILED, Reason.NO_COMMON_CODEC})
_BY_THE_CALLER = frozenset({Reason.CALLER_HUNG_UP, Reason.CALLER_CANCELLED, Reason.CALLER_LOST, Reason.LEFT_BY_KEY})
_PLANNED = frozenset({*AT_CHOICE, AgentState.OFFLINE})
_CHOSEN = (Cause.SIGN_IN, Cause.SIGN_OUT, Cause.CHOSEN, Cause.FORCED, Cause.SESSION_LOST)
_NOT_CHOSEN = frozenset(
    {
        *(cause.value for cause in Cause if cause not in _CHOSEN),
        *(reason.value for reason in _BY_THE_PHONE),
        Reason.AGENT_GONE.value,
    }
)
"""Causes of changes that the calls brought about: the simulation brings about its own."""
