"""The judge: reads the log as it grows, knows what must never stand in it, and what must follow in time.

It is written against docs/features.md and the contracts, not against the services: it shares no code with them.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.states import AgentState, LegRole
from callstream.kernel.outcomes import Reason, RequestOutcome

from .owed import Owed

SOON_S = 5.0
"""No mismatch lasts longer."""
RESERVED_S = 3.0
FORGOTTEN_S = 15.0
"""A first-in-line caller and a free agent: within this, cool-downs and refusals included, something must happen."""

BACK = "-back"
"""Behind the id of a request: its callback."""
Id = tuple[str, str]
"""(tenant, id)"""


class Broken(AssertionError):
    """Something stands in the log that must not."""


class Person(msgspec.Struct):
    """An agent as the log tells of them."""

    groups: tuple[str, ...] = ()
    state: AgentState = AgentState.OFFLINE
    reserved: str = ""
    """Offer that the agent's own event names."""
    offer: str = ""
    """Offer that rings them."""
    talk: str = ""
    """Offer whose call they are in, as the media tell."""


class Contact(msgspec.Struct):
    """A request."""

    call_id: str
    groups: tuple[str, ...]
    queued: bool = False
    since: datetime | None = None
    """What its place counts from."""
    offer: str = ""
    agent_id: str = ""
    answered: bool = False
    over: bool = False
    """Its call has ended, or its groups take nobody."""
    stopped: bool = False
    """By a supervisor. An offer that rings can still be answered until it is withdrawn."""
    leaving: bool = False
    """Its caller wants to be called back: the same."""
    callback: bool = False
    """Nobody is on the line. The agent's answer is not the customer's."""
    taken: bool = False
    """Of a callback: an agent has answered."""
    rests: bool = False
    """Of a callback, since an attempt in vain; the next offer ends it."""


class Line(msgspec.Struct):
    """A group: who could be offered, and to whom."""

    ready: set[str] = set()
    free: set[str] = set()


class Monitor:
    """Call `see` with every event at the moment it is stored."""

    def __init__(self, groups: Mapping[str, Mapping[str, tuple[str, ...]]], uptime: Callable[[], float]) -> None:
        """`groups`: tenant → group → agents."""
        self.owed = Owed(uptime)
        self.seen: Counter[str] = Counter()
        self.left: Counter[RequestOutcome] = Counter()
        self.requests = 0
        self.waiting: dict[Id, Contact] = {}
        self._gone: set[Id] = set()
        self._calls: dict[Id, set[str]] = {}
        self._ended: set[Id] = set()
        self._talked: set[Id] = set()
        self._in_call: dict[Id, tuple[Id, str]] = {}
        """Call → the agent in it and their offer."""
        self._lines = {(tenant, group): Line() for tenant, of in groups.items() for group in of}
        self._attempts: dict[Id, Id] = {}
        """Call of an attempt → the callback."""
        self._people: dict[Id, Person] = {}
        for tenant, of in groups.items():
            for group, agents in of.items():
                for agent_id in agents:
                    person = self._person((tenant, agent_id))
                    person.groups = (*person.groups, group)

    def see(self, recorded: Recorded) -> None:
        """Take one event in. Raises Broken or Overdue."""
        self.seen[recorded.event.NAME] += 1
        for fact in facts_in(recorded.event):
            step = _STEPS.get(type(fact))
            if step is None:
                continue
            try:
                step(self, recorded, fact)
            except Broken as broken:
                raise Broken(f"{broken}: {recorded}") from None
        self.owed.check()
        if self.requests != len(self.waiting) + self.left.total():
            raise Broken("requests are not conserved")

    def at_rest(self) -> bool:
        """Nobody waits, nothing is owed."""
        return not self.waiting and not len(self.owed)

    def busy(self) -> set[Id]:
        """Agents whose phones are in a call."""
        return {key for key, person in self._people.items() if person.talk}

    def _person(self, key: Id) -> Person:
        return self._people.setdefault(key, Person())

    # agents

    def _state_changed(self, recorded: Recorded, event: agent.AgentStateChanged) -> None:
        key = recorded.tenant, recorded.aggregate_id
        person = self._person(key)
        _must(event.previous is person.state, f"the agent was {person.state}")
        _must(bool(event.actor and event.cause and recorded.causation_id), "a change without actor or cause")
        if event.state is AgentState.RINGING:
            _must(person.state is AgentState.IDLE, "reserved, but not idle")
            _must(not person.talk, "reserved while in a call")
            _must(not person.offer, "reserved while an offer rings")
        if event.state is AgentState.BUSY:
            _must((recorded.tenant, event.offer_id) in self._talked, "busy without an answer")
        person.state, person.reserved = event.state, event.offer_id
        for kind in ("reserved", "wrap-up", "rings on"):
            self.owed.settle((kind, *key))
        if event.state is AgentState.RINGING:
            self.owed.owe(("reserved", *key), RESERVED_S + SOON_S)
        if event.state is AgentState.WRAP_UP and event.deadline is not None:
            self.owed.owe(("wrap-up", *key), (event.deadline - recorded.time).total_seconds() + SOON_S)
        self._compare(key, person)
        self._set_free(key, person)

    def _compare(self, key: Id, person: Person) -> None:
        """The agent is busy exactly while their phone is in a call."""
        busy = person.reserved if person.state is AgentState.BUSY else ""
        if busy == person.talk:
            self.owed.settle(("truth", *key))
        else:
            self.owed.owe(("truth", *key), SOON_S)

    def _set_free(self, key: Id, person: Person) -> None:
        free = person.state is AgentState.IDLE and not person.offer
        for group in person.groups:
            line = self._lines[key[0], group]
            if free != (key[1] in line.free):
                (line.free.add if free else line.free.discard)(key[1])
                self._progress(key[0], group, line)

    def _set_ready(self, key: Id, contact: Contact) -> None:
        ready = key in self.waiting and contact.queued and not contact.offer and not contact.answered
        ready = ready and not contact.over and not contact.stopped and not contact.leaving and not contact.rests
        for group in contact.groups:
            line = self._lines.get((key[0], group))
            if line is not None and ready != (key[1] in line.ready):
                (line.ready.add if ready else line.ready.discard)(key[1])
                self._progress(key[0], group, line)

    def _progress(self, tenant: str, group: str, line: Line) -> None:
        self.owed.settle(("forgotten", tenant, group))
        if line.ready and line.free:
            self.owed.owe(("forgotten", tenant, group), FORGOTTEN_S)

    # requests

    def _requested(self, recorded: Recorded, event: ivr.AgentRequested) -> None:
        key = recorded.tenant, event.request_id
        if key in self.waiting or key in self._gone:
            return
        over = (recorded.tenant, event.call_id) in self._ended
        contact = Contact(call_id=event.call_id, groups=(event.group_id,), over=over)
        self.waiting[key] = contact
        self.requests += 1
        self._calls.setdefault((recorded.tenant, event.call_id), set()).add(event.request_id)
        self.owed.owe(("queued", *key), SOON_S)
        if contact.over or (key[0], event.group_id) not in self._lines:
            self.owed.owe(("left", *key), SOON_S)

    def _own(self, recorded: Recorded) -> tuple[Id, Contact]:
        key = recorded.tenant, recorded.aggregate_id
        contact = self.waiting.get(key)
        if contact is None:
            raise Broken("the request does not wait")
        return key, contact

    def _queued(self, recorded: Recorded, event: queue.ContactQueued) -> None:
        key, contact = self._own(recorded)
        _must(not contact.queued, "queued twice")
        contact.queued, contact.groups = True, event.groups or (event.group_id,)
        if contact.callback:
            _must(contact.since is not None and event.enqueued_at <= contact.since, "a callback has lost its place")
        contact.since = event.enqueued_at
        self.owed.settle(("queued", *key))
        if event.refused is not None:
            self._end(key, contact)
        self._set_ready(key, contact)

    def _moved(self, recorded: Recorded, event: queue.ContactMoved) -> None:
        key, contact = self._own(recorded)
        _must(set(event.left) <= set(contact.groups), "moved out of a group that it was not in")
        was_over, contact.over = contact.over, True
        self._set_ready(key, contact)
        contact.groups, contact.over = event.groups, was_over
        self._set_ready(key, contact)

    def _stopped(self, recorded: Recorded, event: queue.RequestStopAsked) -> None:
        key, contact = self._own(recorded)
        _must(bool(event.actor), "stopped by nobody")
        contact.stopped = True
        if not contact.taken:  # else the attempt decides first
            self.owed.owe(("left", *key), SOON_S)
        self._set_ready(key, contact)

    def _asked_back(self, recorded: Recorded, event: ivr.CallbackAsked) -> None:
        key = recorded.tenant, event.request_id
        contact = self.waiting.get(key)
        if contact is not None:
            contact.leaving = True
            self.owed.owe(("left", *key), SOON_S)
            self._set_ready(key, contact)

    def _tried(self, recorded: Recorded, event: queue.CallbackTried) -> None:
        key, contact = self._own(recorded)
        _must(contact.callback, "no callback")
        _must(contact.taken or not event.attempt_call_id, "an attempt without an agent")
        self.owed.settle(("tried", *key))
        if contact.taken:
            contact.taken, contact.rests = False, True
            self._close(key, contact)
        if event.next_at is None:
            self.owed.owe(("left", *key), SOON_S)

    def _end(self, key: Id, contact: Contact) -> None:
        """It is to leave, unanswered."""
        contact.over = contact.over or not contact.answered
        self.owed.owe(("left", *key), SOON_S)
        if contact.offer and not contact.answered:
            self.owed.settle(("offer", *key))
            self._stop_ringing((key[0], contact.agent_id), contact.offer)
        self._set_ready(key, contact)

    def _offer_made(self, recorded: Recorded, event: queue.OfferMade) -> None:
        key, contact = self._own(recorded)
        _must(contact.queued, "offered before it was queued")
        _must(not contact.offer, "offered while another offer is open")
        _must(not contact.answered, "offered after the answer")
        _must(not contact.stopped, "offered after a supervisor ended the waiting")
        contact.offer, contact.agent_id, contact.rests = event.offer_id, event.agent_id, False
        if contact.callback:
            self._attempts[recorded.tenant, event.call_id] = key
        self._set_ready(key, contact)
        if contact.over:
            return  # nobody rings for it: the end of the call stands before it
        whom = recorded.tenant, event.agent_id
        person = self._person(whom)
        _must(person.state is AgentState.RINGING, f"offered to an agent who is {person.state}")
        _must(person.reserved == event.offer_id, "offered to an agent who is reserved for another")
        _must(not person.offer, "two offers to one agent")
        _must(not person.talk, "offered to an agent who is in a call")
        person.offer = event.offer_id
        self.owed.settle(("reserved", *whom))
        self.owed.owe(("offer", *key), (event.ring_deadline - recorded.time).total_seconds() + SOON_S)
        self._set_free(whom, person)

    def _offer_withdrawn(self, recorded: Recorded, event: queue.OfferWithdrawn) -> None:
        key, contact = self._own(recorded)
        if contact.offer == event.offer_id and not contact.answered and not contact.taken:
            self._close(key, contact)

    def _close(self, key: Id, contact: Contact) -> None:
        """The offer is over without an answer."""
        self.owed.settle(("offer", *key))
        self.owed.settle(("withdrawn", *key))
        self._stop_ringing((key[0], contact.agent_id), contact.offer)
        contact.offer = ""
        self._set_ready(key, contact)

    def _stop_ringing(self, whom: Id, offer_id: str) -> None:
        person = self._person(whom)
        if person.offer == offer_id:
            person.offer = ""
            if person.state is AgentState.RINGING and person.reserved == offer_id:
                self.owed.owe(("rings on", *whom), SOON_S)
            self._set_free(whom, person)

    def _left(self, recorded: Recorded, event: queue.ContactLeft) -> None:
        key, contact = self._own(recorded)
        _must(contact.queued, "left before it was queued")
        _must((event.outcome is RequestOutcome.ANSWERED) == contact.answered, "answered or not: the log says otherwise")
        if contact.answered:
            _must((event.agent_id, event.offer_id) == (contact.agent_id, contact.offer), "answered by somebody else")
        if event.outcome is RequestOutcome.ABANDONED:
            _must((recorded.tenant, contact.call_id) in self._ended, "abandoned, but the caller is there")
        self.left[event.outcome] += 1
        self._close(key, contact)
        contact.queued = False
        self._set_ready(key, contact)
        del self.waiting[key]
        self._gone.add(key)
        self.owed.settle(("left", *key))
        if event.reason is Reason.CALLBACK:
            _must(contact.leaving, "called back, but nobody has asked for it")
            back = key[0], key[1] + BACK
            self.waiting[back] = Contact(call_id="", groups=contact.groups, callback=True, since=contact.since)
            self.requests += 1
            self.owed.owe(("queued", *back), SOON_S)

    # the media

    def _answered(self, recorded: Recorded, event: call.OfferAnswered) -> None:
        key = recorded.tenant, event.request_id
        contact = self.waiting.get(key)
        if contact is None or contact.offer != event.offer_id or contact.answered or contact.over:
            return
        whom = recorded.tenant, event.agent_id
        person = self._person(whom)
        if contact.taken:
            return
        _must(not person.talk, "an agent in two calls")
        contact.answered, contact.taken = not contact.callback, contact.callback
        person.offer, person.talk = "", event.offer_id
        self._talked.add((recorded.tenant, event.offer_id))
        self._in_call[recorded.tenant, recorded.aggregate_id] = whom, event.offer_id
        self.owed.settle(("offer", *key))
        if contact.answered:
            self.owed.owe(("left", *key), SOON_S)
        else:
            self.owed.settle(("left", *key))  # the attempt decides first
        self._compare(whom, person)
        self._set_ready(key, contact)

    def _leg_answered(self, recorded: Recorded, event: LegAnswered) -> None:
        key = self._attempts.get((recorded.tenant, recorded.aggregate_id))
        contact = self.waiting.get(key) if key is not None else None
        if key is None or contact is None or event.role is not LegRole.CUSTOMER or contact.answered:
            return
        _must(contact.taken, "the customer is called before an agent is there")
        contact.answered = True
        self.owed.owe(("left", *key), SOON_S)

    def _offer_failed(self, recorded: Recorded, event: call.OfferFailed) -> None:
        key = recorded.tenant, event.request_id
        contact = self.waiting.get(key)
        if contact is not None and contact.offer == event.offer_id and not contact.answered:
            self.owed.owe(("withdrawn", *key), SOON_S)

    def _leg_ended(self, recorded: Recorded, event: call.LegEnded) -> None:
        if event.role is LegRole.AGENT:
            self._hang_up((recorded.tenant, event.agent_id), event.offer_id)

    def _hang_up(self, whom: Id, offer_id: str) -> None:
        person = self._person(whom)
        if person.talk == offer_id:
            person.talk = ""
            self._compare(whom, person)

    def _call_ended(self, recorded: Recorded, _: call.CallEnded) -> None:
        self._ended.add((recorded.tenant, recorded.aggregate_id))
        if (talk := self._in_call.pop((recorded.tenant, recorded.aggregate_id), None)) is not None:
            self._hang_up(*talk)
        attempt = self._attempts.pop((recorded.tenant, recorded.aggregate_id), None)
        if attempt is not None and (tried := self.waiting.get(attempt)) is not None and tried.taken and not tried.answered:
            self.owed.owe(("tried", *attempt), SOON_S)
        for request_id in sorted(self._calls.get((recorded.tenant, recorded.aggregate_id), ())):
            key = recorded.tenant, request_id
            contact = self.waiting.get(key)
            if contact is None:
                continue
            self._end(key, contact)


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


_STEPS: dict[type[Event], Callable[[Monitor, Recorded, Any], None]] = {
    agent.AgentStateChanged: Monitor._state_changed,
    ivr.AgentRequested: Monitor._requested,
    queue.ContactQueued: Monitor._queued,
    queue.ContactMoved: Monitor._moved,
    queue.RequestStopAsked: Monitor._stopped,
    queue.CallbackTried: Monitor._tried,
    ivr.CallbackAsked: Monitor._asked_back,
    LegAnswered: Monitor._leg_answered,
    queue.OfferMade: Monitor._offer_made,
    queue.OfferWithdrawn: Monitor._offer_withdrawn,
    queue.ContactLeft: Monitor._left,
    call.OfferAnswered: Monitor._answered,
    call.OfferFailed: Monitor._offer_failed,
    call.LegEnded: Monitor._leg_ended,
    call.CallEnded: Monitor._call_ended,
}
