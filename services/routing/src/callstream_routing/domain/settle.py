"""What is missing for one request now: its place in the queue, the end of its offer, or its own end.

Asked whenever something about the request has changed and when its moment has come; matching with an agent is apart
(`match`). The facts that count are those that stand first in the log, as `evolve` kept them.
"""

from datetime import datetime

import msgspec

from callstream.contracts.envelope import Event
from callstream.contracts.queue_events import ContactLeft, ContactQueued, OfferWithdrawn
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_routing.domain.board import Board
from callstream_routing.domain.callback_due import due, queue_it
from callstream_routing.domain.estimate import estimate
from callstream_routing.domain.only import kept_by
from callstream_routing.domain.overflow import overflowed
from callstream_routing.domain.request import Callback, Ending, Offer, Request
from callstream_routing.domain.stages import Stage
from callstream_routing.domain.terms import terms


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Events to append together at the request's version. Their ids follow from `causation_id` and their names."""

    events: tuple[Event, ...]
    causation_id: str


def settle(board: Board, request: Request, now: datetime) -> Step | None:
    """The one step that is due, or None."""
    if not request.queued:
        return _queue(board, request, now)
    if request.ending is not None:
        return _end(request, request.ending, now)
    if request.callback is not None and (step := _call_back(board, request, request.callback, now)) is not None:
        return step
    if request.offer is not None:
        return _watch_offer(board, request, request.offer, now)
    if request.only:
        reason = kept_by(board.seat(request.only), request, now)
        return None if reason is None else Step(events=(_failed(request, reason, now),), causation_id=request.last_event_id)
    if not any(board.is_open(group_id) for group_id in request.groups):
        return Step(events=(_failed(request, Reason.UNKNOWN_GROUP, now),), causation_id=request.last_event_id)
    match overflowed(board, request, now):
        case None:
            return None
        case Reason() as reason:
            return Step(events=(_failed(request, reason, now),), causation_id=request.last_event_id)
        case moved:
            return Step(events=(moved,), causation_id=request.last_event_id)


def _queue(board: Board, request: Request, now: datetime) -> Step:
    """Every request is queued, also one that leaves at once: so each has a beginning and an end in the log."""
    if request.callback is not None:
        return Step(events=(queue_it(board, request, request.callback),), causation_id=request.requested_by)
    if request.only:
        alone = ContactQueued(call_id=request.call_id, group_id="", priority=0, enqueued_at=request.enqueued_at, ahead=0)
        return Step(events=(alone,), causation_id=request.requested_by)
    granted = terms(board, request, now)
    first = board.group(granted.groups[0])
    ahead = first.ahead(request.place(first.policy.ageing_s, granted.level, granted.enqueued_at))
    own = request.places.get(first.id)
    called_back = board.requests.get(granted.resumed)
    left = called_back.places if called_back is not None else {}  # of a callback that goes, because its customer is here
    queued = ContactQueued(
        call_id=request.call_id,
        group_id=granted.groups[0],
        priority=request.priority,
        enqueued_at=granted.enqueued_at,
        ahead=ahead - sum(first.ahead(place) < ahead for place in (own, left.get(first.id)) if place is not None),
        groups=granted.groups,
        customer_type=granted.customer_type,
        level=granted.level,
        estimate_ms=estimate(board, request, granted.groups, granted.level, granted.enqueued_at, left),
        refused=granted.refusal,
        resumed=granted.resumed,
    )
    return Step(events=(queued,), causation_id=request.requested_by)


def _call_back(board: Board, request: Request, callback: Callback, now: datetime) -> Step | None:
    match due(board, request, callback, now):
        case None:
            return None
        case Reason() as reason:
            return Step(events=(_failed(request, reason, now),), causation_id=request.last_event_id)
        case tried:
            return Step(events=(tried,), causation_id=callback.failure.event_id if callback.failure else request.last_event_id)


def _end(request: Request, ending: Ending, now: datetime) -> Step:
    """Answered, or its call is over: then the offer that still rings goes with it."""
    left = _left(request, ending)
    if request.offer is None or ending.outcome is RequestOutcome.ANSWERED:
        return Step(events=(left,), causation_id=ending.event_id)
    return Step(events=(_withdrawn(request, request.offer, ending.reason, now),), causation_id=ending.event_id)


def _watch_offer(board: Board, request: Request, offer: Offer, now: datetime) -> Step | None:
    """An offer ends when the gateway could not ring, when the agent is no longer reserved for it, or at its deadline (F032).

    While a customer is being called back their agent waits for them, and the call's end says what came of it.
    """
    if request.callback is not None and request.callback.stage is Stage.CALLING:
        return None
    seat = board.seat(offer.agent_id)
    if offer.failed is not None:
        reason, cause = offer.failed, offer.failed_by
    elif not seat.rings_for(offer.id):
        reason, cause = Reason.AGENT_GONE, seat.last_event_id or offer.event_id
    elif offer.deadline <= now:
        reason, cause = Reason.RING_TIMEOUT, offer.event_id
    else:
        return None
    return Step(events=(_withdrawn(request, offer, reason, now),), causation_id=cause)


def _withdrawn(request: Request, offer: Offer, reason: Reason, now: datetime) -> OfferWithdrawn:
    return OfferWithdrawn(
        offer_id=offer.id,
        call_id=request.own_call,
        agent_id=offer.agent_id,
        reason=reason,
        rang_ms=millis(offer.made_at, now),
    )


def _left(request: Request, ending: Ending) -> ContactLeft:
    answered = ending.outcome is RequestOutcome.ANSWERED and request.offer is not None
    return ContactLeft(
        call_id=request.call_id,
        outcome=ending.outcome,
        reason=ending.reason,
        waited_ms=millis(request.requested_at, ending.at),
        estimate_ms=request.estimate_ms,
        agent_id=request.offer.agent_id if answered and request.offer else "",
        offer_id=request.offer.id if answered and request.offer else "",
    )


def _failed(request: Request, reason: Reason, now: datetime) -> ContactLeft:
    """Nobody will ever serve it: no group takes it (F128, F136), or it has waited for too long."""
    return ContactLeft(
        call_id=request.call_id,
        outcome=RequestOutcome.FAILED,
        reason=reason,
        waited_ms=millis(request.requested_at, now),
        estimate_ms=request.estimate_ms,
    )


def millis(begin: datetime, end: datetime) -> int:
    """Whole milliseconds, never negative: the moments may come from two machines' clocks."""
    return max(0, round((end - begin).total_seconds() * 1000))
