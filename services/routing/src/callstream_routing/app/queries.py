"""Answers about who waits."""

from callstream.contracts.commands import ListWaiting, QueuePosition, WaitingView
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_routing.domain.hall import Hall


class Queries:
    """Handlers: (command, tenant) → the result."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    async def queue_position(self, command: QueuePosition, tenant: str) -> int:
        """Callers ahead (F072, F130). Who is being offered still counts, until they are answered."""
        board = self._hall.board(tenant)
        request = board.requests.get(command.request_id)
        if request is None or request.ending is not None:
            raise Refusal(Reason.UNKNOWN_CALL, f"request {command.request_id} does not wait", "request_id")
        return board.group(request.group_id).ahead(request)

    async def waiting(self, _: ListWaiting, tenant: str) -> list[WaitingView]:
        """Everybody who waits, in the order of service."""
        board = self._hall.board(tenant)
        views = []
        for group in board.groups.values():
            for ahead, place in enumerate(group.line):
                request = board.requests[place[-1]]
                if request.ending is None:
                    view = WaitingView(
                        request_id=request.id,
                        call_id=request.call_id,
                        group_id=request.group_id,
                        enqueued_at=request.enqueued_at.isoformat(timespec="milliseconds"),
                        ahead=ahead,
                        offered_to=request.offer.agent_id if request.offer else "",
                    )
                    views.append((place, view))
        return [view for _, view in sorted(views, key=lambda entry: entry[0])]
