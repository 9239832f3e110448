"""One request for an agent, as the log tells of it, with its open offer."""

from datetime import datetime

import msgspec

from callstream.contracts.config import Prompt
from callstream.kernel.outcomes import Reason, RequestOutcome

Place = tuple[int, datetime, int, str]
"""Sorts the requests of a line: greater priority, longer wait (F125), log position, id. A requeue never changes it (D9)."""


class Offer(msgspec.Struct, kw_only=True):
    """The one open offer of a request."""

    id: str
    agent_id: str
    made_at: datetime
    deadline: datetime
    event_id: str
    failed: Reason | None = None
    """Why the agent's phone could not be rung or said no."""
    failed_by: str = ""
    """Id of the event that said so."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """The fact that ended the request, the first one in the log; `queue.left` follows from it."""

    outcome: RequestOutcome
    reason: Reason
    at: datetime
    event_id: str


class Request(msgspec.Struct, kw_only=True):
    """A request from `ivr.agent-requested` until its `queue.left`."""

    id: str
    call_id: str
    group_id: str
    priority: int
    enqueued_at: datetime
    """When the agent was requested (tR)."""
    gateway: str
    customer_leg_id: str
    connect_prompt: tuple[Prompt, ...]
    requested_seq: int
    """Log position of the event that brought it."""
    requested_by: str
    """Id of the event that brought it."""
    queued: bool = False
    """`queue.queued` stands in the log."""
    version: int = 0
    """Log position of the request's last own event."""
    last_event_id: str = ""
    offer: Offer | None = None
    offered: set[str] = set()
    """Agents that it has been offered to (F131)."""
    ending: Ending | None = None
    held_until: datetime | None = None
    """A decision about it is under way; no other is taken before this moment or its next event."""

    @property
    def place(self) -> Place:
        """Where it stands in its group's line."""
        return -self.priority, self.enqueued_at, self.requested_seq, self.id

    @property
    def ready(self) -> bool:
        """Whether it can be offered now."""
        return self.queued and self.offer is None and self.ending is None and self.held_until is None
