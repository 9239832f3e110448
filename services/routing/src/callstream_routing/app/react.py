"""The reaction: settles the requests that have changed, then matches what can be matched.

Runs after each batch, at deadlines and on request; only in the active instance and only when the state is up to date.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from callstream.contracts.envelope import NewEvent
from callstream.contracts.queue_events import ContactLeft, ContactQueued
from callstream.kernel.clock import Clock
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import RequestOutcome
from callstream.runtime.in_flight import InFlight
from callstream_routing import metrics
from callstream_routing.app.configure import Configure
from callstream_routing.app.offer import Offering
from callstream_routing.domain.board import Board
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import match
from callstream_routing.domain.request import Request
from callstream_routing.domain.settle import Step, settle
from callstream_routing.domain.supervise import assigned

LOOK_AGAIN = timedelta(milliseconds=250)
"""A request whose append is under way is looked at again, for the case that it fails."""


class Reaction:
    """`reaction()`."""

    def __init__(
        self,
        hall: Hall,
        in_flight: InFlight,
        offering: Offering,
        configure: Configure,
        clock: Clock,
        serves: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`serves`: whether this copy acts for a tenant now."""
        self._hall, self._in_flight, self._offering = hall, in_flight, offering
        self._configure, self._clock, self._serves = configure, clock, serves

    def __call__(self) -> None:
        """Look at everything that has changed, or whose moment has come."""
        self._configure.load_once()
        now = self._clock.now()
        self._hall.wake(now)
        for board in self._hall.take_touched(self._serves):
            for request in board.take_dirty():
                self._settle(board, request, now)
            for found in assigned(board, now):
                self._offering.start(found)
            for found in match(board, now):
                self._offering.start(found)

    def _settle(self, board: Board, request: Request, now: datetime) -> None:
        if request.held_until is not None:
            return
        step = settle(board, request, now)
        if step is None:
            return
        board.hold(request, now + LOOK_AGAIN)
        for event in step.events:
            if isinstance(event, ContactQueued) and event.refused is None and event.callback is None:
                board.admit(request, event.groups)
            elif isinstance(event, ContactLeft) and event.outcome is RequestOutcome.ANSWERED and event.estimate_ms is not None:
                metrics.estimate_error.observe(abs(event.waited_ms - event.estimate_ms) / 1000)
        if (board.tenant, "queue", request.id) not in self._in_flight:
            events = new_events(board.tenant, request, step, now)
            self._in_flight.append("queue", request.id, board.tenant, events, request.version)


def new_events(tenant: str, request: Request, step: Step, now: datetime) -> list[NewEvent]:
    """The events of a step. The same step taken again, after a crash or a lost answer, has the same ids."""
    return [
        NewEvent(
            id=derived_id(step.causation_id, request.id, event.NAME),
            tenant=tenant,
            aggregate_id=request.id,
            time=now,
            event=event,
            correlation_id=request.call_id,
            causation_id=step.causation_id,
        )
        for event in step.events
    ]
