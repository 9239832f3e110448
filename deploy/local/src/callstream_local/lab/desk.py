"""The one place that knows routing's domain: its board is configured, told events, and asked to decide, all in process.

What a running routing appends comes back at once here: there is no log to wait for, and nothing is ever in flight.
"""

from collections.abc import Callable
from datetime import datetime

from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.queue_events import ContactLeft, ContactMoved, ContactQueued
from callstream_local.lab.policy import Policy
from callstream_routing.domain.board import DAY, Board
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match, match
from callstream_routing.domain.policy import (
    configure_agent,
    configure_customer,
    configure_group,
    configure_settings,
    configure_type,
)
from callstream_routing.domain.settle import settle

TENANT = "lab"


def opened(policy: Policy, tenant: str) -> Hall:
    """routing's state under `policy`, with nobody there yet."""
    hall = Hall()
    board = hall.board(tenant)
    configure_settings(board, policy.settings)
    for kind in policy.customer_types:
        configure_type(board, kind.id, kind)
    for customer in policy.customers:
        configure_customer(board, customer.key_id, customer)
    for group in policy.groups:
        configure_group(board, group.id, group)
    for agent in policy.agents:
        configure_agent(board, agent.id, agent)
    hall.touch(tenant)
    return hall


class Desk:
    """A routing in virtual time. `offer` is called for each match, `told` for each event that routing itself appends."""

    def __init__(self, policy: Policy, offer: Callable[[Match], None], told: Callable[[str, Event], None]) -> None:
        self.now = datetime.min
        self.log: list[Recorded] | None = None
        """Set to a list, it takes all events."""
        self._hall = opened(policy, TENANT)
        self._offer, self._told = offer, told
        self._seq = 0

    def tell(self, aggregate_id: str, event: Event) -> None:
        """An event enters the log."""
        self._seq += 1
        recorded = Recorded(
            seq=self._seq,
            id=f"e{self._seq}",
            tenant=TENANT,
            aggregate=event.AGGREGATE,
            aggregate_id=aggregate_id,
            time=self.now,
            event=event,
        )
        self._hall.evolve(recorded)
        if self.log is not None:
            self.log.append(recorded)

    def react(self) -> None:
        """Everything that routing does now, until nothing is left to do."""
        hall, now = self._hall, self.now
        hall.wake(now)
        while boards := hall.take_touched():
            for board in boards:
                for request in board.take_dirty():
                    if request.held_until is not None:
                        continue
                    step = settle(board, request, now)
                    for event in step.events if step is not None else ():
                        self.tell(request.id, event)
                        self._told(request.id, event)
                for found in list(match(board, now)):
                    self._offer(found)

    def next_due(self) -> datetime | None:
        """When routing wants to look again at a request or an agent, or earlier; None: never, unless something happens."""
        timers = self._hall.timers
        only_the_day = len(timers) == 1 and timers.due_of((TENANT, DAY, "")) is not None
        return None if only_the_day else timers.next_due()


def own_terms(board: Board, request_id: str, now: datetime) -> ContactQueued | None:
    """On what terms this board's policy would queue a request that is not queued yet."""
    request = board.requests.get(request_id)
    step = settle(board, request, now) if request is not None and not request.queued else None
    found = step.events[0] if step is not None else None
    return found if isinstance(found, ContactQueued) else None


def moves_and_refusals(board: Board, now: datetime) -> list[tuple[str, ContactMoved | ContactLeft]]:
    """What this board's policy would do to those who wait: on to other groups, or away."""
    found: list[tuple[str, ContactMoved | ContactLeft]] = []
    for request in board.take_dirty():
        waits = request.queued and request.ending is None and request.offer is None and request.held_until is None
        step = settle(board, request, now) if waits else None
        found += [
            (request.id, event)
            for event in (step.events if step is not None else ())
            if isinstance(event, ContactMoved | ContactLeft)
        ]
    return found
