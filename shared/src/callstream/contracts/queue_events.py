"""Events of the aggregate `queue`, owned by routing: one request for an agent, the aggregate id is the request id."""

from datetime import datetime

import msgspec

from callstream.contracts.config import Prompt
from callstream.contracts.envelope import Event, event
from callstream.kernel.outcomes import Reason, RequestOutcome


@event("queue", "queued")
class ContactQueued(Event, frozen=True, kw_only=True):
    """The request waits in its group's queue since `enqueued_at`, which a requeue never changes (D9)."""

    call_id: str
    group_id: str
    priority: int
    enqueued_at: datetime
    ahead: int
    """Callers before this one at that moment (F130)."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agent in a decision: either what spoke for them, or why they could not be chosen."""

    agent_id: str
    idle_ms: int = 0
    rank: int = 0
    """1 is the one chosen; 0 when not eligible."""
    why_not: str = ""
    """`state:busy`, `offered-before`, `cool-down`, … or empty for an eligible agent."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why this agent got this call: everything the choice looked at (F118, F119), readable by a person."""

    rule: str
    rule_version: int
    group_id: str
    waited_ms: int
    ahead: int
    eligible: int
    candidates: tuple[Candidate, ...]
    """The eligible ones by rank, then the others; cut at 50, `left_out` counts the rest."""
    left_out: dict[str, int] = {}


@event("queue", "offer-made")
class OfferMade(Event, frozen=True, kw_only=True):
    """The request is offered to one agent, who is reserved for it; the gateway holding the call rings them now."""

    offer_id: str
    call_id: str
    gateway: str
    agent_id: str
    ring_deadline: datetime
    decision: Decision
    customer_leg_id: str = ""
    connect_prompt: tuple[Prompt, ...] = ()
    """Prompts for the customer before the bridge, `${StaffNo}` already filled in."""


@event("queue", "offer-withdrawn")
class OfferWithdrawn(Event, frozen=True, kw_only=True):
    """The offer is over without an answer; the request waits on with its old place, unless it has ended."""

    offer_id: str
    call_id: str
    agent_id: str
    reason: Reason
    rang_ms: int = 0


@event("queue", "left")
class ContactLeft(Event, frozen=True, kw_only=True):
    """The request is no longer waiting: answered, abandoned, redirected, stopped or failed."""

    call_id: str
    outcome: RequestOutcome
    reason: Reason
    waited_ms: int
    agent_id: str = ""
    offer_id: str = ""
