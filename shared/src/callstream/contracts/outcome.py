"""What became of a call: a pure fold over its events in log order, used by reporting and the command line alike.

The log decides races, so the rules here are rules of order (docs/architecture.md):

- `call.offer-answered` counts when its offer is the one that stands open: made, not withdrawn, the request still waiting and
  the call not ended. Otherwise it came too late and changes nothing; likewise a withdrawal that stands behind the answer.
- `ivr.agent-requested` behind `call.ended` is no request: its caller had already left the flow.
- behind `call.ended` only recordings change anything.

Terms and formulae: docs/features.md, appendix 2. A call that asked for an agent several times counts as one request: tR is the
first one, its group and its ending those of the last.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome


class CallSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call so far. Durations are whole milliseconds, moments aware UTC; None or empty: has not happened."""

    call_id: str
    tenant: str
    seq: int
    """Log position of the newest event that changed this; older ones are ignored, so redelivery is harmless."""
    arrived_at: datetime
    """t0."""
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
    ring_abandoned: bool = False
    """The caller left while an offer rang."""
    agent_id: str = ""
    """The agent who answered."""
    agent_leg_id: str = ""
    agent_answered_at: datetime | None = None
    """tA."""
    bridged_at: datetime | None = None
    talk_ended_at: datetime | None = None
    """tE: the first of the two legs was over; of a transferred call, the customer's."""
    recording_id: str = ""
    recording_path: str = ""
    """Relative to the recordings store; empty until it is ready."""
    recording_ms: int = 0
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
    def duration_ms(self) -> int | None:
        """Arrival to end."""
        return _millis(self.arrived_at, self.ended_at)


def call_of(recorded: Recorded) -> str:
    """The id of the call that an event belongs to, or empty when it belongs to none."""
    if recorded.aggregate in ("call", "ivr"):
        return recorded.aggregate_id
    call_id: str = getattr(recorded.event, "call_id", "")
    return call_id or recorded.correlation_id


def fold(summary: CallSummary | None, recorded: Recorded) -> CallSummary | None:
    """The summary with one more event of the same call; the very same object when the event changes nothing.

    None as long as the arrival has not been seen: a call whose beginning the log no longer holds has no summary.
    """
    if summary is None:
        if isinstance(recorded.event, call.CallBlocked):
            return _blocked(recorded, recorded.event)
        return _arrived(recorded) if isinstance(recorded.event, call.CallArrived) else None
    if recorded.seq <= summary.seq:
        return summary
    step = _STEPS.get(type(recorded.event))
    if step is None or (summary.ended_at is not None and type(recorded.event) not in _COUNT_AFTER_THE_END):
        return summary
    changes = step(summary, recorded, recorded.event)
    return replace(summary, seq=recorded.seq, **changes) if changes else summary


def fold_all(events: Iterable[Recorded]) -> CallSummary | None:
    """The summary of one call's events, given in log order."""
    summary: CallSummary | None = None
    for recorded in events:
        summary = fold(summary, recorded)
    return summary


Changes = dict[str, Any]


def _arrived(recorded: Recorded) -> CallSummary:
    event = recorded.event
    assert isinstance(event, call.CallArrived)  # noqa: S101  (narrows the type; fold has looked)
    return CallSummary(
        call_id=recorded.aggregate_id,
        tenant=recorded.tenant,
        seq=recorded.seq,
        arrived_at=recorded.time,
        caller=event.caller,
        called=event.called,
        region=event.region,
        trunk=event.trunk,
        gateway=event.gateway,
        customer_leg_id=event.leg_id,
    )


def _blocked(recorded: Recorded, event: call.CallBlocked) -> CallSummary:
    """Begun and ended by one event (F129)."""
    return CallSummary(
        call_id=recorded.aggregate_id,
        tenant=recorded.tenant,
        seq=recorded.seq,
        arrived_at=recorded.time,
        caller=event.caller,
        called=event.called,
        trunk=event.trunk,
        gateway=event.gateway,
        ended_at=recorded.time,
        outcome=CallOutcome.BLOCKED,
        reason=Reason.BLACKLISTED,
        party=Party.SYSTEM,
    )


def _answered(summary: CallSummary, recorded: Recorded, _: call.CallAnswered) -> Changes:
    return {} if summary.answered_at else {"answered_at": recorded.time}


def _flow_started(_: CallSummary, __: Recorded, event: ivr.IvrStarted) -> Changes:
    return {"flow_id": event.flow_id, "flow_version": event.flow_version}


def _node_entered(_: CallSummary, __: Recorded, event: ivr.NodeEntered) -> Changes:
    return {"node_id": event.node_id}


def _key_pressed(summary: CallSummary, recorded: Recorded, event: ivr.KeyPressed) -> Changes:
    return {"trail": (*summary.trail, trail_entry(event, recorded.time))}


def _flow_ended(_: CallSummary, __: Recorded, event: ivr.IvrEnded) -> Changes:
    return {"flow_ended": True} if event.reason not in _NOT_BY_THE_FLOW else {}


def _requested(summary: CallSummary, recorded: Recorded, event: ivr.AgentRequested) -> Changes:
    if summary.agent_answered_at:
        return {}
    return {
        "node_id": event.node_id or summary.node_id,
        "requested_at": summary.requested_at or recorded.time,
        "request_id": event.request_id,
        "group_id": event.group_id,
        "request_outcome": None,
        "request_reason": None,
        "waited_until": None,
    }


def _offered(summary: CallSummary, recorded: Recorded, event: queue.OfferMade) -> Changes:
    if not _waits(summary, recorded.aggregate_id):
        return {}
    return {
        "offers": summary.offers + 1,
        "open_offer": event.offer_id,
        "offered_to": event.agent_id,
        "group_id": event.decision.group_id or summary.group_id,
    }


def _moved(summary: CallSummary, recorded: Recorded, event: queue.ContactMoved) -> Changes:
    """Overflow adds a segment, not an outcome; the call counts for the group that it ended in."""
    return {"group_id": event.groups[0]} if event.groups and _waits(summary, recorded.aggregate_id) else {}


def _withdrawn(summary: CallSummary, _: Recorded, event: queue.OfferWithdrawn) -> Changes:
    if not event.offer_id or event.offer_id != summary.open_offer:
        return {}
    timeouts = summary.ring_timeouts + (event.reason is Reason.RING_TIMEOUT)
    return {"open_offer": "", "offered_to": "", "ring_timeouts": timeouts}


def _offer_answered(summary: CallSummary, recorded: Recorded, event: call.OfferAnswered) -> Changes:
    if not event.offer_id or event.offer_id != summary.open_offer:
        return {}
    return {
        "agent_id": event.agent_id,
        "agent_leg_id": event.leg_id,
        "agent_answered_at": recorded.time,
        "waited_until": recorded.time,
        "request_outcome": RequestOutcome.ANSWERED,
        "request_reason": Reason.ANSWERED,
        "open_offer": "",
        "offered_to": "",
    }


def _left(summary: CallSummary, recorded: Recorded, event: queue.ContactLeft) -> Changes:
    if not _waits(summary, recorded.aggregate_id) or event.outcome is RequestOutcome.ANSWERED:
        return {}  # the answer itself stands in the log, earlier, as call.offer-answered
    return {
        "request_outcome": event.outcome,
        "request_reason": event.reason,
        "waited_until": recorded.time,
        "open_offer": "",
        "offered_to": "",
    }


def _bridged(summary: CallSummary, recorded: Recorded, event: call.CallBridged) -> Changes:
    counts = summary.bridged_at is None and event.agent_leg_id == summary.agent_leg_id
    return {"bridged_at": recorded.time} if counts else {}


def _leg_ended(summary: CallSummary, recorded: Recorded, event: call.LegEnded) -> Changes:
    if summary.agent_answered_at is None or summary.talk_ended_at is not None:
        return {}
    in_talk = event.leg_id in (summary.agent_leg_id, summary.customer_leg_id)  # without an agent's leg: a transfer
    return {"talk_ended_at": recorded.time} if in_talk else {}


def _transfer_started(summary: CallSummary, _: Recorded, event: call.TransferStarted) -> Changes:
    """The first agent's leg ends, the talk goes on with another: a transfer adds a segment, the record stays one."""
    return {"agent_leg_id": ""} if event.agent_id == summary.agent_id else {}


def _recording_started(_: CallSummary, __: Recorded, event: call.RecordingStarted) -> Changes:
    return {"recording_id": event.recording_id}


def _recording_ready(_: CallSummary, __: Recorded, event: call.RecordingReady) -> Changes:
    return {"recording_id": event.recording_id, "recording_path": event.path, "recording_ms": event.duration_ms}


def _ended(summary: CallSummary, recorded: Recorded, event: call.CallEnded) -> Changes:
    waiting = _waits(summary, summary.request_id)
    outcome = _outcome(summary, event, waiting)
    changes: Changes = {"ended_at": recorded.time, "outcome": outcome, "reason": event.reason, "party": event.party}
    if waiting:
        changes |= {"waited_until": recorded.time, "open_offer": "", "offered_to": ""}
        changes["ring_abandoned"] = outcome is CallOutcome.QUEUE_ABANDONED and bool(summary.open_offer)
    if summary.agent_answered_at and summary.talk_ended_at is None:
        changes["talk_ended_at"] = recorded.time
    return changes


def _outcome(summary: CallSummary, event: call.CallEnded, waiting: bool) -> CallOutcome:
    """The partition of appendix 2: each call exactly one, so that the conservation law holds by construction."""
    if event.reason is Reason.BLACKLISTED:
        return CallOutcome.BLOCKED
    if not summary.request_id:
        left_early = event.party is Party.CUSTOMER and not summary.flow_ended
        return CallOutcome.IVR_ABANDONED if left_early else CallOutcome.IVR_ENDED
    if not waiting:
        return _OF_REQUEST[summary.request_outcome or RequestOutcome.FAILED]
    if event.party is Party.SUPERVISOR:
        return CallOutcome.STOPPED
    if event.party is Party.CUSTOMER or event.reason is Reason.LEFT_BY_KEY:
        return CallOutcome.QUEUE_ABANDONED
    return CallOutcome.FAILED  # gateway-lost, media-timeout, …: we ended a call that still waited


def _waits(summary: CallSummary, request_id: str) -> bool:
    return bool(request_id) and request_id == summary.request_id and summary.request_outcome is None


def trail_entry(event: ivr.KeyPressed, time: datetime) -> ivr.TrailEntry:
    """A key press as the trail shows it (F012)."""
    moment = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ivr.TrailEntry(label=event.label, key=event.key, branch=event.branch, time=moment)


def _millis(begin: datetime | None, end: datetime | None) -> int | None:
    """Never negative: the two moments may come from the clocks of two machines."""
    if begin is None or end is None:
        return None
    return max(0, round((end - begin).total_seconds() * 1000))


_OF_REQUEST = {
    RequestOutcome.ANSWERED: CallOutcome.ANSWERED,
    RequestOutcome.ABANDONED: CallOutcome.QUEUE_ABANDONED,
    RequestOutcome.REDIRECTED: CallOutcome.REDIRECTED,
    RequestOutcome.STOPPED: CallOutcome.STOPPED,
    RequestOutcome.FAILED: CallOutcome.FAILED,
}

_STEPS: dict[type[Event], Callable[[CallSummary, Recorded, Any], Changes]] = {
    call.CallAnswered: _answered,
    call.OfferAnswered: _offer_answered,
    call.CallBridged: _bridged,
    call.LegEnded: _leg_ended,
    call.TransferStarted: _transfer_started,
    call.RecordingStarted: _recording_started,
    call.RecordingReady: _recording_ready,
    call.CallEnded: _ended,
    ivr.IvrStarted: _flow_started,
    ivr.NodeEntered: _node_entered,
    ivr.KeyPressed: _key_pressed,
    ivr.AgentRequested: _requested,
    ivr.IvrEnded: _flow_ended,
    queue.ContactMoved: _moved,
    queue.OfferMade: _offered,
    queue.OfferWithdrawn: _withdrawn,
    queue.ContactLeft: _left,
}

_NOT_BY_THE_FLOW = frozenset({Reason.ANSWERED, Reason.CALLER_HUNG_UP, Reason.CALLER_CANCELLED, Reason.CALLER_LOST})
"""Reasons of an ended session that say that someone else was first."""

_COUNT_AFTER_THE_END: frozenset[type[Event]] = frozenset({call.RecordingStarted, call.RecordingReady})
