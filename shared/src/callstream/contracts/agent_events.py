"""Events of the aggregate `agent`, owned by agent-state. The aggregate id is the agent id."""

from datetime import datetime

from callstream.contracts.envelope import Event, event
from callstream.contracts.states import AgentState


@event("agent", "signed-in")
class AgentSignedIn(Event, frozen=True, kw_only=True):
    """The agent's session began (F001); a state change follows in the same append."""

    terminal: str
    actor: str


@event("agent", "signed-out")
class AgentSignedOut(Event, frozen=True, kw_only=True):
    """The agent's session ended; online time stops here (F043)."""

    actor: str


@event("agent", "state-changed")
class AgentStateChanged(Event, frozen=True, kw_only=True):
    """The one event that moves an agent between states; each has a cause and an actor."""

    state: AgentState
    previous: AgentState
    cause: str
    """`sign-in`, `chosen`, `reserved`, `answered`, `ring-timeout`, `caller-left`, `call-ended`, `wrap-up-timer`, …"""
    actor: str
    """The agent, a supervisor's user id, or `system`."""
    reason: str = ""
    """Break reason chosen from the tenant's list (F040), or `auto` when the system set the break."""
    call_id: str = ""
    offer_id: str = ""
    request_id: str = ""
    deadline: datetime | None = None
    """When the state ends by itself: reservation, wrap-up."""


@event("agent", "next-state-chosen")
class NextStateChosen(Event, frozen=True, kw_only=True):
    """A change asked for during a call, to be applied after it (F045); None takes the wish back."""

    state: AgentState | None
    actor: str
    reason: str = ""
