"""The frame of every service: connection, command handlers, health, metrics, start and drain.

async def wire(service: Service) -> None:
    state = State()
    in_flight = service.in_flight()
    lease = service.lease("routing")
    follower = service.follow([events_of("queue")], state.evolve, react=..., next_due=state.timers.next_due,
                              in_flight=in_flight, active=lease.held)
    service.on_command(QueuePosition, handle_queue_position)

def main() -> None:
    run("routing", wire)
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from callstream.contracts.commands import Command

C = TypeVar("C", bound=Command)
Handler = Callable[[C, str], Awaitable[Any]]
"""(command, scope) → the result: None, a Reply, or anything that msgspec encodes. Raise kernel.errors.Refusal to refuse."""
