"""One run: a workload against a policy, event by event in virtual time. The same input gives the same run."""

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf

import msgspec

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.agent_events import AgentStateChanged, NextStateChosen
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import AgentState, LegRole
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream_agent_state.domain.agent import AUTO
from callstream_agent_state.domain.table import IN_CALL
from callstream_local.lab.desk import Desk
from callstream_local.lab.floor import Floor, Person
from callstream_local.lab.policy import Policy
from callstream_local.lab.traffic import Contact, PlanStep, Ring, RingEnd, Workload
from callstream_routing.domain.match import Match

Happening = tuple[datetime, int, Callable[..., None], tuple[object, ...]]


class Fate(msgspec.Struct, kw_only=True):
    """What became of one contact."""

    contact: Contact
    outcome: RequestOutcome | None = None
    """None: still waiting when nothing more could happen."""
    reason: Reason | None = None
    waited_s: float = 0.0
    """tA - tR when answered, else until it left."""
    agent_id: str = ""
    offers: int = 0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The whole story of one run."""

    workload: Workload
    policy: Policy
    fates: tuple[Fate, ...]
    people: tuple[Person, ...]
    log: tuple[Recorded, ...] = ()


def simulate(workload: Workload, policy: Policy, *, keep_log: bool = False) -> Run:
    """Run until nothing more can happen. `keep_log`: with all events, as the services would have appended them."""
    return _Simulation(workload, policy, keep_log).run()


class _Simulation:
    def __init__(self, workload: Workload, policy: Policy, keep_log: bool) -> None:
        self._workload, self._policy = workload, policy
        self._ring_timeout = timedelta(seconds=policy.settings.ring_timeout_s)
        self._floor = Floor(policy.settings, workload.begin, workload.end)
        self._desk = Desk(policy, self._offer, self._told)
        if keep_log:
            self._desk.log = []
        self._fates: dict[str, Fate] = {contact.asked.request_id: Fate(contact=contact) for contact in workload.contacts}
        self._count = itertools.count()
        self._coming: list[Happening] = []

    def run(self) -> Run:
        workload, desk = self._workload, self._desk
        first = min((step.at for plan in workload.plans.values() for step in plan), default=workload.begin)
        for agent in self._policy.agents:
            self._floor.join(agent.id, min(first, workload.begin))
            plan = workload.plans.get(agent.id, (PlanStep(min(first, workload.begin), AgentState.IDLE),))
            for step in plan:
                self._at(step.at, self._choose, agent.id, step.state)
        for fact in workload.outside:
            self._at(fact.at, desk.tell, fact.aggregate_id, fact.event)
        for fate in self._fates.values():
            self._at(fate.contact.at, self._arrive, fate)
        coming = self._coming
        heapq.heapify(coming)
        while True:
            due = desk.next_due()
            if coming and (due is None or coming[0][0] <= due):
                desk.now, _, act, given = heapq.heappop(coming)
                act(*given)
            elif due is not None:
                desk.now = max(desk.now, due)
            else:
                break
            desk.react()
        self._floor.close()
        return Run(
            workload=workload,
            policy=self._policy,
            fates=tuple(self._fates.values()),
            people=tuple(self._floor.people.values()),
            log=tuple(desk.log or ()),
        )

    def _at(self, when: datetime, act: Callable[..., None], *given: object) -> None:
        heapq.heappush(self._coming, (when, next(self._count), act, given))

    def _in(self, seconds: float, act: Callable[..., None], *given: object) -> None:
        self._at(self._desk.now + timedelta(seconds=seconds), act, *given)

    # callers

    def _arrive(self, fate: Fate) -> None:
        contact = fate.contact
        if contact.patience_s < inf:
            self._in(contact.patience_s, self._lose_patience, fate)
        self._desk.tell(contact.asked.call_id, contact.asked)

    def _lose_patience(self, fate: Fate) -> None:
        if fate.outcome is None:
            self._desk.tell(fate.contact.asked.call_id, _ENDED)

    # routing

    def _offer(self, found: Match) -> None:
        fate, person = self._fates[found.request_id], self._floor.people[found.agent_id]
        contact, now = fate.contact, self._desk.now
        self._floor.reserve(person, found.offer_id, found.request_id, now)
        self._tell_state(person, AgentState.IDLE, "reserved")
        made = queue.OfferMade(
            offer_id=found.offer_id,
            call_id=found.call_id,
            gateway=contact.asked.gateway,
            agent_id=found.agent_id,
            ring_deadline=now + self._ring_timeout,
            decision=found.decision,
        )
        self._desk.tell(found.request_id, made)
        ring = contact.rings[min(fate.offers, len(contact.rings) - 1)]
        fate.offers += 1
        if ring.how is not RingEnd.SILENT and timedelta(seconds=ring.seconds) < self._ring_timeout:
            self._in(ring.seconds, self._ring_ends, fate, person, found.offer_id, ring)

    def _told(self, request_id: str, event: Event) -> None:
        """routing has ended an offer or a request."""
        fate = self._fates[request_id]
        if isinstance(event, queue.OfferWithdrawn):
            person = self._floor.people[event.agent_id]
            if person.state is AgentState.RINGING and person.offer_id == event.offer_id:
                missed = event.reason is Reason.RING_TIMEOUT
                state = self._floor.offer_over(person, self._desk.now, missed=missed)
                self._tell_state(person, AgentState.RINGING, event.reason.value if missed else "caller-left", missed=missed)
                if missed and state is AgentState.BREAK:
                    self._in(self._workload.break_s, self._return, person, person.turn)
        elif isinstance(event, queue.ContactLeft):
            fate.outcome, fate.reason = event.outcome, event.reason
            fate.waited_s = event.waited_ms / 1000
            fate.agent_id = event.agent_id

    # agents

    def _choose(self, agent_id: str, state: AgentState | None) -> None:
        person = self._floor.people[agent_id]
        previous = person.state
        if self._floor.choose(person, state, self._desk.now):
            cause = {AgentState.OFFLINE: "sign-in"}.get(previous, "sign-out" if state is AgentState.OFFLINE else "chosen")
            self._tell_state(person, previous, cause)
        elif person.state in IN_CALL:
            self._desk.tell(agent_id, NextStateChosen(state=state, actor="lab"))

    def _ring_ends(self, fate: Fate, person: Person, offer_id: str, ring: Ring) -> None:
        if person.state is not AgentState.RINGING or person.offer_id != offer_id or fate.outcome is not None:
            return
        asked = fate.contact.asked
        if ring.how is RingEnd.FAILED:
            failed = call.OfferFailed(
                offer_id=offer_id, request_id=asked.request_id, agent_id=person.id, reason=Reason.AGENT_REJECTED
            )
            self._desk.tell(asked.call_id, failed)
            return
        answered = call.OfferAnswered(offer_id=offer_id, request_id=asked.request_id, agent_id=person.id, leg_id=offer_id)
        self._desk.tell(asked.call_id, answered)
        self._floor.answer(person, self._desk.now)
        self._tell_state(person, AgentState.RINGING, "answered")
        self._in(fate.contact.talk_s, self._hang_up, fate, person)

    def _hang_up(self, fate: Fate, person: Person) -> None:
        call_id = fate.contact.asked.call_id
        ended = call.LegEnded(
            leg_id=person.offer_id,
            role=LegRole.AGENT,
            reason=Reason.CALLER_HUNG_UP,
            agent_id=person.id,
            offer_id=person.offer_id,
        )
        self._desk.tell(call_id, ended)
        self._desk.tell(call_id, _ENDED)
        self._floor.call_over(person, self._desk.now)
        self._tell_state(person, AgentState.BUSY, "call-ended")
        if person.state is AgentState.WRAP_UP:
            seconds, by_agent = self._floor.wrap_up_s(fate.contact.wrap_s)
            self._in(seconds, self._end_wrap_up, person, person.turn, by_agent)

    def _end_wrap_up(self, person: Person, turn: int, by_agent: bool) -> None:
        if person.turn == turn:
            self._floor.wrap_up_over(person, self._desk.now, by_agent=by_agent)
            self._tell_state(person, AgentState.WRAP_UP, "wrap-up-ended" if by_agent else "wrap-up-timer")

    def _return(self, person: Person, turn: int) -> None:
        if person.turn == turn:
            self._choose(person.id, AgentState.IDLE)

    def _tell_state(self, person: Person, previous: AgentState, cause: str, *, missed: bool = False) -> None:
        changed = AgentStateChanged(
            state=person.state,
            previous=previous,
            cause=cause,
            actor="lab",
            reason=AUTO if missed and person.state is AgentState.BREAK else "",
            offer_id=person.offer_id,
            request_id=person.request_id,
            deadline=self._wrap_up_ends() if person.state is AgentState.WRAP_UP else None,
        )
        self._desk.tell(person.id, changed)

    def _wrap_up_ends(self) -> datetime | None:
        settings = self._policy.settings
        return self._desk.now + timedelta(seconds=settings.wrap_up_s) if settings.auto_idle else None


_ENDED = call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)
