"""What is known of one call: the value that the fold in `outcome` builds."""

from datetime import datetime

import msgspec

from callstream.contracts import ivr_events as ivr
from callstream.contracts.segments import Segments, millis
from callstream.contracts.states import Direction
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome


class CallbackStory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a caller's wish to be called back. Each attempt is a call of its own, which names this one."""

    request_id: str
    """Of the callback; the request whose place it has is the call's."""
    number: str
    asked_at: datetime
    attempts: int = 0
    """In vain, as far as they count."""
    outcome: RequestOutcome | None = None
    """None: it waits."""
    reason: Reason | None = None
    """Of its end, or of the last attempt in vain."""
    ended_at: datetime | None = None


class CallSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call so far. Durations are whole milliseconds, moments aware UTC; None or empty: has not happened."""

    call_id: str
    tenant: str
    seq: int
    """Log position of the newest event that changed this; older ones are ignored, so redelivery is harmless."""
    arrived_at: datetime
    """t0; of a call that an agent began, when it began."""
    direction: Direction = Direction.INBOUND
    caller: str = ""
    called: str = ""
    region: str = ""
    trunk: str = ""
    gateway: str = ""
    customer_leg_id: str = ""
    answered_at: datetime | None = None
    """The system answered the customer's leg."""
    flow_id: str = ""
    flow_version: int = 0
    node_id: str = ""
    """The node of the flow that the call reached last."""
    flow_ended: bool = False
    """The flow came to an End node, or ended the call itself (`max-errors`, …), before its caller left."""
    trail: tuple[ivr.TrailEntry, ...] = ()
    requested_at: datetime | None = None
    """tR of the first request."""
    request_id: str = ""
    """The newest request."""
    group_id: str = ""
    direct: bool = False
    """The newest request went past the flow to one agent (F132, F133)."""
    stop_asked: bool = False
    """A supervisor ends the newest request (F211)."""
    callback_asked: bool = False
    """The caller leaves the newest request to be called back."""
    callback: CallbackStory | None = None
    """The newest callback that was asked for in this call; it goes on when the call is over."""
    callback_of: str = ""
    """This call is an attempt at the callback that was asked for in that one."""
    request_outcome: RequestOutcome | None = None
    """How the newest request ended; None while it waits, and when the call ended first."""
    request_reason: Reason | None = None
    waited_until: datetime | None = None
    """When the newest request stopped waiting: answer, leaving the queue, or the call's end."""
    offers: int = 0
    """Offers made to agents."""
    ring_timeouts: int = 0
    open_offer: str = ""
    """The offer that rings now."""
    offered_to: str = ""
    """The agent of the open offer."""
    rung_since: datetime | None = None
    """The agent's phone, or that of whom an agent called, rings since then: the last one counts."""
    ring_abandoned: bool = False
    """The caller left while an offer rang."""
    agent_id: str = ""
    """The agent who answered first, or who called."""
    agent_leg_id: str = ""
    agent_answered_at: datetime | None = None
    """tA."""
    bridged_at: datetime | None = None
    talk_ended_at: datetime | None = None
    """tE: the first of the two legs was over; of a transferred call, the customer's."""
    segments: Segments = ()
    """Who served when."""
    onward_request: str = ""
    """The customer is being transferred to an agent or a group by this request; empty: they are not."""
    onward_group: str = ""
    transfers: int = 0
    consults: int = 0
    conference: bool = False
    """Three talked together (F022)."""
    chosen_by: str = ""
    """Why an outbound call shows this number (F143-F145)."""
    rating: int | None = None
    """By the customer (F028)."""
    recording_id: str = ""
    recording_path: str = ""
    """Relative to the recordings store; empty until it is ready."""
    recording_ms: int = 0
    recording_reason: Reason | None = None
    """Why there is no recording although one was begun."""
    ended_at: datetime | None = None
    outcome: CallOutcome | None = None
    """None while the call goes on."""
    reason: Reason | None = None
    party: Party | None = None

    @property
    def wait_ms(self) -> int | None:
        """tA - tR when answered, else the time waited until the request or the call ended; None without a request's end."""
        return _millis(self.requested_at, self.waited_until)

    @property
    def talk_ms(self) -> int | None:
        """tE - tA; None while no talk has ended."""
        return _millis(self.agent_answered_at, self.talk_ended_at)

    @property
    def ring_ms(self) -> int | None:
        """How long the phone rang that was answered, or that nobody answered until the call ended; None: none rang."""
        return _millis(self.rung_since, self.agent_answered_at or self.ended_at)

    @property
    def hold_ms(self) -> int:
        """Sum of the periods of hold that are over (F013)."""
        return sum(segment.held_ms for segment in self.segments)

    @property
    def holds(self) -> int:
        """Periods of hold."""
        return sum(segment.holds for segment in self.segments)

    @property
    def duration_ms(self) -> int | None:
        """Arrival to end."""
        return _millis(self.arrived_at, self.ended_at)


def _millis(begin: datetime | None, end: datetime | None) -> int | None:
    return None if begin is None or end is None else millis(begin, end)
