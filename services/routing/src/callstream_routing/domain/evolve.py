"""Folds the events that routing follows into a board. Late, doubled and foreign events change nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.subjects import events_of
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream_routing.domain.board import Board
from callstream_routing.domain.request import Ending, Offer, Request

FOLLOWS = (
    events_of("queue"),
    events_of("agent", "state-changed"),
    events_of("ivr", "agent-requested"),
    events_of("call", "offer-answered"),
    events_of("call", "offer-failed"),
    events_of("call", "ended"),
)

COOL_DOWN = timedelta(seconds=5)
"""No offer to an agent whose phone has just failed: else one dead phone would go through a line at the speed of SIP."""


def evolve(board: Board, recorded: Recorded) -> None:
    """Take one event of the board's tenant in."""
    step = _STEPS.get(type(recorded.event))
    if step is not None:
        step(board, recorded, recorded.event)


def _agent_requested(board: Board, recorded: Recorded, event: ivr.AgentRequested) -> None:
    if event.request_id in board.requests or event.request_id in board.left:
        return
    request = Request(
        id=event.request_id,
        call_id=event.call_id,
        group_id=event.group_id,
        priority=event.priority,
        enqueued_at=recorded.time,
        gateway=event.gateway,
        customer_leg_id=event.customer_leg_id,
        connect_prompt=event.connect_prompt,
        requested_seq=recorded.seq,
        requested_by=recorded.id,
        ending=board.ended.get(event.call_id),
    )
    board.add_request(request)


def _call_ended(board: Board, recorded: Recorded, event: call.CallEnded) -> None:
    ending = _ending_of_call(recorded, event)
    board.ended.add(recorded.aggregate_id, ending)
    for request_id in sorted(board.of_call.get(recorded.aggregate_id, ())):
        request = board.requests[request_id]
        with board.changing(request):
            request.ending = request.ending or ending


def _ending_of_call(recorded: Recorded, event: call.CallEnded) -> Ending:
    """What the end of its call makes of a waiting request: the same partition as callstream.contracts.outcome."""
    if event.party is Party.SUPERVISOR:
        outcome, reason = RequestOutcome.STOPPED, Reason.SUPERVISOR
    elif event.party is Party.CUSTOMER or event.reason is Reason.LEFT_BY_KEY:
        outcome = RequestOutcome.ABANDONED
        reason = event.reason if event.reason in _ABANDONING else Reason.CALLER_HUNG_UP
    else:
        outcome, reason = RequestOutcome.FAILED, event.reason
    return Ending(outcome=outcome, reason=reason, at=recorded.time, event_id=recorded.id)


def _offer_answered(board: Board, recorded: Recorded, event: call.OfferAnswered) -> None:
    request = board.requests.get(event.request_id)
    if request is None or request.offer is None or request.offer.id != event.offer_id or request.ending is not None:
        return
    with board.changing(request):
        request.ending = Ending(outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, at=recorded.time, event_id=recorded.id)


def _offer_failed(board: Board, recorded: Recorded, event: call.OfferFailed) -> None:
    request = board.requests.get(event.request_id)
    if request is None or request.offer is None or request.offer.id != event.offer_id:
        return
    seat = board.seat(request.offer.agent_id)
    with board.changing_seat(seat):
        seat.cool_until = recorded.time + COOL_DOWN
    if request.offer.failed is None:
        with board.changing(request):
            request.offer.failed, request.offer.failed_by = event.reason, recorded.id


def _state_changed(board: Board, recorded: Recorded, event: agent.AgentStateChanged) -> None:
    seat = board.seat(recorded.aggregate_id)
    if recorded.seq <= seat.version:
        return
    with board.changing_seat(seat):
        seat.state, seat.since, seat.offer_id = event.state, recorded.time, event.offer_id
        seat.version, seat.last_event_id = recorded.seq, recorded.id
        seat.held_until = None


def _own(step: Callable[[Board, Recorded, Any, Request], None]) -> Callable[[Board, Recorded, Any], None]:
    """Wraps a step for the request's own events: each is taken in once, and ends what was held for it."""

    def take(board: Board, recorded: Recorded, event: Any) -> None:
        request = board.requests.get(recorded.aggregate_id)
        if request is None or recorded.seq <= request.version:
            return
        with board.changing(request):
            request.version, request.last_event_id = recorded.seq, recorded.id
            request.held_until = None
            step(board, recorded, event, request)

    return take


def _queued(_: Board, __: Recorded, ___: queue.ContactQueued, request: Request) -> None:
    request.queued = True


def _offer_made(board: Board, recorded: Recorded, event: queue.OfferMade, request: Request) -> None:
    board.close_offer(request)
    request.offer = Offer(
        id=event.offer_id,
        agent_id=event.agent_id,
        made_at=recorded.time,
        deadline=event.ring_deadline,
        event_id=recorded.id,
    )
    request.offered.add(event.agent_id)
    seat = board.seat(event.agent_id)
    if seat.open_request and not seat.rings_for(event.offer_id):
        return  # an offer that came too late: it is withdrawn, and the one that the agent rings for stays theirs
    with board.changing_seat(seat):
        seat.open_request = request.id


def _offer_withdrawn(board: Board, _: Recorded, event: queue.OfferWithdrawn, request: Request) -> None:
    """A withdrawal that stands behind the answer changes nothing: the order of the log decides."""
    answered = request.ending is not None and request.ending.outcome is RequestOutcome.ANSWERED
    if request.offer is not None and request.offer.id == event.offer_id and not answered:
        board.close_offer(request)


def _left(board: Board, recorded: Recorded, _: queue.ContactLeft) -> None:
    request = board.requests.get(recorded.aggregate_id)
    if request is not None:
        board.remove_request(request)


_ABANDONING = frozenset({Reason.CALLER_HUNG_UP, Reason.CALLER_CANCELLED, Reason.CALLER_LOST, Reason.LEFT_BY_KEY})

_STEPS: dict[type[Event], Callable[[Board, Recorded, Any], None]] = {
    ivr.AgentRequested: _agent_requested,
    call.CallEnded: _call_ended,
    call.OfferAnswered: _offer_answered,
    call.OfferFailed: _offer_failed,
    agent.AgentStateChanged: _state_changed,
    queue.ContactQueued: _own(_queued),
    queue.OfferMade: _own(_offer_made),
    queue.OfferWithdrawn: _own(_offer_withdrawn),
    queue.ContactLeft: _left,
}
