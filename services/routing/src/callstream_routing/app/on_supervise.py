"""Supervisors' commands on waiting requests: checked, appended at the request's version, answered when stored (F211, F212)."""

import asyncio
from collections.abc import Callable

from callstream.contracts.commands import AssignAgent, StopRequest
from callstream.contracts.envelope import Event, NewEvent
from callstream.contracts.queue_events import AgentAssigned, RequestStopAsked
from callstream.kernel.clock import Clock
from callstream.kernel.errors import Refusal
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import Reason
from callstream.runtime.event_store import EventStore, StoreRefused, StoreUnavailable, VersionConflict
from callstream_routing.domain.board import Board
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.request import Request
from callstream_routing.domain.supervise import Action, check, check_able

TRIES = 10
PAUSE_S = 0.05
"""After a conflict: time for the event that was in the way to arrive."""

Decide = Callable[[Board], tuple[Request, Event]]


class Supervise:
    """Handlers: (command, tenant) → None. Each raises Refusal, having changed nothing."""

    def __init__(self, hall: Hall, store: EventStore, clock: Clock) -> None:
        self._hall, self._store, self._clock = hall, store, clock

    async def stop(self, command: StopRequest, tenant: str) -> None:
        """`stop-request`"""

        def decide(board: Board) -> tuple[Request, Event]:
            request = check(board, command.request_id, Action.STOP)
            return request, RequestStopAsked(call_id=request.call_id, actor=command.actor)

        await self._append(tenant, command.command_id, decide)

    async def assign(self, command: AssignAgent, tenant: str) -> None:
        """`assign`"""

        def decide(board: Board) -> tuple[Request, Event]:
            request = check(board, command.request_id, Action.ASSIGN)
            check_able(board, command.agent_id)
            return request, AgentAssigned(call_id=request.call_id, agent_id=command.agent_id, actor=command.actor)

        await self._append(tenant, command.command_id, decide)

    async def _append(self, tenant: str, command_id: str, decide: Decide) -> None:
        """Decided anew after each conflict: what was in the way may have made it impossible."""
        for _ in range(TRIES):
            request, fact = decide(self._hall.board(tenant))
            new = NewEvent(
                id=derived_id(command_id, request.id),
                tenant=tenant,
                aggregate_id=request.id,
                time=self._clock.now(),
                event=fact,
                correlation_id=request.call_id,
                causation_id=command_id,
            )
            try:
                await self._store.append("queue", request.id, tenant, (new,), request.version)
            except VersionConflict:
                await asyncio.sleep(PAUSE_S)
            except (StoreUnavailable, StoreRefused) as error:
                raise Refusal(Reason.UNAVAILABLE, f"the log did not take it: {error}", "request_id") from None
            else:
                return
        raise Refusal(Reason.CONFLICT, "the request changes faster than it can be acted on", "request_id")
