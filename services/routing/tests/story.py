"""A log in miniature: tells the hall events, decides, and tells it what was decided, as the running service does.

agent-state is played too, as far as routing sees it: whoever is reserved rings, and whoever's offer is over is idle again.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import queue_events as queue
from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.config import Agent, Customer, CustomerType, Document, Prompt, Settings, SkillGroup
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.ivr_events import AgentRequested, CallbackAsked
from callstream.contracts.states import AgentState, LegRole, Purpose
from callstream.kernel.clock import ManualClock
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import Party, Reason
from callstream_routing.app.offer import AFTER_REFUSAL
from callstream_routing.app.react import new_events
from callstream_routing.domain import policy
from callstream_routing.domain.board import Board
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.keep import Kept, restore, take
from callstream_routing.domain.match import Match, match
from callstream_routing.domain.settle import settle
from callstream_routing.domain.supervise import assigned

TENANT = "acme"
RINGS = timedelta(seconds=Settings().ring_timeout_s)


class Story:
    """One tenant's queues. `told` is the whole log."""

    def __init__(self, **groups: Iterable[str]) -> None:
        """Groups by id with their agents. Further policy: `set_group`, `set_agent`, `set`; then it is published at once."""
        self.clock = ManualClock()
        self.hall = Hall()
        self.told: list[Recorded] = []
        self.matches: list[Match] = []
        self.refusing: set[str] = set()
        """Agents whom agent-state refuses to reserve."""
        self.paused = False
        self.groups = {name: list(agents) for name, agents in groups.items()}
        self.published: dict[tuple[str, str], Document] = {}
        """All documents, by kind and id."""
        self._configure()

    def _configure(self) -> None:
        for name in self.groups:
            self.set(SkillGroup(id=name, name=name))
        for agent_id in sorted({agent_id for agents in self.groups.values() for agent_id in agents}):
            groups = tuple(name for name, agents in self.groups.items() if agent_id in agents)
            self.set(Agent(id=agent_id, name=agent_id, email="a@example.org", groups=groups, sip_user=agent_id))

    def set(self, *documents: Document) -> None:
        """Publish documents."""
        for document in documents:
            self.published[document.KIND, document.key_id] = document
            match document:
                case SkillGroup():
                    policy.configure_group(self.board, document.id, document)
                case Agent():
                    policy.configure_agent(self.board, document.id, document)
                case CustomerType():
                    policy.configure_type(self.board, document.id, document)
                case Customer():
                    policy.configure_customer(self.board, document.key_id, document)
                case Settings():
                    policy.configure_settings(self.board, document)
        self.react()

    def set_group(self, group: str, **fields: Any) -> None:
        """Publish a group with some fields changed."""
        before = self.published.get(("group", group), SkillGroup(id=group, name=group))
        self.set(replace(before, **fields))

    def set_agent(self, agent_id: str, **fields: Any) -> None:
        """Publish an agent with some fields changed."""
        self.set(replace(self.published["agent", agent_id], **fields))

    @property
    def board(self) -> Board:
        return self.hall.board(TENANT)

    # the log

    def tell(self, fact: Event, of: str, event_id: str = "", causation_id: str = "") -> Recorded:
        """Append an event of aggregate `of` and let the service react."""
        recorded = Recorded(
            seq=len(self.told) + 1,
            id=event_id or f"e{len(self.told) + 1}",
            tenant=TENANT,
            aggregate=fact.AGGREGATE,
            aggregate_id=of,
            time=self.clock.now(),
            event=fact,
            causation_id=causation_id,
        )
        self.told.append(recorded)
        self.hall.evolve(recorded)
        self.react()
        return recorded

    def react(self) -> None:
        """Take every step and match that is possible, until there is none."""
        while not self.paused:
            now = self.clock.now()
            self.hall.wake(now)
            self.hall.touch(TENANT)
            self.hall.take_touched()
            due = []
            for request in self.board.take_dirty():
                step = settle(self.board, request, now) if request.held_until is None else None
                if step is not None:
                    due.append((request, step))
                    queued = step.events[0]
                    if isinstance(queued, queue.ContactQueued) and queued.refused is None and queued.callback is None:
                        self.board.admit(request, queued.groups)
            matches = (
                []
                if due
                else [
                    *assigned(self.board, now),
                    *map(self._looked_at, match(self.board, now)),
                ]
            )
            if not due and not matches:
                return
            self.paused = True
            for request, step in due:
                for new in new_events(TENANT, request, step, now):
                    assert new.id not in {recorded.id for recorded in self.told}, "a step was taken twice"
                    self.tell(new.event, new.aggregate_id, new.id, new.causation_id)
            for found in matches:
                self._offer(found)
            self.paused = False

    def _looked_at(self, found: Match) -> Match:
        """Nobody stood before this request in its group for whom this agent would have been able (F126), and no agent before
        this one (F119-F122), unless somebody was preferred (D10)."""
        group, decision = self.board.groups[found.decision.group_id], found.decision
        seat, request = self.board.seats[found.agent_id], self.board.requests[found.request_id]
        assert not seat.lacks(request.need)
        assert group.open
        if decision.rule != decision.rank_by[0]:
            return found
        for place in group.line:
            other = self.board.requests[place[-1]]
            if place < request.places[group.id]:
                assert not other.ready or seat.lacks(other.need), f"{other.id} stood before {request.id}"
        key = group.ranking.key(seat, group.id, request.need, group.today)
        fresh = [free for agent_id, free in group.desk(request.need).keys.items() if agent_id not in request.offered]
        assert all(key < free for free in fresh) or not fresh
        assert found.agent_id not in request.offered or not fresh
        return found

    def _offer(self, found: Match) -> None:
        self.matches.append(found)
        request = self.board.requests[found.request_id]
        if found.agent_id in self.refusing:
            self.board.hold(request, None)
            self.board.hold_seat(self.board.seat(found.agent_id), self.clock.now() + AFTER_REFUSAL)
            return
        ringing = AgentStateChanged(
            state=AgentState.RINGING,
            previous=AgentState.IDLE,
            cause="reserved",
            actor="system",
            offer_id=found.offer_id,
            request_id=request.id,
            call_id=found.call_id,
        )
        self.tell(ringing, found.agent_id)
        deadline = self.clock.now() + RINGS
        made = queue.OfferMade(
            offer_id=found.offer_id,
            call_id=found.call_id,
            gateway=request.gateway,
            agent_id=found.agent_id,
            ring_deadline=deadline,
            decision=found.decision,
        )
        self.tell(made, request.id, derived_id("offer-made", found.offer_id))

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.react()

    def restarted(self) -> "Story":
        """The service killed and started again: a new state from the same log."""
        again = Story()
        again.clock, again.groups = self.clock, self.groups
        again.told = list(self.told)
        again.paused = True
        again.set(*self.published.values())
        for recorded in self.told:
            again.hall.evolve(recorded)
        again.paused = False
        again.react()
        return again

    def kept_and_restored(self) -> "Story":
        """The service stopped and started again from its snapshot, at this very event."""
        again = Story()
        again.clock, again.groups, again.told, again.paused = self.clock, self.groups, list(self.told), True
        again.set(*self.published.values())
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(take(self.hall)), type=Kept)
        restore(again.hall, kept)
        return again

    # what others tell

    def state(self, agent_id: str, state: str, offer_id: str = "") -> None:
        fact = AgentStateChanged(
            state=AgentState(state), previous=AgentState.OFFLINE, cause="chosen", actor=agent_id, offer_id=offer_id
        )
        self.tell(fact, agent_id)

    def idle(self, *agent_ids: str) -> None:
        """One after the other, a second apart, so that the first is the longest idle."""
        for agent_id in agent_ids:
            self.state(agent_id, "idle")
            self.later(1)

    def request(
        self, name: str, group: str = "sales", priority: int = 0, prompts: tuple[Prompt, ...] = (), caller: str = "", **more: Any
    ) -> None:
        """Caller `name` (call c-name) asks for an agent (request `name`)."""
        fact = AgentRequested(
            request_id=name,
            call_id=f"c-{name}",
            group_id=group,
            caller=caller,
            called="+861012345678",
            gateway="gw",
            customer_leg_id=f"leg-{name}",
            handled=0,
            priority=priority,
            connect_prompt=prompts,
            **more,
        )
        self.tell(fact, f"c-{name}")

    def dialled(self, agent_id: str, callee: str) -> None:
        """An agent called a customer."""
        fact = call.CallDialled(agent_id=agent_id, callee=callee, caller="+861012345678", gateway="gw")
        self.tell(fact, f"c-out-{len(self.told)}")

    def transferred(
        self, name: str, request: str, agent_id: str, to: str = "", group: str = "", caller: str = "", gateway: str = "gw"
    ) -> None:
        """The agent who serves call c-`name` gives its customer to an agent or a group: request `request`."""
        fact = call.TransferStarted(
            request_id=request,
            agent_id=agent_id,
            target_agent_id=to,
            group_id=group,
            actor=agent_id,
            caller=caller,
            gateway=gateway,
            customer_leg_id=f"leg-{name}",
        )
        self.tell(fact, f"c-{name}")

    def wanted(self, name: str, request: str, agent_id: str, target: str, purpose: str = "consult") -> None:
        """The agent who serves call c-`name` asks for a colleague."""
        fact = control.AgentWanted(
            request_id=request,
            purpose=Purpose(purpose),
            agent_id=agent_id,
            target_agent_id=target,
            actor=agent_id,
            caller="+8613800000001",
            gateway="gw",
        )
        self.tell(fact, f"c-{name}")

    def consult_ended(self, name: str, request: str, how: str = "cancelled") -> None:
        self.tell(control.ConsultEnded(consult_id=request, agent_id="1001", how=how), f"c-{name}")

    def call_ended(self, name: str, reason: str = "caller-hung-up", party: str = "customer") -> None:
        self.tell(call.CallEnded(reason=Reason(reason), party=Party(party)), f"c-{name}")

    def answered(self, name: str, offer_id: str = "") -> None:
        """The agent's phone is answered; agent-state follows."""
        offer_id = offer_id or self.offer(name).offer_id
        agent_id = next(m.agent_id for m in self.matches if m.offer_id == offer_id)
        fact = call.OfferAnswered(offer_id=offer_id, request_id=name, agent_id=agent_id, leg_id="leg")
        call_id = next(m.call_id for m in self.matches if m.offer_id == offer_id)
        self.tell(fact, call_id)
        self.state(agent_id, "busy", offer_id)

    def asks_back(self, name: str, caller: str = "+8613800000001") -> str:
        """The waiting caller asks to be called back, and their call ends; the callback's name."""
        asked = CallbackAsked(request_id=name, number=caller, node_id="n", label="", key="1", handled=0)
        self.tell(asked, f"c-{name}")
        self.call_ended(name, "flow-ended", "system")
        return f"{name}-back"

    def reached(self, name: str) -> None:
        """The customer who is called back answers."""
        self.tell(control.LegAnswered(leg_id="customer", role=LegRole.CUSTOMER), self.offer(name).call_id)

    def not_reached(self, name: str, reason: str = "no-answer", party: str = "system") -> None:
        """The call of the last attempt ends; agent-state follows."""
        offer = self.offer(name)
        self.tell(call.CallEnded(reason=Reason(reason), party=Party(party)), offer.call_id)
        self.state(offer.agent_id, "idle")

    def failed(self, name: str, reason: str = "agent-unreachable") -> None:
        offer = self.offer(name)
        fact = call.OfferFailed(
            offer_id=offer.offer_id, request_id=name, agent_id=offer.agent_id, reason=Reason(reason), sip_status=480
        )
        self.tell(fact, f"c-{name}")

    # what is to be seen

    def offer(self, name: str) -> Match:
        """The last match of a request."""
        return [found for found in self.matches if found.request_id == name][-1]

    def offers(self) -> list[str]:
        """`request→agent` of all offers made so far."""
        made = [r for r in self.told if isinstance(r.event, queue.OfferMade)]
        return [f"{r.aggregate_id}→{r.event.agent_id}" for r in made if isinstance(r.event, queue.OfferMade)]

    def events(self, name: str) -> list[str]:
        """A request's own events, with their reasons."""
        own = [r.event for r in self.told if r.aggregate == "queue" and r.aggregate_id == name]
        return [f"{e.NAME} {e.outcome} {e.reason}" if isinstance(e, queue.ContactLeft) else _named(e) for e in own]

    def last(self, name: str) -> Event:
        """A request's last own event."""
        return [r.event for r in self.told if r.aggregate == "queue" and r.aggregate_id == name][-1]


def _named(fact: Event) -> str:
    return f"{fact.NAME} {fact.reason}" if isinstance(fact, queue.OfferWithdrawn) else fact.NAME
