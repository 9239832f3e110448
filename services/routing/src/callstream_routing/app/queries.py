"""Answers about who waits, and for how long."""

from callstream.contracts.commands import EstimateWait, ListWaiting, QueuePosition, WaitEstimate, WaitingView
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.board import Board
from callstream_routing.domain.estimate import of_group
from callstream_routing.domain.group import Group
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.request import Place, Request
from callstream_routing.domain.seat import Need


class Queries:
    """Handlers: (command, tenant) → the result."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    async def queue_position(self, command: QueuePosition, tenant: str) -> int:
        """Callers ahead (F072, F130). Who is being offered still counts, until they are answered.

        Of a request that waits in several groups: in the one where it is nearest to its turn.
        """
        board = self._hall.board(tenant)
        request = _waiting(board, command.request_id)
        return min(group.ahead(request.places[group.id]) for group in _groups(board, request))

    async def estimate(self, command: EstimateWait, tenant: str) -> WaitEstimate:
        """The shortest of the groups' estimates, with the error of that group's latest ones."""
        board = self._hall.board(tenant)
        need: Need = ()
        if command.request_id:
            request = _waiting(board, command.request_id)
            need = request.need
            options = [(group, group.ahead(request.places[group.id])) for group in _groups(board, request)]
        elif board.is_open(command.group_id):
            group = board.group(command.group_id)
            options = [(group, len(group.line))]
        else:
            raise Refusal(Reason.UNKNOWN_GROUP, f"no such group: '{command.group_id}'", "group_id")
        estimates = [(of_group(group, ahead, need), ahead, group) for group, ahead in options]
        known = [(value, ahead, group) for value, ahead, group in estimates if value is not None]
        best, ahead, group = min(known, key=lambda entry: entry[0]) if known else (None, *estimates[0][1:])
        error = group.pace.error_ms
        return WaitEstimate(ahead=ahead, estimate_ms=best, error_ms=None if error is None else round(error))

    async def waiting(self, _: ListWaiting, tenant: str) -> list[WaitingView]:
        """Everybody who waits, once each, in the order of service; callbacks between two attempts last."""
        board = self._hall.board(tenant)
        views: dict[str, tuple[Place, WaitingView]] = {}
        for group in board.groups.values():
            for ahead, place in enumerate(group.line):
                request = board.requests[place[-1]]
                if request.ending is not None or request.groups[0] != group.id:
                    continue
                views[request.id] = place, _view(request, ahead, of_group(group, ahead, request.need))
        inline = [view for _, view in sorted(views.values(), key=lambda entry: entry[0])]
        called_back = sorted(request_id for some in board.callbacks.values() for request_id in some)
        resting = [board.requests[request_id] for request_id in called_back if board.requests[request_id].resting]
        return inline + [_view(request, 0, None) for request in resting if request.ending is None]


def _view(request: Request, ahead: int, estimate_ms: int | None) -> WaitingView:
    callback = request.callback
    rests_until = callback.rests_until if callback is not None else None
    return WaitingView(
        request_id=request.id,
        call_id=request.call_id,
        group_id=request.groups[0],
        enqueued_at=request.enqueued_at.isoformat(timespec="milliseconds"),
        ahead=ahead,
        offered_to=request.offer.agent_id if request.offer else "",
        customer_type=request.customer_type,
        groups=request.groups,
        estimate_ms=estimate_ms,
        callback=callback.number if callback is not None else "",
        attempts=callback.attempts if callback is not None else 0,
        rests_until=rests_until.isoformat(timespec="milliseconds") if rests_until is not None else "",
    )


def _waiting(board: Board, request_id: str) -> Request:
    request = board.requests.get(request_id)
    if request is None or request.ending is not None or not request.places:
        raise Refusal(Reason.UNKNOWN_CALL, f"request {request_id} does not wait", "request_id")
    return request


def _groups(board: Board, request: Request) -> list[Group]:
    return [board.group(group_id) for group_id in request.places]
