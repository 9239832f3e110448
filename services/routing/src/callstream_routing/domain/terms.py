"""On what terms a request is queued: customer type, groups that may serve it, the moment that its place counts from.

They are decided once, from what is configured then, and stand in `queue.queued`: the fold and every replay take them from there.
"""

from datetime import datetime

import msgspec

from callstream.kernel.outcomes import Reason
from callstream_routing.domain.board import Board
from callstream_routing.domain.callback_due import place_of
from callstream_routing.domain.overflow import stand_in
from callstream_routing.domain.request import Request


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """See the module's docstring. `refusal` is set when no group takes the request; then `groups` are those it asked for."""

    groups: tuple[str, ...]
    enqueued_at: datetime
    customer_type: str = ""
    level: int = 0
    resumed: str = ""
    refusal: Reason | None = None


def terms(board: Board, request: Request, now: datetime) -> Terms:
    """The terms of a request that is not queued yet."""
    kind = board.type_of(request.caller)
    named = request.asked if request.chosen else allowed(request.asked, kind.groups if kind is not None else ())
    type_id, level = (kind.id, kind.level) if kind is not None else ("", 0)
    if request.chosen:
        type_id, level = request.customer_type, request.level
    groups = _standing_in(board, request, named, [])
    if request.busy_groups and not any(_free(board, request, group_id) for group_id in groups):
        groups = _standing_in(board, request, request.busy_groups, groups)
    refusal = None
    if not groups:
        full = any(board.is_open(group_id) for group_id in named)
        refusal = Reason.QUEUE_FULL if full else Reason.UNKNOWN_GROUP
    enqueued_at, resumed = _place(board, request, groups, now)
    return Terms(
        groups=tuple(groups) or named,
        enqueued_at=enqueued_at,
        customer_type=type_id,
        level=level,
        resumed=resumed,
        refusal=refusal,
    )


def _standing_in(board: Board, request: Request, named: tuple[str, ...], groups: list[str]) -> list[str]:
    """`groups`, and those that take the request for each one named."""
    groups = list(groups)
    for group_id in named:
        found = stand_in(board, group_id, request.id, set(groups))
        if found and found not in groups:
            groups.append(found)
    return groups


def _free(board: Board, request: Request, group_id: str) -> bool:
    """Whether somebody is free whom nobody waits for (F092)."""
    group = board.group(group_id)
    desk = group.desks.get(request.need)
    return group.free_for(request.need) > (len(desk.ready) if desk is not None else 0)


def allowed(asked: tuple[str, ...], of_type: tuple[str, ...]) -> tuple[str, ...]:
    """Of the groups asked for those that may serve the customer's type, in the type's order (F124).

    When none may, the type's own groups serve it: such a customer is never left without.
    """
    if not of_type:
        return asked
    return tuple(group_id for group_id in of_type if group_id in asked) or of_type


def _place(board: Board, request: Request, groups: list[str], now: datetime) -> tuple[datetime, str]:
    """The request's own moment, or the oldest place that the caller has in one of the groups: given up, or kept by a callback."""
    enqueued_at, resumed = request.enqueued_at, ""
    for group_id in groups:
        within_s = board.group(group_id).policy.resume_s
        found = board.memory.place_of(group_id, request.caller, within_s, now)
        if found is not None and found.enqueued_at < enqueued_at:
            enqueued_at, resumed = found.enqueued_at, found.request_id
    called_back = place_of(board, request.caller, groups)
    if called_back is not None:  # it is named whichever place is older: it has to end
        enqueued_at, resumed = min(enqueued_at, called_back.enqueued_at), called_back.id
    return enqueued_at, resumed
