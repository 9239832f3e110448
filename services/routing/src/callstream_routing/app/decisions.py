"""Why somebody got a call, and why somebody else did not: read from the log itself, so it is as old as the log."""

from datetime import datetime

import msgspec

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_events import CallDialled, OfferAnswered, TransferStarted
from callstream.contracts.control_events import AgentWanted
from callstream.contracts.envelope import Recorded
from callstream.contracts.ivr_events import AgentRequested, CallbackAsked
from callstream.contracts.queue_events import CallbackTried, ContactLeft, Decision, OfferMade, OfferWithdrawn
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream.runtime.event_store import EventStore
from callstream_routing.domain.callback import callback_id
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.words import explain, reason_of, standing

OPEN = "open"
_REQUESTS = AgentRequested | TransferStarted | AgentWanted | CallDialled


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One offer of a call."""

    call_id: str
    request_id: str
    at: datetime
    offer_id: str
    agent_id: str
    outcome: str
    """`answered`, the reason of its withdrawal, or `open`."""
    decision: Decision
    text: list[str]
    asked: str = ""
    """Of the agent who was asked about: what their part was."""


class Decisions:
    """Raises StoreUnavailable when the log does not answer."""

    def __init__(self, store: EventStore, hall: Hall, configuration: Configuration) -> None:
        self._store, self._hall, self._configuration = store, hall, configuration

    async def of_call(
        self, tenant: str, call_id: str, agent_id: str = "", groups: tuple[str, ...] | None = None
    ) -> list[DecisionView]:
        """All offers of a call, oldest first; of `agent_id` with what became of them in each. Empty: there were none.

        `groups`: only those that concern one of them.
        """
        calls = await self._store.read(tenant, "call", call_id)
        flows = await self._store.read(tenant, "ivr", call_id)
        answered = {r.event.offer_id for r in calls if isinstance(r.event, OfferAnswered)}
        requests = [r.event.request_id for r in (*flows, *calls) if isinstance(r.event, _REQUESTS)]
        requests += [callback_id(r.event.request_id) for r in flows if isinstance(r.event, CallbackAsked)]
        views = []
        for request_id in dict.fromkeys(filter(None, requests)):
            own = await self._store.read(tenant, "queue", request_id)
            for recorded in own:
                if isinstance(recorded.event, OfferMade) and self._concerns(tenant, recorded.event, groups):
                    asked = await self._part_of(agent_id, recorded, recorded.event) if agent_id else ""
                    views.append(_view(recorded, recorded.event, own, answered, asked))
        return views

    async def of_agent(self, tenant: str, agent_id: str, limit: int, groups: tuple[str, ...] | None = None) -> list[DecisionView]:
        """The latest offers to an agent, newest first."""
        found: list[DecisionView] = []
        for call_id in reversed(self._hall.board(tenant).memory.offers.get(agent_id, ())):
            views = await self.of_call(tenant, call_id, groups=groups)
            found += [view for view in reversed(views) if view.agent_id == agent_id]
            if len(found) >= limit:
                break
        return found[:limit]

    def _concerns(self, tenant: str, offer: OfferMade, groups: tuple[str, ...] | None) -> bool:
        """An offer is its group's; one of no group (a wanted agent) that of the agent's groups."""
        if groups is None:
            return True
        document = self._configuration.agent(tenant, offer.agent_id)
        own = (offer.decision.group_id,) if offer.decision.group_id else document.groups if document is not None else ()
        return not set(groups).isdisjoint(own)

    async def _part_of(self, agent_id: str, recorded: Recorded, offer: OfferMade) -> str:
        """From the record; of who is not named there, from their own log at that moment."""
        decision = offer.decision
        for candidate in decision.candidates:
            if candidate.agent_id == agent_id:
                return standing(candidate, decision)
        document = self._configuration.agent(recorded.tenant, agent_id)
        if document is None or decision.group_id not in document.groups:
            return f"is not in group {decision.group_id}"
        state = AgentState.OFFLINE
        for told in await self._store.read(recorded.tenant, "agent", agent_id):
            if isinstance(told.event, AgentStateChanged) and told.seq < recorded.seq:
                state = told.event.state
        if state is not AgentState.IDLE:
            return reason_of(f"state:{state}")
        return "was idle, behind those who are named, or not able to take it"


def _view(recorded: Recorded, offer: OfferMade, own: list[Recorded], answered: set[str], asked: str) -> DecisionView:
    withdrawn: list[Reason] = [
        r.event.reason for r in own if isinstance(r.event, OfferWithdrawn) and r.event.offer_id == offer.offer_id
    ]
    outcome = withdrawn[0].value if withdrawn else "answered" if offer.offer_id in answered else OPEN
    for told in (r.event for r in own if outcome == OPEN):  # a callback's offers are answered in calls of their own
        if isinstance(told, ContactLeft) and told.offer_id == offer.offer_id:
            outcome = told.outcome.value
        elif isinstance(told, CallbackTried) and told.attempt_call_id == offer.call_id:
            outcome = told.reason.value
    return DecisionView(
        call_id=offer.call_id,
        request_id=recorded.aggregate_id,
        at=recorded.time,
        offer_id=offer.offer_id,
        agent_id=offer.agent_id,
        outcome=outcome,
        decision=offer.decision,
        text=explain(offer.agent_id, offer.decision),
        asked=asked,
    )
