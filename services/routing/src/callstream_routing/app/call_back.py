"""Has a gateway begin the call of a callback, before its agent is offered it; nobody rings until then.

What if we die in between: the gateway ends a call whose offer does not come, the reservation expires, and the request waits on. A
gateway whose answer was lost does the same, so the next attempt is free to begin another call.
"""

import msgspec
import structlog

from callstream.contracts.call_commands import CallBack
from callstream.contracts.envelope import NewEvent
from callstream.contracts.subjects import ANY
from callstream.kernel.clock import Clock
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import Reason
from callstream.runtime.event_store import EventStore, StoreRefused, StoreUnavailable, VersionConflict
from callstream_routing.app.asking import Asking
from callstream_routing.domain.callback_due import attempt_over
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match
from callstream_routing.domain.request import Callback, Request

BEGIN_S = 1.0
AWAY = frozenset({Reason.UNAVAILABLE, Reason.DRAINING, Reason.INTERNAL, Reason.CONFLICT})
"""No gateway could look at it: that is no attempt, and whoever waits on the line goes on being served meanwhile."""

log = structlog.get_logger(__name__)


class CallBackBegin:
    """`await begin(...)` gives the gateway that has the call, or what kept it."""

    def __init__(self, hall: Hall, store: EventStore, asking: Asking, clock: Clock) -> None:
        self._hall, self._store, self._asking, self._clock = hall, store, asking, clock

    async def begin(self, found: Match, request: Request, callback: Callback) -> str | Reason:
        """The gateway's name; or the reason, after which the agent is to be given back."""
        command = CallBack(
            command_id=derived_id("begin", found.offer_id),
            tenant=found.tenant,
            call_id=found.call_id,
            agent_id=found.agent_id,
            offer_id=found.offer_id,
            request_id=request.id,
            callback_of=request.call_id,
            number=callback.number,
            group_id=found.decision.group_id,
        )
        reply = await self._asking.send(command, ANY, timeout_s=BEGIN_S, retries=0, call_id=found.call_id)
        if reply.accepted:
            return msgspec.json.decode(reply.result, type=str)
        log.warning("callback not begun", request_id=request.id, reason=str(reply.reason), message=reply.message)
        return reply.reason or Reason.INTERNAL

    async def give_up(self, found: Match, request: Request, callback: Callback, reason: Reason) -> None:
        """Tell of an attempt that no gateway would make. A conflict: something else has happened to the request."""
        now, board = self._clock.now(), self._hall.board(found.tenant)
        new = NewEvent(
            id=derived_id("callback-tried", found.offer_id),
            tenant=found.tenant,
            aggregate_id=request.id,
            time=now,
            event=attempt_over(board, request, callback, reason, now, found.agent_id, ""),
            correlation_id=request.call_id,
            causation_id=request.last_event_id,
        )
        try:
            await self._store.append("queue", request.id, found.tenant, (new,), found.version)
        except (StoreUnavailable, StoreRefused, VersionConflict) as error:
            log.warning("callback's attempt not told", request_id=request.id, error=str(error))
