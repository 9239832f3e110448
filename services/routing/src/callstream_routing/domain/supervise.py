"""What supervisors may do to a request, as a table, and the match that an assignment makes (F018, F211, F212, F214)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from callstream.contracts.queue_events import Candidate, Decision
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.board import Board
from callstream_routing.domain.match import HOLD, Match
from callstream_routing.domain.record import RULE_VERSION
from callstream_routing.domain.request import Request
from callstream_routing.domain.seat import FREE, Seat
from callstream_routing.domain.settle import millis
from callstream_routing.domain.stages import Stage

TRIED_WITHIN = timedelta(seconds=5)
"""An assignment that could not be tried until then is void: the request goes on by the rules."""
SUPERVISOR = "supervisor"


class Action(StrEnum):
    """What a supervisor does."""

    STOP = "stop"
    ASSIGN = "assign"


class Standing(StrEnum):
    """Where a request stands."""

    ARRIVING = "arriving"
    WAITING = "waiting"
    BEING_OFFERED = "being offered"
    """An agent is being reserved just now."""
    OFFERED = "offered"
    CALLING_BACK = "calling back"
    """An agent has taken a callback, and its customer is being called."""
    RESTING = "resting"
    """A callback between two attempts."""


ALLOWED = frozenset(
    {
        (Action.STOP, Standing.ARRIVING),
        (Action.STOP, Standing.WAITING),
        (Action.STOP, Standing.BEING_OFFERED),
        (Action.STOP, Standing.OFFERED),
        (Action.STOP, Standing.RESTING),
        (Action.ASSIGN, Standing.WAITING),
    }
)


def standing(request: Request) -> Standing:
    """Where a request that is not over stands."""
    if not request.queued:
        return Standing.ARRIVING
    if request.callback is not None and request.callback.stage is Stage.CALLING:
        return Standing.CALLING_BACK
    if request.resting:
        return Standing.RESTING
    if request.offer is not None:
        return Standing.OFFERED
    return Standing.WAITING if request.held_until is None else Standing.BEING_OFFERED


def check(board: Board, request_id: str, action: Action) -> Request:
    """The request, if the action is possible now; raises Refusal."""
    request = board.requests.get(request_id)
    if request is None or request.ending is not None or request.only:
        raise Refusal(Reason.UNKNOWN_CALL, f"request {request_id} does not wait", "request_id")
    now = standing(request)
    if (action, now) not in ALLOWED:
        raise Refusal(Reason.ILLEGAL_STATE, f"'{action}' is not possible while the request is {now}", "request_id")
    return request


def check_able(board: Board, agent_id: str) -> Seat:
    """The agent, if they can be offered a call now; raises Refusal with what keeps them."""
    seat = board.seats.get(agent_id)
    label = seat.label if seat is not None else "unknown"
    if seat is None or label != FREE:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent_id} cannot take a call now: {label}", "agent_id")
    return seat


def assign(board: Board, request: Request, agent_id: str, at: datetime, within: timedelta = TRIED_WITHIN) -> None:
    """Somebody's choice of an agent has come in through the log. Inside `changing`, or before the request is added."""
    request.assigned, request.assigned_until = agent_id, at + within
    board.assigned[request.id] = None


def assigned(board: Board, now: datetime) -> Iterator[Match]:
    """The matches that people have made; they go before all rules. Each is tried once, unless nobody else may serve."""
    for request_id in list(board.assigned):
        request = board.requests.get(request_id)
        if request is None or not request.assigned or _void(request, now):
            del board.assigned[request_id]
        elif request.ready:
            if not request.only:
                del board.assigned[request_id]
            seat = board.seat(request.assigned)
            if seat.label == FREE:
                yield _match(board, request, seat, now)


def _void(request: Request, now: datetime) -> bool:
    """An assignment that came too late. Who may be served by one agent alone goes on with them, or leaves (`settle`)."""
    return not request.only and (request.assigned_until is None or request.assigned_until < now)


def _match(board: Board, request: Request, seat: Seat, now: datetime) -> Match:
    group = board.group(request.groups[0]) if request.groups else None
    rule = request.rule or SUPERVISOR
    decision = Decision(
        rule=rule,
        rule_version=RULE_VERSION,
        group_id=group.id if group is not None else "",
        waited_ms=millis(request.requested_at, now),
        ahead=group.ahead(request.places[group.id]) if group is not None else 0,
        eligible=1,
        candidates=(Candidate(agent_id=seat.id, idle_ms=millis(seat.since or now, now), rank=1),),
        preferred={rule: seat.id},
        callback=request.callback.attempts + 1 if request.callback is not None else 0,
    )
    offer_id = request.offer_id_for(seat.id, now)
    found = Match(
        tenant=board.tenant,
        request_id=request.id,
        call_id=request.call_for(offer_id),
        agent_id=seat.id,
        offer_id=offer_id,
        version=request.version,
        decision=decision,
    )
    board.hold(request, now + HOLD)
    board.hold_seat(seat, now + HOLD)
    return found
