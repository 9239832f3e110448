"""When something is due by itself: about a request, and the tenant's next day."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from callstream_routing.domain.group import Group
from callstream_routing.domain.request import Request
from callstream_routing.domain.stages import Stage


def due_of(request: Request, groups: Mapping[str, Group]) -> datetime | None:
    """When something must be done about the request by itself, or None."""
    callback = request.callback
    if request.held_until is not None:
        return request.held_until
    if request.offer is not None:
        return None if callback is not None and callback.stage is Stage.CALLING else request.offer.deadline
    dues = [request.next_step, limit_at(request, groups), request.assigned_until if request.only else None]
    if callback is not None:
        dues += [callback.expires_at, callback.rests_until]
    return min((due for due in dues if due is not None), default=None)


def limit_at(request: Request, groups: Mapping[str, Group]) -> datetime | None:
    """When the request will have waited for too long in one of its groups (F136), or None."""
    due: datetime | None = None
    for group_id, entered in request.entered.items():
        group = groups.get(group_id)
        if group is not None and group.policy.max_wait_s:
            limit = entered + timedelta(seconds=group.policy.max_wait_s)
            due = limit if due is None or limit < due else due
    return due


def day_of(now: datetime, time_zone: str) -> tuple[int, datetime]:
    """The ordinal of the day in a time zone, and its end. An unknown zone must not stop the routing: its days are UTC's."""
    try:
        zone: ZoneInfo | None = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = None
    local = now.astimezone(zone or UTC)
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), tzinfo=zone or UTC)
    return local.toordinal(), midnight.astimezone(UTC)
