"""Events of the aggregate `queue`, owned by routing: one request for an agent, the aggregate id is the request id."""

from datetime import datetime

import msgspec

from callstream.contracts.config import Prompt
from callstream.contracts.envelope import Event, event
from callstream.kernel.outcomes import Reason, RequestOutcome


class QueuedCallback(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is that calls somebody back."""

    of: str
    """The request whose place it has: its caller asked to be called back."""
    number: str
    """E.164."""
    asked_at: datetime
    expires_at: datetime
    """No attempt begins after this moment."""


@event("queue", "queued")
class ContactQueued(Event, frozen=True, kw_only=True):
    """The request waits in its group's queue since `enqueued_at`, which a requeue never changes (D9)."""

    call_id: str
    group_id: str
    priority: int
    enqueued_at: datetime
    ahead: int
    """Callers before this one at that moment (F130)."""
    groups: tuple[str, ...] = ()
    """All groups that may serve it, `group_id` the first; empty in old events: `group_id` alone."""
    customer_type: str = ""
    level: int = 0
    """Of the customer type (F124)."""
    estimate_ms: int | None = None
    """How long it will probably wait; None: nothing is known to tell it by."""
    refused: Reason | None = None
    """Why no group takes it (`queue-full`, `unknown-group`): then `queue.left` follows."""
    resumed: str = ""
    """The request of the same caller, given up a short time ago, or a callback to them, whose place this one takes."""
    callback: QueuedCallback | None = None
    """A callback; `call_id` is the call in which it was asked for."""


@event("queue", "moved")
class ContactMoved(Event, frozen=True, kw_only=True):
    """The request has waited for too long in a group and goes on in others, since the same moment as before (F136)."""

    call_id: str
    reason: Reason
    left: tuple[str, ...]
    groups: tuple[str, ...]
    """All groups that may serve it from now on."""


@event("queue", "callback-tried")
class CallbackTried(Event, frozen=True, kw_only=True):
    """An attempt to call somebody back has reached nobody."""

    call_id: str
    """The call in which the callback was asked for."""
    attempt_call_id: str
    """The attempt's own call; empty when no gateway could begin one."""
    agent_id: str
    number: str
    reason: Reason
    attempts: int
    """Attempts that count, this one included if it does: an agent who hangs up, or a fault of ours, is none of the customer's."""
    next_at: datetime | None
    """When it stands in line again, in its old place; None: that was the last one, and `queue.left` follows."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agent in a decision: either what spoke for them, or why they could not be chosen."""

    agent_id: str
    idle_ms: int = 0
    rank: int = 0
    """1 is the one chosen; 0 when not eligible."""
    why_not: str = ""
    """`state:busy`, `offered-before`, `skill:billing`, `cool-down`, … or empty for an eligible agent."""
    scores: tuple[int, ...] = ()
    """One for each of the decision's `rank_by`, as people read them: calls today, priority, level, levels of the needed
    skills together, answer rate in per mille, idle seconds."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why this agent got this call: everything the choice looked at (F118, F119), readable by a person."""

    rule: str
    """What decided: `outbound-memory`, `preferred-agent`, `last-agent`, or the first criterion of `rank_by`."""
    rule_version: int
    group_id: str
    waited_ms: int
    ahead: int
    eligible: int
    candidates: tuple[Candidate, ...]
    """The eligible ones by rank, then the others; cut at 50, `left_out` counts the rest."""
    left_out: dict[str, int] = {}
    rank_by: tuple[str, ...] = ()
    """The group's criteria in their order."""
    preferred: dict[str, str] = {}
    """Why → agent who would have gone first, whether able to take it or not."""
    customer_type: str = ""
    level: int = 0
    priority: int = 0
    ageing_s: int = 0
    """0: level, priority and wait decided in this order; else so many seconds of waiting made up for one step of priority."""
    groups: tuple[str, ...] = ()
    """Groups that could have served it."""
    skills: dict[str, int] = {}
    """What it needed at that moment."""
    relaxed: int = 0
    """Steps of relaxation that had been reached."""
    estimate_ms: int | None = None
    """The wait that was estimated at queueing."""
    callback: int = 0
    """Of a callback: which attempt this is, from 1."""


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
    terminal: str = "desk-phone"
    """Where the agent answers, as agent-state decided with the reservation."""
    address: str = ""
    """E.164 of a mobile, or the SIP user of a workplace's desk phone; empty: the agent's own phone."""


@event("queue", "offer-withdrawn")
class OfferWithdrawn(Event, frozen=True, kw_only=True):
    """The offer is over without an answer; the request waits on with its old place, unless it has ended."""

    offer_id: str
    call_id: str
    agent_id: str
    reason: Reason
    rang_ms: int = 0


@event("queue", "stop-asked")
class RequestStopAsked(Event, frozen=True, kw_only=True):
    """A supervisor ends the request (F211); `queue.left` follows with outcome stopped."""

    call_id: str
    actor: str


@event("queue", "assigned")
class AgentAssigned(Event, frozen=True, kw_only=True):
    """A supervisor wants this agent for the request (F212); an offer follows if the agent is still able."""

    call_id: str
    agent_id: str
    actor: str


@event("queue", "left")
class ContactLeft(Event, frozen=True, kw_only=True):
    """The request is no longer waiting: answered, abandoned, redirected, stopped or failed."""

    call_id: str
    outcome: RequestOutcome
    reason: Reason
    waited_ms: int
    agent_id: str = ""
    offer_id: str = ""
    estimate_ms: int | None = None
    """What was estimated at queueing, to be held against `waited_ms`."""
