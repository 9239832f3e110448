"""Events of the aggregate `agent`, owned by agent-state. The aggregate id is the agent id."""

from datetime import datetime

from callstream.contracts.envelope import Event, event
from callstream.contracts.states import AgentState, Channel, Presence


@event("agent", "signed-in")
class AgentSignedIn(Event, frozen=True, kw_only=True):
    """The agent's session began (F001); a state change follows in the same append."""

    terminal: str
    actor: str
    session_id: str = ""
    """The browser session that must be heard from now on, or empty: nothing to be lost."""
    extension: str = ""
    """SIP user of the workplace's desk phone that the agent answers on until they sign out (F062)."""


@event("agent", "session-taken")
class AgentSessionTaken(Event, frozen=True, kw_only=True):
    """Another session of the same agent took over; commands of the one before are refused from here on."""

    session_id: str
    previous: str
    terminal: str
    actor: str
    extension: str = ""


@event("agent", "presence-changed")
class AgentPresenceChanged(Event, frozen=True, kw_only=True):
    """Whether the agent can be reached has changed; what they do has not."""

    presence: Presence
    cause: str
    """`session-silent`, `session-heard`, `session-lost`."""
    session_id: str
    reachable: bool
    """Offers may still be made: the agent answers on a terminal that needs no session."""


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
    terminal: str = ""
    """Where the offer goes that the agent was reserved for."""
    address: str = ""
    """Its number, when the terminal is a mobile."""


@event("agent", "next-state-chosen")
class NextStateChosen(Event, frozen=True, kw_only=True):
    """A change asked for during a call, to be applied after it (F045); None takes the wish back."""

    state: AgentState | None
    actor: str
    reason: str = ""
    forced: bool = False
    """By a supervisor or administrator: the agent cannot choose another (F164)."""


@event("agent", "contact-assigned")
class AgentContactAssigned(Event, frozen=True, kw_only=True):
    """A contact of another channel than voice takes one of the agent's places (F049)."""

    channel: Channel
    contact_id: str
    open: int
    """Contacts of this channel that the agent has now, this one included."""
    limit: int


@event("agent", "contact-released")
class AgentContactReleased(Event, frozen=True, kw_only=True):
    """The contact is over: its place is free again."""

    channel: Channel
    contact_id: str
    open: int


@event("agent", "offer-forgotten")
class AgentOfferForgotten(Event, frozen=True, kw_only=True):
    """An offer that the log held open for the agent is nowhere rung: it keeps them from no other offer any more."""

    offer_id: str
    cause: str
