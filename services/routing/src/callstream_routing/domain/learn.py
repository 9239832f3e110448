"""What the end of a request teaches."""

from callstream.contracts.envelope import Recorded
from callstream.contracts.queue_events import ContactLeft
from callstream.kernel.outcomes import RequestOutcome
from callstream_routing.domain.board import Board
from callstream_routing.domain.memory import GivenUp
from callstream_routing.domain.request import Request


def learn(board: Board, recorded: Recorded, event: ContactLeft, request: Request) -> None:
    """Service level, estimates, and the place that a caller gave up. Nobody has waited on the line for a callback."""
    if request.callback is not None:
        return
    answered, abandoned = event.outcome is RequestOutcome.ANSWERED, event.outcome is RequestOutcome.ABANDONED
    if not request.groups or (not answered and not abandoned):
        return
    group = board.group(request.offer.group_id if answered and request.offer is not None else request.groups[0])
    group.target.note(event.waited_ms, answered=answered)
    if answered and request.estimate_ms is not None:
        group.pace.waited(event.waited_ms, request.estimate_ms)
    if abandoned and request.caller:
        gone = GivenUp(request.id, request.enqueued_at, recorded.time)
        for group_id in request.groups:
            board.memory.given_up.put((group_id, request.caller), gone)
