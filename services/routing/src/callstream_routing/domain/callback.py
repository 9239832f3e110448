"""Callbacks that keep the place (docs/adr/0019): what the log tells of them.

A callback is a request without a caller on the line: it stands where its caller stood, and an agent is offered it by the same
rules. The agent comes first, then the customer is called.
"""

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Recorded
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_routing.domain.board import Board
from callstream_routing.domain.callback_due import place_of
from callstream_routing.domain.memory import served
from callstream_routing.domain.request import AskedBack, Callback, Ending, Failure, Request
from callstream_routing.domain.stages import Move, Stage


def callback_id(request_id: str) -> str:
    """The id of the callback that takes the place of a request."""
    return f"{request_id}-back"


def asked(board: Board, recorded: Recorded, event: ivr.CallbackAsked) -> None:
    """The caller leaves, unless something else has ended the request before, or an answer stands before its `queue.left`."""
    request = board.requests.get(event.request_id)
    if request is None or request.ending is not None or request.callback is not None or request.only:
        return
    with board.changing(request):
        request.asked_back = AskedBack(event.number, recorded.time)
        request.ending = Ending(outcome=RequestOutcome.REDIRECTED, reason=Reason.CALLBACK, at=recorded.time, event_id=recorded.id)


def born(board: Board, recorded: Recorded, event: queue.ContactLeft, of: Request) -> None:
    """The request has left for it: with everything that it was queued with."""
    new_id = callback_id(of.id)
    if event.reason is not Reason.CALLBACK or of.asked_back is None or new_id in board.requests or new_id in board.left:
        return
    request = Request(
        id=new_id,
        call_id=of.call_id,
        caller=of.caller,
        asked=of.asked,
        groups=of.groups,
        priority=of.priority,
        requested_at=of.requested_at,
        enqueued_at=of.enqueued_at,
        gateway="",
        customer_leg_id="",
        connect_prompt=(),
        requested_seq=of.requested_seq,
        requested_by=recorded.id,
        skills=of.skills,
        relax=of.relax,
        preferred_agent=of.preferred_agent,
        customer_type=of.customer_type,
        level=of.level,
        callback=Callback(of=of.id, number=of.asked_back.number, asked_at=of.asked_back.at),
    )
    other = place_of(board, request.caller, list(request.groups))
    if other is not None:  # two calls at once, and both want to be called back
        request.enqueued_at = min(request.enqueued_at, other.enqueued_at)
        called_again(board, recorded, other.id)
    board.add_request(request)


def offered(board: Board, request: Request, callback: Callback, event: queue.OfferMade) -> None:
    """An agent is rung in the attempt's own call. Inside `changing`, when no other offer is open."""
    if callback.stage is Stage.RESTING:  # the log does not tell that its rest was over
        board.resume(request, callback)
    callback.move(Move.OFFER)
    callback.call_id = event.call_id
    board.bind(request)


def taken(request: Request, callback: Callback) -> None:
    """The agent has answered: the customer is called, whatever came between the offer and the answer."""
    callback.move(Move.TAKE)
    callback.then, request.ending = request.ending, None


def leg_answered(board: Board, recorded: Recorded, event: control.LegAnswered) -> None:
    """The customer is there."""
    if event.role is not LegRole.CUSTOMER:
        return
    for request_id in sorted(board.of_call.get(recorded.aggregate_id, ())):
        request = board.requests[request_id]
        callback = request.callback
        if callback is None or callback.stage is not Stage.CALLING or callback.failure is not None or request.offer is None:
            continue
        with board.changing(request):
            callback.move(Move.REACH)
            request.ending = Ending(
                outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, at=recorded.time, event_id=recorded.id
            )
        board.served.put(recorded.aggregate_id, served(request))
        board.memory.note_answer(request.caller, request.offer.agent_id)
        not_needed(board, recorded, request)


def call_over(request: Request, callback: Callback, recorded: Recorded, event: call.CallEnded) -> None:
    """The attempt's call has ended. Inside `changing`."""
    if callback.stage is Stage.OFFERED and request.offer is not None and request.offer.failed is None:
        request.offer.failed, request.offer.failed_by = event.reason, recorded.id
    elif callback.stage is Stage.CALLING and callback.failure is None:
        callback.failure = Failure(reason=event.reason, at=recorded.time, event_id=recorded.id)


def tried(board: Board, recorded: Recorded, event: queue.CallbackTried, request: Request) -> None:
    """Back to its old place after a rest, or over. One of the request's own events."""
    callback = request.callback
    if callback is None:
        return
    board.close_offer(request)
    with board.relisting(request):
        callback.move(Move.TRIED)
        callback.attempts, callback.failure, callback.rests_until = event.attempts, None, event.next_at
    if event.next_at is None:
        failed = Ending(outcome=RequestOutcome.FAILED, reason=event.reason, at=recorded.time, event_id=recorded.id)
        request.ending = request.ending or callback.then or failed


def not_needed(board: Board, recorded: Recorded, served_one: Request) -> None:
    """The customer talks to somebody of a group that was to call them back: of two calls at once, one has asked for it."""
    other = place_of(board, served_one.caller, list(served_one.groups))
    if other is not None and other is not served_one:
        called_again(board, recorded, other.id)


def called_again(board: Board, recorded: Recorded, resumed: str) -> None:
    """Its customer is on the line again and has its place: there is never two of them."""
    request = board.requests.get(resumed)
    if request is None or request.callback is None:
        return
    with board.changing(request):
        request.finish(
            Ending(outcome=RequestOutcome.REDIRECTED, reason=Reason.CALLED_AGAIN, at=recorded.time, event_id=recorded.id)
        )
