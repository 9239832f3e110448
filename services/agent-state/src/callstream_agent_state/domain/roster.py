"""All agents of all tenants: the state of this service, a fold over the events it follows.

Besides the agents it keeps what makes a reaction cheap: who has to be looked at (`changed`), when to look again (`timers`) and
which agents a call concerns. All of it follows from the log.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.states import AgentState, LegRole, Purpose
from callstream.contracts.subjects import events_of
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream.kernel.timers import Timers
from callstream_agent_state.domain.agent import Agent, Cause, Fact, FactKind, follows
from callstream_agent_state.domain.calls import OpenCalls
from callstream_agent_state.domain.evolve import evolve as evolve_own
from callstream_agent_state.domain.table import AT_CHOICE, IN_CALL

FOLLOWS = (
    events_of("agent"),
    events_of("queue", "offer-made"),
    events_of("queue", "offer-withdrawn"),
    events_of("queue", "left"),
    events_of("call", "arrived"),
    events_of("call", "dialled"),
    events_of("call", "leg-started"),
    events_of("call", "leg-ringing"),
    events_of("call", "leg-answered"),
    events_of("call", "offer-answered"),
    events_of("call", "leg-ended"),
    events_of("call", "ended"),
)

Key = tuple[str, str]
"""(tenant, id)."""


class Roster:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.agents: dict[Key, Agent] = {}
        self.changed: dict[str, dict[Key, None]] = {}
        """Agents that a reaction has to look at, by tenant, in log order. The reaction takes them out."""
        self.timers: Timers[Key] = Timers()
        self.calls = OpenCalls()
        self._of_call: dict[Key, set[str]] = {}
        self._calls: dict[Key, set[str]] = {}

    def agent(self, tenant: str, agent_id: str) -> Agent:
        """The agent; one that the log does not know is offline."""
        return self.agents.get((tenant, agent_id)) or Agent(tenant=tenant, id=agent_id)

    def of_tenant(self, tenant: str) -> list[Agent]:
        """The agents of a tenant that the log knows."""
        return [agent for agent in self.agents.values() if agent.tenant == tenant]

    def take_changed(self, serves: Callable[[str], bool] = lambda _: True) -> list[Key]:
        """The agents to look at, of the tenants that we act for; they count as looked at from now on."""
        tenants = [tenant for tenant in self.changed if serves(tenant)]
        return [key for tenant in tenants for key in self.changed.pop(tenant)]

    def look_at(self, keys: Iterable[Key]) -> None:
        """Have these agents looked at by the next reaction."""
        for key in keys:
            self.changed.setdefault(key[0], {})[key] = None

    def look_again(self, key: Key, at: datetime) -> None:
        """Look at an agent at `at`, whatever happens; its next own event puts its proper timer back."""
        self.timers.set(key, at)

    def evolve(self, recorded: Recorded) -> None:
        """Take one event in."""
        if recorded.aggregate == "agent":
            agent = self._known(recorded.tenant, recorded.aggregate_id)
            evolve_own(agent, recorded)
            self._settle(agent)
            return
        for fact in facts_in(recorded.event):
            step = _STEPS.get(type(fact))
            if step is not None:
                step(self, recorded, fact)
            if recorded.aggregate == "call":
                self.calls.evolve(recorded, fact)  # last: the end of a call is judged by what the call was

    def _known(self, tenant: str, agent_id: str) -> Agent:
        agent = self.agents.get((tenant, agent_id))
        if agent is None:
            agent = self.agents[tenant, agent_id] = Agent(tenant=tenant, id=agent_id)
        return agent

    def put_back(self, agent: Agent) -> None:
        """An agent as a snapshot has kept them."""
        self.agents[agent.key] = agent
        self._settle(agent)

    def _settle(self, agent: Agent) -> None:
        """Bring timer and index in line with the agent."""
        if agent.deadline is None or (agent.state in IN_CALL and agent.offer_is_made):
            self.timers.cancel(agent.key)
        else:
            self.timers.set(agent.key, agent.deadline)
        self._index_calls(agent)
        self.changed.setdefault(agent.tenant, {})[agent.key] = None

    def _index_calls(self, agent: Agent) -> None:
        """The agents that a call's end concerns: who rings for it, talks in it, or has an offer of it."""
        new = {agent.open_call, *(fact.call_id for fact in agent.facts)}
        if agent.state in IN_CALL:
            new.add(agent.call_id)
        new.discard("")
        old = self._calls.get(agent.key, set())
        for call_id in old - new:
            agents = self._of_call[agent.tenant, call_id]
            agents.discard(agent.id)
            if not agents:
                del self._of_call[agent.tenant, call_id]
        for call_id in new - old:
            self._of_call.setdefault((agent.tenant, call_id), set()).add(agent.id)
        self._calls[agent.key] = new

    # what other aggregates' events mean to an agent

    def _offer_made(self, recorded: Recorded, event: queue.OfferMade) -> None:
        agent = self._known(recorded.tenant, event.agent_id)
        state, offer_id = agent.outlook()
        if offer_id == event.offer_id or state not in (AgentState.RINGING, AgentState.BUSY):
            agent.open_offer, agent.open_call, agent.gateway = event.offer_id, event.call_id, event.gateway
            self._settle(agent)

    def _offer_withdrawn(self, recorded: Recorded, event: queue.OfferWithdrawn) -> None:
        agent = self.agents.get((recorded.tenant, event.agent_id))
        if agent is None:
            return
        if agent.open_offer == event.offer_id:
            agent.open_offer = agent.open_call = ""
        cause = Cause.CALLER_LEFT.value if event.reason in _BY_THE_CALLER else event.reason.value
        self._note(agent, recorded, FactKind.OFFER_OVER, event.offer_id, recorded.aggregate_id, event.call_id, cause)

    def _left(self, recorded: Recorded, event: queue.ContactLeft) -> None:
        """A request that is over frees whoever is reserved for it, also when no offer was made yet."""
        for agent in self._concerned(recorded.tenant, event.call_id):
            if agent.request_id != recorded.aggregate_id:
                continue
            if event.outcome is RequestOutcome.ANSWERED and event.agent_id == agent.id:
                continue
            self._note(agent, recorded, FactKind.OFFER_OVER, agent.offer_id, agent.request_id, event.call_id, Cause.CALLER_LEFT)

    def _answered(self, recorded: Recorded, event: call.OfferAnswered) -> None:
        agent = self.agents.get((recorded.tenant, event.agent_id))
        if agent is None:
            return
        _, offer_id = agent.outlook()
        if event.offer_id in (offer_id, agent.open_offer):
            self._note(
                agent,
                recorded,
                FactKind.ANSWERED,
                event.offer_id,
                event.request_id,
                recorded.aggregate_id,
                Cause.ANSWERED,
            )

    def _dialled(self, recorded: Recorded, event: call.CallDialled) -> None:
        """The call that an agent was seized for has begun. Who is seized no longer, because this came late, is busy again."""
        if event.purpose is not Purpose.CALLBACK:  # its agent is reserved, for the offer that follows
            self._begun(recorded, event.agent_id, event.gateway, Cause.DIALLED)

    def _leg_started(self, recorded: Recorded, event: call.LegStarted) -> None:
        """A supervisor's phone rings: what they were seized for has begun."""
        if event.role is LegRole.SUPERVISOR:
            open_call = self.calls.calls.get((recorded.tenant, recorded.aggregate_id))
            self._begun(recorded, event.agent_id, open_call.gateway if open_call else "", None)

    def _begun(self, recorded: Recorded, agent_id: str, gateway: str, late: Cause | None) -> None:
        agent, call_id = self.agents.get((recorded.tenant, agent_id)), recorded.aggregate_id
        if agent is None or not agent_id:
            return
        state, offer_id = agent.outlook()
        if offer_id == call_id or (late is not None and state in AT_CHOICE):
            agent.open_offer, agent.open_call, agent.gateway = call_id, call_id, gateway
            if offer_id != call_id and late is not None:
                self._note(agent, recorded, FactKind.ANSWERED, call_id, "", call_id, late)
            self._settle(agent)

    def _leg_ended(self, recorded: Recorded, event: call.LegEnded) -> None:
        with_agent = event.role in (LegRole.AGENT, LegRole.SUPERVISOR)
        agent = self.agents.get((recorded.tenant, event.agent_id)) if with_agent else None
        if agent is None:
            return
        offer_id = event.offer_id or recorded.aggregate_id
        if agent.open_offer == offer_id:
            agent.open_offer = agent.open_call = ""
        self._note_over(agent, recorded, offer_id)

    def _note_over(self, agent: Agent, recorded: Recorded, offer_id: str) -> None:
        """Wrap-up follows a call that reached somebody (F149)."""
        call_id = recorded.aggregate_id
        free = self.freed_as(agent, call_id, offer_id)
        kind = FactKind.SET_FREE if free else FactKind.CALL_OVER
        self._note(agent, recorded, kind, offer_id, "", call_id, free or Cause.CALL_ENDED)

    def freed_as(self, agent: Agent, call_id: str, offer_id: str) -> Cause | None:
        """Why no wrap-up follows a call that the agent began, supervises, or took as a callback; None: it follows."""
        key = (agent.tenant, call_id)
        if offer_id == call_id and self.calls.supervises(key, agent.id):
            return Cause.SUPERVISION_ENDED
        return None if self.calls.reached(key) else Cause.NOT_REACHED

    def _call_ended(self, recorded: Recorded, _: call.CallEnded) -> None:
        call_id = recorded.aggregate_id
        for agent in self._concerned(recorded.tenant, call_id):
            if agent.open_call == call_id:
                agent.open_offer = agent.open_call = ""
            state, offer_id = agent.outlook()
            if call_id not in (agent.call_id, *(fact.call_id for fact in agent.facts)):
                self._settle(agent)
            elif state is AgentState.BUSY:
                self._note_over(agent, recorded, offer_id)
            else:
                self._note(agent, recorded, FactKind.OFFER_OVER, offer_id, "", call_id, Cause.CALLER_LEFT)

    def _concerned(self, tenant: str, call_id: str) -> list[Agent]:
        ids = self._of_call.get((tenant, call_id), ())
        return [self.agents[tenant, agent_id] for agent_id in sorted(ids)]

    def _note(
        self, agent: Agent, recorded: Recorded, kind: FactKind, offer_id: str, request_id: str, call_id: str, cause: str
    ) -> None:
        """Let the agent follow, if the event concerns it in the state that it will be in."""
        fact = Fact(
            kind=kind,
            event_id=recorded.id,
            at=recorded.time,
            offer_id=offer_id,
            request_id=request_id,
            call_id=call_id,
            cause=str(cause),
        )
        if follows(fact, *agent.outlook()):
            agent.facts = [*agent.facts, fact]
        self._settle(agent)


_BY_THE_CALLER = frozenset({Reason.CALLER_HUNG_UP, Reason.CALLER_CANCELLED, Reason.CALLER_LOST, Reason.LEFT_BY_KEY})

_STEPS: dict[type[Event], Callable[[Roster, Recorded, Any], None]] = {
    queue.OfferMade: Roster._offer_made,
    queue.OfferWithdrawn: Roster._offer_withdrawn,
    queue.ContactLeft: Roster._left,
    call.CallDialled: Roster._dialled,
    call.LegStarted: Roster._leg_started,
    call.OfferAnswered: Roster._answered,
    call.LegEnded: Roster._leg_ended,
    call.CallEnded: Roster._call_ended,
}
