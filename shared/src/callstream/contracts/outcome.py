"""What became of a call: a pure fold over its events in log order, used by reporting and the command line alike.

The log decides races, so the rules here are rules of order (docs/architecture.md):

- `call.offer-answered` counts when its offer is the one that stands open: made, not withdrawn, the request still waiting and
  the call not ended. Otherwise it came too late and changes nothing; likewise a withdrawal that stands behind the answer.
- `ivr.agent-requested` behind `call.ended` is no request: its caller had already left the flow.
- behind `call.ended` only recordings change anything;
- a caller's wish to be called back counts like a supervisor's stop, and what became of it is told behind `call.ended`;
- a supervisor's stop counts from `queue.stop-asked` on, unless an answer stands before the offer's withdrawal.

An outbound call begins with `call.dialled` and is answered when its customer is (`call.leg-answered`), an internal one when the
other agent answers their offer. Who served when stands in segments; a transfer adds one, the record stays one.

Terms and formulae: docs/features.md, appendix 2. A call that asked for an agent several times counts as one request: tR is the
first one, its group and its ending those of the last.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import callbacks, service
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.segments import Segment, all_ended
from callstream.contracts.service import Changes
from callstream.contracts.states import Direction, Purpose
from callstream.contracts.summary import CallSummary as CallSummary
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome


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
        if isinstance(recorded.event, call.CallDialled):
            return service.dialled(recorded, recorded.event)
        return _arrived(recorded) if isinstance(recorded.event, call.CallArrived) else None
    if recorded.seq <= summary.seq:
        return summary
    before = summary
    for fact in facts_in(recorded.event):
        step = _STEPS.get(type(fact))
        if step is None or (before.ended_at is not None and type(fact) not in _COUNT_AFTER_THE_END):
            continue
        changes = step(summary, recorded, fact)
        if changes:
            summary = replace(summary, seq=recorded.seq, **changes)
    return summary


def fold_all(events: Iterable[Recorded]) -> CallSummary | None:
    """The summary of one call's events, given in log order."""
    summary: CallSummary | None = None
    for recorded in events:
        summary = fold(summary, recorded)
    return summary


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
        "stop_asked": False,
        "callback_asked": False,
        "direct": bool(event.only_agent),
    }


def _wanted(summary: CallSummary, _: Recorded, event: control.AgentWanted) -> Changes:
    """An internal call asks for its other agent as a flow asks for one; consultations are no part of the call's outcome."""
    internal = summary.direction is Direction.INTERNAL and event.purpose is Purpose.INTERNAL
    return {"request_id": event.request_id} if internal and not summary.agent_answered_at else {}


def _stop_asked(summary: CallSummary, recorded: Recorded, _: queue.RequestStopAsked) -> Changes:
    return {"stop_asked": True} if _waits(summary, recorded.aggregate_id) and not summary.callback_asked else {}


def _offered(summary: CallSummary, recorded: Recorded, event: queue.OfferMade) -> Changes:
    if summary.onward_request and recorded.aggregate_id == summary.onward_request:
        return {"onward_group": event.decision.group_id}
    if not _waits(summary, recorded.aggregate_id):
        return {}
    return {
        "rung_since": recorded.time,
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
    if summary.direction is Direction.OUTBOUND:
        return callbacks.agent_there(event)
    if summary.direction is Direction.INTERNAL:
        other = Segment(began_at=recorded.time, how="internal", agent_id=event.agent_id, leg_id=event.leg_id)
        return {
            **service.reached(summary, recorded),
            "segments": (service.own(summary, recorded), other),
            "open_offer": "",
            "offered_to": "",
        }
    first = Segment(began_at=recorded.time, how="queue", agent_id=event.agent_id, leg_id=event.leg_id, group_id=summary.group_id)
    return {
        "segments": (*summary.segments, first),
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
    if summary.callback is not None and summary.callback.request_id == recorded.aggregate_id:
        return callbacks.left(summary, recorded, event)
    if summary.ended_at is not None:
        return {}
    if not _waits(summary, recorded.aggregate_id) or event.outcome is RequestOutcome.ANSWERED:
        return {}  # the answer itself stands in the log, earlier, as call.offer-answered
    if summary.direct and event.outcome is RequestOutcome.FAILED:  # the flow begins as if nothing had been asked
        return {"request_id": "", "requested_at": None, "direct": False, "open_offer": "", "offered_to": ""}
    return {
        "request_outcome": event.outcome,
        "request_reason": event.reason,
        "waited_until": recorded.time,
        "open_offer": "",
        "offered_to": "",
    }


def _recording_started(_: CallSummary, __: Recorded, event: call.RecordingStarted) -> Changes:
    return {"recording_id": event.recording_id, "recording_reason": None}


def _recording_ready(_: CallSummary, __: Recorded, event: call.RecordingReady) -> Changes:
    return {
        "recording_id": event.recording_id,
        "recording_path": event.path,
        "recording_ms": event.duration_ms,
        "recording_reason": None,
    }


def _recording_failed(summary: CallSummary, _: Recorded, event: call.RecordingFailed) -> Changes:
    return {"recording_reason": event.reason} if event.recording_id == summary.recording_id else {}


def _ended(summary: CallSummary, recorded: Recorded, event: call.CallEnded) -> Changes:
    waiting = _waits(summary, summary.request_id)
    outcome = _outcome(summary, event, waiting)
    changes: Changes = {"ended_at": recorded.time, "outcome": outcome, "reason": event.reason, "party": event.party}
    if waiting:
        changes |= {"waited_until": recorded.time, "open_offer": "", "offered_to": ""}
        changes["ring_abandoned"] = outcome is CallOutcome.QUEUE_ABANDONED and bool(summary.open_offer)
    if summary.agent_answered_at and summary.talk_ended_at is None:
        changes["talk_ended_at"] = recorded.time
    if any(segment.ended_at is None for segment in summary.segments):
        changes["segments"] = all_ended(summary.segments, recorded.time)
    return changes


def _outcome(summary: CallSummary, event: call.CallEnded, waiting: bool) -> CallOutcome:
    """The partition of appendix 2: each call exactly one, so that the conservation law holds by construction."""
    if event.reason is Reason.BLACKLISTED:
        return CallOutcome.BLOCKED
    if summary.direction is not Direction.INBOUND:
        return CallOutcome.ANSWERED if summary.agent_answered_at else CallOutcome.UNANSWERED
    if not summary.request_id:
        left_early = event.party is Party.CUSTOMER and not summary.flow_ended
        return CallOutcome.IVR_ABANDONED if left_early else CallOutcome.IVR_ENDED
    if not waiting:
        return _OF_REQUEST[summary.request_outcome or RequestOutcome.FAILED]
    if summary.stop_asked or event.party is Party.SUPERVISOR:
        return CallOutcome.STOPPED
    if summary.callback_asked:
        return CallOutcome.REDIRECTED
    if event.party is Party.CUSTOMER or event.reason is Reason.LEFT_BY_KEY:
        return CallOutcome.QUEUE_ABANDONED
    return CallOutcome.FAILED  # gateway-lost, media-timeout, …: we ended a call that still waited


def _waits(summary: CallSummary, request_id: str) -> bool:
    return bool(request_id) and request_id == summary.request_id and summary.request_outcome is None


def trail_entry(event: ivr.KeyPressed, time: datetime) -> ivr.TrailEntry:
    """A key press as the trail shows it (F012)."""
    moment = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ivr.TrailEntry(label=event.label, key=event.key, branch=event.branch, time=moment)


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
    call.CallBridged: service.bridged,
    call.LegStarted: service.leg_started,
    call.LegRinging: service.leg_rang,
    call.LegEnded: service.leg_ended,
    call.TransferStarted: service.transfer_started,
    control.LegAnswered: service.leg_answered,
    control.AgentWanted: _wanted,
    control.CallTransferred: service.transferred,
    control.CallHeld: service.held,
    control.CallRetrieved: service.retrieved,
    control.ConsultStarted: service.consulted,
    control.PartyJoined: service.joined,
    control.CallRated: service.rated,
    queue.RequestStopAsked: _stop_asked,
    call.RecordingStarted: _recording_started,
    call.RecordingReady: _recording_ready,
    call.RecordingFailed: _recording_failed,
    call.CallEnded: _ended,
    ivr.IvrStarted: _flow_started,
    ivr.NodeEntered: _node_entered,
    ivr.KeyPressed: _key_pressed,
    ivr.AgentRequested: _requested,
    ivr.CallbackAsked: callbacks.asked,
    queue.ContactQueued: callbacks.queued,
    queue.CallbackTried: callbacks.tried,
    ivr.IvrEnded: _flow_ended,
    queue.ContactMoved: _moved,
    queue.OfferMade: _offered,
    queue.OfferWithdrawn: _withdrawn,
    queue.ContactLeft: _left,
}

_NOT_BY_THE_FLOW = frozenset({Reason.ANSWERED, Reason.CALLER_HUNG_UP, Reason.CALLER_CANCELLED, Reason.CALLER_LOST})
"""Reasons of an ended session that say that someone else was first."""

_COUNT_AFTER_THE_END: frozenset[type[Event]] = frozenset(
    {
        *(call.RecordingStarted, call.RecordingReady, call.RecordingFailed),
        *(queue.ContactQueued, queue.CallbackTried, queue.ContactLeft),  # of a callback alone
    }
)
