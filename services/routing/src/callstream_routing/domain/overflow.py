"""Limits of a queue and what happens at them (F136): another group takes over, with the old place, or nobody does."""

from datetime import datetime, timedelta

from callstream.contracts.queue_events import ContactMoved
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.board import Board
from callstream_routing.domain.request import Request


def stand_in(board: Board, group_id: str, request_id: str, been: set[str]) -> str:
    """The group itself, or the first of its overflow chain that is open, not full and not in `been`; empty when there is none."""
    if board.is_open(group_id) and not board.group(group_id).full_for(request_id):
        return group_id
    return taking_over(board, group_id, request_id, been) if board.is_open(group_id) else ""


def taking_over(board: Board, group_id: str, request_id: str, been: set[str]) -> str:
    """The first group of the overflow chain that takes the request; a full one passes it on to its own chain."""
    been = been | {group_id}
    for other in board.group(group_id).policy.overflow:
        if other in been:
            continue
        found = stand_in(board, other, request_id, been)
        if found and found not in been:
            return found
        been.add(other)
    return ""


def overflowed(board: Board, request: Request, now: datetime) -> ContactMoved | Reason | None:
    """The move that is due, QUEUE_TIMEOUT when no group is left, or None."""
    left = [group_id for group_id in request.groups if _waited_out(board, request, group_id, now)]
    if not left:
        return None
    groups = [group_id for group_id in request.groups if group_id not in left]
    for group_id in left:
        found = taking_over(board, group_id, request.id, request.been | set(request.groups) | set(groups))
        if found:
            groups.append(found)
    if not groups:
        return Reason.QUEUE_TIMEOUT
    return ContactMoved(call_id=request.call_id, reason=Reason.QUEUE_TIMEOUT, left=tuple(left), groups=tuple(groups))


def _waited_out(board: Board, request: Request, group_id: str, now: datetime) -> bool:
    limit = board.group(group_id).policy.max_wait_s
    return limit > 0 and now - request.entered.get(group_id, now) >= timedelta(seconds=limit)
