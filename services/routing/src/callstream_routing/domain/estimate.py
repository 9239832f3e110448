"""The estimated wait of a request: the shortest of its groups' estimates."""

from collections.abc import Mapping
from datetime import datetime

from callstream_routing.domain.board import Board
from callstream_routing.domain.group import Group
from callstream_routing.domain.request import Place, Request
from callstream_routing.domain.seat import Need


def estimate(
    board: Board,
    request: Request,
    groups: tuple[str, ...],
    level: int,
    enqueued_at: datetime,
    leaving: Mapping[str, Place],
) -> int | None:
    """Milliseconds until somebody will probably be offered the request, counted from now; None when nothing tells it.

    leaving: places by group that are given up for this one.
    """
    found = []
    for group_id in groups:
        group = board.groups.get(group_id)
        if group is not None and group.open:
            place = request.place(group.policy.ageing_s, level, enqueued_at)
            ahead = group.ahead(place)
            own = (request.places.get(group_id), leaving.get(group_id))
            ahead -= sum(group.ahead(other) < ahead for other in own if other is not None)
            found.append(of_group(group, ahead, request.need))
    known = [value for value in found if value is not None]
    return min(known, default=None)


def of_group(group: Group, ahead: int, need: Need = ()) -> int | None:
    """The estimate for somebody of this need with `ahead` callers before.

    Agents who are free although others wait cannot serve those, so they serve this one at once.
    """
    desk = group.desks.get(need)
    if group.free_for(need) > (len(desk.ready) if desk is not None else 0):
        return 0
    return group.pace.estimate(ahead, group.on_duty(need))
