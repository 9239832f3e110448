"""The estimated wait of a request: the shortest of its groups' estimates."""

from datetime import datetime

from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.request import Request


def estimate(board: Board, request: Request, groups: tuple[str, ...], level: int, enqueued_at: datetime) -> int | None:
    """Milliseconds until somebody will probably be offered the request, counted from now; None when nothing tells it."""
    found = []
    for group_id in groups:
        group = board.groups.get(group_id)
        if group is not None and group.open:
            place = request.place(group.policy.ageing_s, level, enqueued_at)
            ahead = group.ahead(place)
            own = request.places.get(group_id)
            if own is not None and group.ahead(own) < ahead:
                ahead -= 1
            found.append(of_group(group, ahead))
    known = [value for value in found if value is not None]
    return min(known, default=None)


def of_group(group: Group, ahead: int) -> int | None:
    """The estimate for somebody with `ahead` callers before."""
    return group.pace.estimate(ahead, len(group.plain.free), group.on_duty)
