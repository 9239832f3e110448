"""What is missing for a callback now, beyond what is for every request: its place in line, the end of an attempt, its own end."""

from datetime import datetime, timedelta

from callstream.contracts import queue_events as queue
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.board import Board
from callstream_routing.domain.request import Callback, Request

BY_THE_CUSTOMER = frozenset(
    {
        *(Reason.NO_ANSWER, Reason.BUSY, Reason.CALLEE_REJECTED, Reason.CALLEE_UNREACHABLE),
        *(Reason.INVALID, Reason.FORBIDDEN),  # the number cannot, or may not, be dialled
    }
)
"""Attempts that count. Of the others, where the agent hung up or something of ours failed, the customer knows nothing."""
AFTER_FAULT = timedelta(seconds=30)
"""The pause after an attempt that does not count."""


def place_of(board: Board, caller: str, groups: list[str]) -> Request | None:
    """The oldest callback to this caller that waits in one of the groups, or None."""
    waiting = [board.requests[request_id] for request_id in board.callbacks.get(caller, ())] if caller else []
    merged = [request for request in waiting if request.ending is None and not set(request.groups).isdisjoint(groups)]
    return min(merged, key=lambda request: (request.enqueued_at, request.id), default=None)


def queue_it(board: Board, request: Request, callback: Callback) -> queue.ContactQueued:
    """It stands in line already; from now on it can be offered."""
    group = board.group(request.groups[0])
    return queue.ContactQueued(
        call_id=request.call_id,
        group_id=group.id,
        priority=request.priority,
        enqueued_at=request.enqueued_at,
        ahead=group.ahead(request.places[group.id]),
        groups=request.groups,
        customer_type=request.customer_type,
        level=request.level,
        callback=queue.QueuedCallback(
            of=callback.of,
            number=callback.number,
            asked_at=callback.asked_at,
            expires_at=callback.asked_at + timedelta(seconds=group.policy.callback.expires_s),
        ),
    )


def attempt_over(
    board: Board, request: Request, callback: Callback, reason: Reason, at: datetime, agent_id: str, call_id: str
) -> queue.CallbackTried:
    """The event that tells of an attempt in vain, and when the next one is due."""
    policy = board.group(request.groups[0]).policy.callback
    counts = reason in BY_THE_CUSTOMER
    attempts = callback.attempts + counts
    next_at: datetime | None = at + (timedelta(seconds=policy.retry_s) if counts else AFTER_FAULT)
    late = callback.expires_at is not None and next_at is not None and next_at >= callback.expires_at
    if attempts >= policy.attempts or callback.then is not None or late:
        next_at = None
    return queue.CallbackTried(
        call_id=request.call_id,
        attempt_call_id=call_id,
        agent_id=agent_id,
        number=callback.number,
        reason=reason,
        attempts=attempts,
        next_at=next_at,
    )


def due(board: Board, request: Request, callback: Callback, now: datetime) -> queue.CallbackTried | Reason | None:
    """The attempt that is over, CALLBACK_EXPIRED, or None: what holds for all requests holds. Of one that is queued."""
    if callback.failure is not None:
        agent_id = request.offer.agent_id if request.offer is not None else ""
        failure = callback.failure
        return attempt_over(board, request, callback, failure.reason, failure.at, agent_id, callback.call_id)
    expired = callback.expires_at is not None and callback.expires_at <= now
    return Reason.CALLBACK_EXPIRED if expired and request.offer is None else None
