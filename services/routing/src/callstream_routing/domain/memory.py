"""What the house remembers of callers: who answered them, who called them, and the place that they gave up."""

from collections import deque
from datetime import datetime, timedelta

import msgspec

from callstream.contracts.call_events import OUTBOUND_MEMORY
from callstream.kernel.recent import Recent
from callstream_routing.domain.request import Request

CALLERS = 200_000
OFFERS = 100
"""Of each agent."""


class GivenUp(msgspec.Struct, frozen=True):
    """A request that was given up, and the place that it had."""

    request_id: str
    enqueued_at: datetime
    at: datetime


class Served(msgspec.Struct, frozen=True):
    """What a served request leaves to those that transfers of its call make."""

    enqueued_at: datetime
    priority: int
    customer_type: str
    level: int


def served(request: Request) -> Served:
    """What later requests of the same call go on with."""
    return Served(request.enqueued_at, request.priority, request.customer_type, request.level)


class Memory:
    """Bounded: the callers of the longest ago are forgotten first. A withheld number is nobody's."""

    def __init__(self) -> None:
        self.answered: Recent[str, str] = Recent(CALLERS)
        """Caller → agent who answered last (F123)."""
        self.dialled: Recent[str, tuple[str, datetime]] = Recent(CALLERS)
        """Customer → (agent, when) of the last outbound call (F132)."""
        self.given_up: Recent[tuple[str, str], GivenUp] = Recent(CALLERS)
        """(group, caller) → the place that was given up."""

        self.offers: dict[str, deque[str]] = {}
        """Agent → calls that they were offered lately, for who asks why."""

    def note_offer(self, agent_id: str, call_id: str) -> None:
        """An agent was offered a call."""
        calls = self.offers.setdefault(agent_id, deque(maxlen=OFFERS))
        if call_id in calls:
            calls.remove(call_id)
        calls.append(call_id)

    def note_answer(self, caller: str, agent_id: str) -> None:
        """An agent answered a caller."""
        if caller:
            self.answered.put(caller, agent_id)

    def note_dialled(self, customer: str, agent_id: str, at: datetime) -> None:
        """An agent called a customer."""
        if customer:
            self.dialled.put(customer, (agent_id, at))

    def last_agent(self, caller: str) -> str:
        """Who answered this caller last, or empty."""
        return self.answered.get(caller) or ""

    def dialled_by(self, caller: str, now: datetime) -> str:
        """Who called this caller within the last three days, or empty."""
        found = self.dialled.get(caller)
        return found[0] if found is not None and now - found[1] <= OUTBOUND_MEMORY else ""

    def place_of(self, group_id: str, caller: str, within_s: int, now: datetime) -> GivenUp | None:
        """The place that the caller gave up in a group within the last `within_s` seconds."""
        found = self.given_up.get((group_id, caller)) if caller and within_s else None
        return found if found is not None and now - found.at <= timedelta(seconds=within_s) else None
