"""The steps of the fold in `outcome` that tell of callbacks. What becomes of one stands in the call in which it was asked for,
long after its end; each attempt is an outbound call of its own.

Each gives the changed fields of the summary.
"""

from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Recorded
from callstream.contracts.service import Changes
from callstream.contracts.summary import CallbackStory, CallSummary


def asked(summary: CallSummary, _: Recorded, event: ivr.CallbackAsked) -> Changes:
    """From here on the end of the call is no abandonment; an answer that stands before `queue.left` still counts."""
    waits = event.request_id == summary.request_id and summary.request_outcome is None
    return {"callback_asked": True} if waits and not summary.stop_asked else {}


def queued(summary: CallSummary, recorded: Recorded, event: queue.ContactQueued) -> Changes:
    told = event.callback
    if told is None or told.of != summary.request_id:
        return {}
    return {"callback": CallbackStory(request_id=recorded.aggregate_id, number=told.number, asked_at=told.asked_at)}


def tried(summary: CallSummary, recorded: Recorded, event: queue.CallbackTried) -> Changes:
    callback = _of(summary, recorded)
    return {} if callback is None else {"callback": replace(callback, attempts=event.attempts, reason=event.reason)}


def left(summary: CallSummary, recorded: Recorded, event: queue.ContactLeft) -> Changes:
    callback = _of(summary, recorded)
    if callback is None:
        return {}
    return {"callback": replace(callback, outcome=event.outcome, reason=event.reason, ended_at=recorded.time)}


def agent_there(event: call.OfferAnswered) -> Changes:
    """Of an attempt: the customer is still to be reached."""
    return {"agent_id": event.agent_id, "agent_leg_id": event.leg_id, "open_offer": "", "offered_to": ""}


def _of(summary: CallSummary, recorded: Recorded) -> CallbackStory | None:
    found = summary.callback
    return found if found is not None and found.request_id == recorded.aggregate_id and found.outcome is None else None
