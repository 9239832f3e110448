"""The log's picture of calls and agents against what the gateways truly hold, and what mends each difference.

How a difference can arise although every service does its work:

| kind | why |
|---|---|
| gateway-lost | the gateway's process or machine is gone and does not come back: nobody else would ever end its calls |
| call-gone | a gateway came back without the past it needed (position or disk lost), or its last events were refused by the log |
| leg-gone | the end of an agent's leg never reached this fold: refused by the log, or a dead letter |
| offer-gone | the gateway was starting while the offer was made, or failed at it, or this fold missed its withdrawal |
| in-talk | the answer never reached this fold, or an expiry that was decided on an old state stands before it |
| stray-offer | the gateway missed a withdrawal: a phone rings for nobody |
| stale-offer | this fold missed the withdrawal of an offer whose agent had left it already: no new one could be made |

The two sides are read at different moments, so a difference counts only once it has stood for CONFIRM (`Standing`).
"""

from collections.abc import Iterable, Set
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from callstream.contracts.agent_events import AgentOfferForgotten
from callstream.contracts.commands import CallTruth, LegTruth
from callstream.contracts.config import Settings
from callstream.contracts.states import AgentState, LegRole
from callstream_agent_state.domain.agent import Agent, Cause, Fact, FactKind
from callstream_agent_state.domain.change import Change
from callstream_agent_state.domain.follow import by_fact
from callstream_agent_state.domain.roster import Roster
from callstream_agent_state.domain.table import AT_CHOICE

CONFIRM = timedelta(seconds=1.5)
"""Longer than an event is on its way from a gateway to this fold; with a look every 0.7 s, all is mended within 4 s."""
LOST_AFTER = timedelta(seconds=3)
"""A gateway that has not answered for so long is gone: three looks in a row."""


class Kind(StrEnum):
    """See the module's table."""

    GATEWAY_LOST = "gateway-lost"
    CALL_GONE = "call-gone"
    LEG_GONE = "leg-gone"
    OFFER_GONE = "offer-gone"
    IN_TALK = "in-talk"
    STRAY_OFFER = "stray-offer"
    STALE_OFFER = "stale-offer"


OF_CALL = frozenset({Kind.GATEWAY_LOST, Kind.CALL_GONE})
"""Mended by ending the call in the log; agents and queues follow from that."""


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """One difference."""

    kind: Kind
    gateway: str
    tenant: str
    call_id: str
    agent_id: str = ""
    offer_id: str = ""
    wrap_up: bool = True
    """Of `leg-gone`: the agent has something to wrap up."""


class Standing:
    """Differences of one gateway since when they have been seen at each look."""

    def __init__(self) -> None:
        self._since: dict[Mismatch, datetime] = {}

    def confirmed(self, found: Iterable[Mismatch], now: datetime) -> list[Mismatch]:
        """Those of `found` that have stood for CONFIRM."""
        self._since = {mismatch: self._since.get(mismatch, now) for mismatch in found}
        return [mismatch for mismatch, since in self._since.items() if now - since >= CONFIRM]


def gateways(roster: Roster) -> set[str]:
    """The gateways that the log expects to hold something."""
    of_calls = {open_call.gateway for open_call in roster.calls.calls.values()}
    return of_calls | {_gateway(roster, agent) for agent in roster.agents.values() if _concerned(agent)} - {""}


def lost(roster: Roster, gateway: str) -> list[Mismatch]:
    """All calls of a gateway that is gone."""
    return [
        Mismatch(kind=Kind.GATEWAY_LOST, gateway=gateway, tenant=each.tenant, call_id=each.call_id)
        for each in roster.calls.of_gateway(gateway)
    ]


def compare(roster: Roster, gateway: str, truth: Iterable[CallTruth]) -> list[Mismatch]:
    """The differences between the log and what `gateway` says."""
    held = {(each.tenant, each.call_id): each for each in truth}
    found = [
        Mismatch(kind=Kind.CALL_GONE, gateway=gateway, tenant=each.tenant, call_id=each.call_id)
        for each in roster.calls.of_gateway(gateway)
        if (each.tenant, each.call_id) not in held
    ]
    gone = {(each.tenant, each.call_id) for each in found}
    legs = {
        (each.tenant, leg.agent_id, leg.offer_id or each.call_id): (each, leg)
        for each in held.values()
        for leg in each.legs
        if leg.agent_id and leg.role in (LegRole.AGENT, LegRole.SUPERVISOR)
    }
    for agent in roster.agents.values():
        if _concerned(agent) and not agent.facts and _gateway(roster, agent) == gateway:
            found += _missing(roster, agent, gateway, gone, legs.keys())
    for call, leg in legs.values():
        if leg.role is LegRole.AGENT and (call.tenant, call.call_id) in roster.calls.calls:
            found += _unexpected(roster.agent(call.tenant, leg.agent_id), gateway, call, leg)
    return found


def mend(agent: Agent, mismatch: Mismatch, settings: Settings, now: datetime) -> Change | None:
    """The agent's own event that ends a difference; None when it has ended meanwhile."""
    if agent.facts:
        return None
    if mismatch.kind is Kind.STALE_OFFER and agent.open_offer == mismatch.offer_id:
        forgotten = AgentOfferForgotten(offer_id=mismatch.offer_id, cause=Kind.STALE_OFFER)
        return Change(events=(forgotten,), causation_id=agent.last_event_id, call_id=mismatch.call_id)
    if mismatch.kind not in _FACTS:
        return None
    kind, cause, states = _FACTS[mismatch.kind]
    if agent.state not in states or (agent.state not in AT_CHOICE and agent.offer_id != mismatch.offer_id):
        return None
    fact = Fact(
        kind=kind if mismatch.wrap_up else FactKind.SET_FREE,
        event_id=agent.last_event_id,
        at=now,
        offer_id=mismatch.offer_id,
        request_id=agent.request_id,
        call_id=mismatch.call_id,
        cause=cause,
    )
    return by_fact(agent, fact, settings)


_FACTS: dict[Kind, tuple[FactKind, Cause, tuple[AgentState, ...]]] = {
    Kind.LEG_GONE: (FactKind.CALL_OVER, Cause.MEDIA_LEG_GONE, (AgentState.BUSY,)),
    Kind.OFFER_GONE: (FactKind.OFFER_OVER, Cause.MEDIA_OFFER_GONE, (AgentState.RINGING,)),
    Kind.IN_TALK: (FactKind.ANSWERED, Cause.MEDIA_IN_TALK, (AgentState.RINGING, *AT_CHOICE)),
}
"""What a difference means to the agent, and in which states: the rows of the state machine's own table."""


def _concerned(agent: Agent) -> bool:
    return bool(agent.open_offer) or (agent.state is AgentState.BUSY and not agent.awaits_call)


def _gateway(roster: Roster, agent: Agent) -> str:
    """Who holds the call that the agent is concerned with: as the call's beginning says, else as the offer said."""
    call_id = agent.call_id if agent.state is AgentState.BUSY else agent.open_call
    open_call = roster.calls.calls.get((agent.tenant, call_id))
    return open_call.gateway if open_call is not None else agent.gateway


def _missing(
    roster: Roster, agent: Agent, gateway: str, gone: set[tuple[str, str]], legs: Set[tuple[str, str, str]]
) -> list[Mismatch]:
    """What the log says of an agent and the gateway does not have. When the whole call is gone, its end will tell."""
    busy = agent.state is AgentState.BUSY
    offer_id, call_id = (agent.offer_id, agent.call_id) if busy else (agent.open_offer, agent.open_call)
    if (agent.tenant, agent.id, offer_id) in legs or (agent.tenant, call_id) in gone:
        return []
    ringing = agent.state is AgentState.RINGING and agent.offer_is_made
    kind = Kind.LEG_GONE if busy else Kind.OFFER_GONE if ringing else Kind.STALE_OFFER
    wrap_up = not busy or roster.freed_as(agent, call_id, offer_id) is None
    return [
        Mismatch(
            kind=kind,
            gateway=gateway,
            tenant=agent.tenant,
            call_id=call_id,
            agent_id=agent.id,
            offer_id=offer_id,
            wrap_up=wrap_up,
        )
    ]


def _unexpected(agent: Agent, gateway: str, call: CallTruth, leg: LegTruth) -> list[Mismatch]:
    """What the gateway has and the log does not say."""
    offer_id = leg.offer_id or call.call_id
    same = agent.offer_id == offer_id
    if leg.answered:
        wrong = agent.state in AT_CHOICE or (agent.state is AgentState.RINGING and same)
        kind = Kind.IN_TALK
    else:
        wrong = bool(leg.offer_id) and not same and agent.open_offer != leg.offer_id
        kind = Kind.STRAY_OFFER
    if not wrong or call.over:
        return []
    return [
        Mismatch(
            kind=kind,
            gateway=gateway,
            tenant=call.tenant,
            call_id=call.call_id,
            agent_id=leg.agent_id,
            offer_id=offer_id,
        )
    ]
