"""An agent as routing sees them: what the agent's events tell, which groups they serve, what keeps them from an offer."""

from datetime import datetime

import msgspec

from callstream.contracts.queue_events import Candidate
from callstream.contracts.states import AgentState

FREE = ""
OFFER_OPEN, IN_FLIGHT, COOL_DOWN = "offer-open", "in-flight", "cool-down"
NORMAL_PRIORITY = 3
ALL_ANSWERED = 1000
"""Answer rate in per mille of who has had no offer today."""

Need = tuple[tuple[str, int], ...]
"""Skills with their least levels, sorted: requests with the same need share a desk."""


def need_of(skills: dict[str, int]) -> Need:
    """The need of a request's skills."""
    return tuple(sorted(skills.items()))


def stamp(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


class Seat(msgspec.Struct, kw_only=True):
    """One agent."""

    id: str
    state: AgentState = AgentState.OFFLINE
    since: datetime | None = None
    """When the state began; in *idle* the time that longest-idle counts from, whatever group the agent worked for (F119)."""
    since_ms: int = 0
    offer_id: str = ""
    """The offer that the agent rings for or talks in."""
    version: int = 0
    """Log position of the last change of state."""
    last_event_id: str = ""
    away: str = ""
    """The presence of an agent whose session is not heard, when no offer can reach them."""
    open_request: str = ""
    """The request whose open offer is with this agent."""
    cool_until: datetime | None = None
    """No offer before this moment: the phone could not be rung just now."""
    held_until: datetime | None = None
    """A reservation is under way; ends with the agent's next event, at the latest at this moment."""
    day: int = 0
    """The day that `answered` and `offered` count, in the tenant's time zone (D6)."""
    answered: int = 0
    offered: int = 0
    serving: str = ""
    """Group of the request that the agent answered last."""
    busy_since: datetime | None = None
    """When the present contact began, wrap-up included."""
    # What the configuration says, and the label that follows from all; not a part of what is kept.
    groups: tuple[str, ...] = ()
    priorities: dict[str, int] = {}
    level: int = 0
    skills: dict[str, int] = {}
    label: str = FREE
    """What keeps the agent from an offer, or FREE: the bucket of the pools that the agent stands in."""

    def why_not(self) -> str:
        """What keeps the agent from an offer now, or FREE."""
        if self.state is not AgentState.IDLE:
            return f"state:{self.state.value}"
        if self.away:
            return f"presence:{self.away}"
        if self.open_request:
            return OFFER_OPEN
        if self.held_until is not None:
            return IN_FLIGHT
        if self.cool_until is not None:
            return COOL_DOWN
        return FREE

    def named(self) -> Candidate:
        """How decision records name the agent while they are not free; one for all groups."""
        return Candidate(agent_id=self.id, why_not=self.label)

    def rings_for(self, offer_id: str) -> bool:
        """Whether the agent is reserved for this offer."""
        return self.state is AgentState.RINGING and self.offer_id == offer_id

    def lacks(self, need: Need) -> str:
        """The first skill that the agent does not have at its level, or empty."""
        for skill, level in need:
            if self.skills.get(skill, 0) < level:
                return skill
        return ""

    def count(self, day: int, *, offered: int = 0, answered: int = 0) -> None:
        """Count an offer or an answer of that day."""
        if day != self.day:
            self.day, self.offered, self.answered = day, 0, 0
        self.offered += offered
        self.answered += answered

    def calls(self, day: int) -> int:
        """Calls answered on that day (F120)."""
        return self.answered if day == self.day else 0

    def answer_rate(self, day: int) -> int:
        """Offers answered on that day, in per mille (F135)."""
        return self.answered * 1000 // self.offered if day == self.day and self.offered else ALL_ANSWERED
