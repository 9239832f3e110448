"""An agent as routing sees them: what the agent's events tell, which groups they serve, what keeps them from an offer."""

from datetime import datetime

import msgspec

from callstream.contracts.states import AgentState

FREE = ""
OFFER_OPEN, IN_FLIGHT, COOL_DOWN = "offer-open", "in-flight", "cool-down"


class Seat(msgspec.Struct, kw_only=True):
    """One agent."""

    id: str
    state: AgentState = AgentState.OFFLINE
    since: datetime | None = None
    """When the state began; in *idle* the time that longest-idle counts from (F119)."""
    offer_id: str = ""
    """The offer that the agent rings for or talks in."""
    version: int = 0
    """Log position of the last change of state."""
    last_event_id: str = ""
    groups: tuple[str, ...] = ()
    open_request: str = ""
    """The request whose open offer is with this agent."""
    cool_until: datetime | None = None
    """No offer before this moment: the phone could not be rung just now."""
    held_until: datetime | None = None
    """A reservation is under way; ends with the agent's next event, at the latest at this moment."""
    label: str = FREE
    """What keeps the agent from an offer, or FREE: the bucket of the pools that the agent stands in."""

    def why_not(self) -> str:
        """What keeps the agent from an offer now, or FREE."""
        if self.state is not AgentState.IDLE:
            return f"state:{self.state.value}"
        if self.open_request:
            return OFFER_OPEN
        if self.held_until is not None:
            return IN_FLIGHT
        if self.cool_until is not None:
            return COOL_DOWN
        return FREE

    def rings_for(self, offer_id: str) -> bool:
        """Whether the agent is reserved for this offer."""
        return self.state is AgentState.RINGING and self.offer_id == offer_id

    @property
    def rank(self) -> tuple[datetime, str]:
        """Sorts free agents by the longest-idle rule; only for an agent with a state of their own."""
        assert self.since is not None  # noqa: S101  (an idle agent has become idle at some time)
        return self.since, self.id
