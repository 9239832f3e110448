"""Folds the events that routing follows into a board. Late, doubled and foreign events change nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import Purpose
from callstream.contracts.subjects import events_of
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream_routing.domain import callback as back
from callstream_routing.domain import seats
from callstream_routing.domain.board import Board
from callstream_routing.domain.learn import learn
from callstream_routing.domain.memory import served
from callstream_routing.domain.onward import agent_wanted, consult_ended, transfer_started
from callstream_routing.domain.preferred import OUTBOUND_MEMORY
from callstream_routing.domain.request import Ending, Offer, Request
from callstream_routing.domain.stages import Stage
from callstream_routing.domain.supervise import TRIED_WITHIN, assign

FOLLOWS = (
    events_of("queue"),
    events_of("agent", "state-changed"),
    events_of("agent", "presence-changed"),
    events_of("agent", "session-taken"),
    events_of("agent", "signed-in"),
    events_of("ivr", "agent-requested"),
    events_of("ivr", "callback-asked"),
    events_of("call", "offer-answered"),
    events_of("call", "offer-failed"),
    events_of("call", "ended"),
    events_of("call", "transfer-started"),
    events_of("call", "dialled"),
    events_of("call", "leg-answered"),
    events_of("call", "agent-wanted"),
    events_of("call", "consult-ended"),
)

WAIT_FOR_ONE = timedelta(minutes=2)
"""How long a caller waits for the agent who called them and is in a call (F132); then the number's flow begins."""
COOL_DOWN = timedelta(seconds=5)
"""No offer to an agent whose phone has just failed: else one dead phone would go through a line at the speed of SIP."""


def evolve(board: Board, recorded: Recorded) -> None:
    """Take one event of the board's tenant in."""
    if recorded.time >= board.day_ends:
        board.turn_day(recorded.time)
    step = _STEPS.get(type(recorded.event))
    if step is not None:
        step(board, recorded, recorded.event)


def _agent_requested(board: Board, recorded: Recorded, event: ivr.AgentRequested) -> None:
    if event.request_id in board.requests or event.request_id in board.left:
        return
    groups = tuple(dict.fromkeys((event.group_id, *event.also_groups))) if not event.only_agent else ()
    request = Request(
        id=event.request_id,
        call_id=event.call_id,
        caller=event.caller,
        asked=groups,
        groups=groups,
        priority=event.priority,
        requested_at=recorded.time,
        enqueued_at=recorded.time,
        gateway=event.gateway,
        customer_leg_id=event.customer_leg_id,
        connect_prompt=event.connect_prompt,
        requested_seq=recorded.seq,
        requested_by=recorded.id,
        skills=event.skills,
        relax=event.relax,
        preferred_agent=event.preferred_agent,
        busy_groups=event.busy_groups,
        only=event.only_agent,
        patient=event.patient,
        rule=OUTBOUND_MEMORY if event.only_agent else "",
        ending=board.ended.get(event.call_id),
    )
    if event.only_agent:
        assign(board, request, event.only_agent, recorded.time, WAIT_FOR_ONE if event.patient else TRIED_WITHIN)
    board.add_request(request)


def _stop_asked(_: Board, recorded: Recorded, __: queue.RequestStopAsked, request: Request) -> None:
    ending = Ending(outcome=RequestOutcome.STOPPED, reason=Reason.SUPERVISOR, at=recorded.time, event_id=recorded.id)
    request.finish(ending)


def _assigned(board: Board, recorded: Recorded, event: queue.AgentAssigned, request: Request) -> None:
    request.rule = ""
    assign(board, request, event.agent_id, recorded.time)


def _call_ended(board: Board, recorded: Recorded, event: call.CallEnded) -> None:
    ending = _ending_of_call(recorded, event)
    board.ended.add(recorded.aggregate_id, ending)
    board.served.drop(recorded.aggregate_id)
    for request_id in sorted(board.of_call.get(recorded.aggregate_id, ())):
        request = board.requests[request_id]
        with board.changing(request):
            if request.callback is not None:
                back.call_over(request, request.callback, recorded, event)
            else:
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
    """Counts while the offer stands and the call goes on, also behind a supervisor's stop: gateway and agent learn of the stop
    by the withdrawal alone, and the two are in talk."""
    request = board.requests.get(event.request_id)
    if request is None or request.offer is None or request.offer.id != event.offer_id:
        return
    ending = request.ending
    if ending is not None and (ending.outcome is RequestOutcome.ANSWERED or request.own_call in board.ended):
        return
    if request.callback is not None and request.callback.stage is not Stage.OFFERED:
        return
    with board.changing(request):
        if request.callback is not None:
            back.taken(request, request.callback)
        else:
            request.ending = Ending(
                outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, at=recorded.time, event_id=recorded.id
            )
    if not request.counts:
        return  # a colleague's question, not a customer's call: nothing is counted or learnt from it
    seat = board.seat(request.offer.agent_id)
    with board.changing_seat(seat):
        seat.count(board.today, answered=1)
        seat.serving = request.offer.group_id
    if request.callback is None:  # else the customer has yet to answer
        board.served.put(request.call_id, served(request))
        board.memory.note_answer(request.caller, seat.id)
        back.not_needed(board, recorded, request)


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


def _dialled(board: Board, recorded: Recorded, event: call.CallDialled) -> None:
    if event.purpose is Purpose.OUTBOUND:
        board.memory.note_dialled(event.callee, event.agent_id, recorded.time)


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


def _queued(board: Board, recorded: Recorded, event: queue.ContactQueued, request: Request) -> None:
    with board.relisting(request):
        request.groups = event.groups or ((event.group_id,) if event.group_id else ())
        request.customer_type, request.level = event.customer_type, event.level
        request.enqueued_at, request.estimate_ms = event.enqueued_at, event.estimate_ms
    request.queued = True
    if request.callback is not None:
        request.callback.expires_at = event.callback.expires_at if event.callback is not None else None
        return  # the limits of waiting on the line are not for who is not there
    if event.refused is not None and request.ending is None:
        request.ending = Ending(outcome=RequestOutcome.FAILED, reason=event.refused, at=recorded.time, event_id=recorded.id)
    request.entered = dict.fromkeys(request.groups, recorded.time)
    request.been = {*request.asked, *request.groups}
    if event.refused is None:
        board.admit(request, request.groups)
    if event.resumed:
        for group_id in request.groups:
            board.memory.given_up.drop((group_id, request.caller))
        back.called_again(board, recorded, event.resumed)


def _moved(board: Board, recorded: Recorded, event: queue.ContactMoved, request: Request) -> None:
    """On in other groups, with the old place; what it has been offered and what it needs stay as they are."""
    with board.relisting(request):
        request.groups = event.groups
    request.entered = {group_id: request.entered.get(group_id, recorded.time) for group_id in event.groups}
    request.been |= set(event.groups)


def _offer_made(board: Board, recorded: Recorded, event: queue.OfferMade, request: Request) -> None:
    board.close_offer(request)
    request.offer = Offer(
        id=event.offer_id,
        agent_id=event.agent_id,
        group_id=event.decision.group_id,
        made_at=recorded.time,
        deadline=event.ring_deadline,
        event_id=recorded.id,
    )
    if request.callback is not None:
        back.offered(board, request, request.callback, event)
    request.offered.add(event.agent_id)
    request.assigned = ""
    board.memory.note_offer(event.agent_id, event.call_id)
    seat = board.seat(event.agent_id)
    with board.changing_seat(seat):
        seat.count(board.today, offered=int(request.counts))
        if not seat.open_request or seat.rings_for(event.offer_id):
            seat.open_request = request.id  # else it came too late: it is withdrawn, and the one that the agent rings for stays


def _offer_withdrawn(board: Board, recorded: Recorded, event: queue.OfferWithdrawn, request: Request) -> None:
    """A withdrawal that stands behind the answer changes nothing: the order of the log decides."""
    answered = request.ending is not None and request.ending.outcome is RequestOutcome.ANSWERED
    answered = answered or (request.callback is not None and request.callback.stage is not Stage.OFFERED)
    if request.offer is not None and request.offer.id == event.offer_id and not answered:
        board.close_offer(request)
        if request.only and request.ending is None:
            request.ending = Ending(outcome=RequestOutcome.FAILED, reason=event.reason, at=recorded.time, event_id=recorded.id)


def _left(board: Board, recorded: Recorded, event: queue.ContactLeft) -> None:
    request = board.requests.get(recorded.aggregate_id)
    if request is None:
        return
    learn(board, recorded, event, request)
    board.remove_request(request)
    back.born(board, recorded, event, request)


_ABANDONING = frozenset({Reason.CALLER_HUNG_UP, Reason.CALLER_CANCELLED, Reason.CALLER_LOST, Reason.LEFT_BY_KEY})

_STEPS: dict[type[Event], Callable[[Board, Recorded, Any], None]] = {
    ivr.AgentRequested: _agent_requested,
    ivr.CallbackAsked: back.asked,
    control.LegAnswered: back.leg_answered,
    call.CallEnded: _call_ended,
    call.OfferAnswered: _offer_answered,
    call.OfferFailed: _offer_failed,
    call.TransferStarted: transfer_started,
    control.AgentWanted: agent_wanted,
    control.ConsultEnded: consult_ended,
    agent.AgentStateChanged: seats.state_changed,
    agent.AgentPresenceChanged: seats.presence_changed,
    agent.AgentSessionTaken: seats.session_began,
    agent.AgentSignedIn: seats.session_began,
    call.CallDialled: _dialled,
    queue.ContactQueued: _own(_queued),
    queue.RequestStopAsked: _own(_stop_asked),
    queue.AgentAssigned: _own(_assigned),
    queue.ContactMoved: _own(_moved),
    queue.CallbackTried: _own(back.tried),
    queue.OfferMade: _own(_offer_made),
    queue.OfferWithdrawn: _own(_offer_withdrawn),
    queue.ContactLeft: _left,
}
