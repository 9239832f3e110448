"""An agent as the log tells of them, and the facts of other aggregates that still wait for the agent's own event.

`state` changes only by the agent's own events. What call and queue events demand stands in `facts`, in log order, until an
event of the agent names the fact as its cause.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from callstream.contracts.states import AgentState, Channel, Presence, Terminal
from callstream_agent_state.domain.table import AT_CHOICE

COMMANDS_KEPT = 16
"""Commands per agent that are recognised when they come again."""

AUTO = "auto"
"""Break reason when the system set the break."""


class Cause(StrEnum):
    """Why a state changed: `AgentStateChanged.cause`."""

    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    CHOSEN = "chosen"
    RESERVED = "reserved"
    SEIZED = "seized"
    """For a call that the agent begins (F137)."""
    SEIZURE_EXPIRED = "seizure-expired"
    """That call never began."""
    DIALLED = "dialled"
    """The call began although the seizure was over."""
    NOT_REACHED = "not-reached"
    SUPERVISION_ENDED = "supervision-ended"
    RELEASED = "released"
    RESERVATION_EXPIRED = "reservation-expired"
    ANSWERED = "answered"
    RING_TIMEOUT = "ring-timeout"
    CALLER_LEFT = "caller-left"
    CALL_ENDED = "call-ended"
    WRAP_UP_ENDED = "wrap-up-ended"
    WRAP_UP_TIMER = "wrap-up-timer"
    FORCED = "forced"
    """By a supervisor or administrator."""
    SESSION_LOST = "session-lost"
    MEDIA_LEG_GONE = "media-leg-gone"
    """The gateway has no leg for the talk (domain/truth.py)."""
    MEDIA_OFFER_GONE = "media-offer-gone"
    """The gateway rings nobody for the offer."""
    MEDIA_IN_TALK = "media-in-talk"
    """The gateway holds the agent's answered leg."""


class FactKind(StrEnum):
    """What another aggregate's event means to an agent."""

    ANSWERED = "answered"
    OFFER_OVER = "offer-over"
    CALL_OVER = "call-over"
    SET_FREE = "set-free"
    """A call that the agent began is over and nobody was reached, or a supervision: no wrap-up follows."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a call or a queue that the agent has to follow."""

    kind: FactKind
    event_id: str
    at: datetime
    offer_id: str
    request_id: str
    call_id: str
    cause: str
    """What the agent's own event will give as its cause."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The next state, chosen during a call (F045)."""

    state: AgentState
    actor: str
    reason: str = ""
    forced: bool = False
    """The agent cannot replace it."""


class Agent(msgspec.Struct, kw_only=True):
    """One agent of one tenant. Changed by the evolve functions alone."""

    tenant: str
    id: str
    state: AgentState = AgentState.OFFLINE
    since: datetime | None = None
    reason: str = ""
    """Of a break."""
    before: AgentState = AgentState.IDLE
    """The last state at choice: where wrap-up leads back to (D3)."""
    before_reason: str = ""
    wish: Wish | None = None
    offer_id: str = ""
    """Of a call that the agent began: the call's id, which no offer has."""
    request_id: str = ""
    call_id: str = ""
    """The call that rings, is talked in or is wrapped up."""
    deadline: datetime | None = None
    """When the state ends by itself."""
    misses: int = 0
    """Ring timeouts in a row (D2)."""
    open_offer: str = ""
    """An offer that was made to the agent and is not over, as the queue's events tell."""
    open_call: str = ""
    version: int = 0
    """Log position of the agent's last event."""
    last_event_id: str = ""
    commands: list[str] = []
    """The newest commands that changed something."""
    facts: list[Fact] = []
    presence: Presence = Presence.OFFLINE
    presence_since: datetime | None = None
    session_id: str = ""
    """The one browser session, or empty: none is watched."""
    terminal: Terminal = Terminal.DESK_PHONE
    """Of the session."""
    extension: str = ""
    """SIP user of the workplace's desk phone, for as long as the agent is signed in (F062)."""
    ring_terminal: Terminal = Terminal.DESK_PHONE
    ring_address: str = ""
    """Where the newest reservation's offer goes."""
    gateway: str = ""
    """Holds the call of the newest offer."""
    contacts: dict[str, Channel] = {}
    """Open contacts of other channels than voice."""

    @property
    def key(self) -> tuple[str, str]:
        """(tenant, agent id)."""
        return self.tenant, self.id

    @property
    def signed_in(self) -> bool:
        """Whether the agent's session is on."""
        return self.state is not AgentState.OFFLINE

    @property
    def awaits_call(self) -> bool:
        """Seized for a call whose beginning the log has not told: the seizure ends by itself."""
        return self.state is AgentState.BUSY and self.deadline is not None and not self.offer_is_made

    @property
    def offer_is_made(self) -> bool:
        """Whether what the agent is reserved for, or the call that they begin, stands in the log: then it no longer expires."""
        return bool(self.offer_id) and self.open_offer == self.offer_id

    def outlook(self) -> tuple[AgentState, str]:
        """(state, offer id) once all waiting facts have been followed; any state at choice stands for all of them."""
        state, offer = self.state, self.offer_id
        for fact in self.facts:
            state, offer = _after(fact)
        return state, offer


def follows(fact: Fact, state: AgentState, offer_id: str) -> bool:
    """Whether `fact` concerns an agent in `state` with `offer_id`. What does not is late, doubled or another's: ignored."""
    if fact.kind is FactKind.ANSWERED:
        return state in AT_CHOICE or (state is AgentState.RINGING and offer_id == fact.offer_id)
    if fact.kind is FactKind.OFFER_OVER:
        return state is AgentState.RINGING and offer_id == fact.offer_id
    return state is AgentState.BUSY and offer_id == fact.offer_id


def still_valid(facts: list[Fact], state: AgentState, offer_id: str) -> list[Fact]:
    """The facts that an agent, now in `state`, still has to follow."""
    kept: list[Fact] = []
    for fact in facts:
        if follows(fact, state, offer_id):
            kept.append(fact)
            state, offer_id = _after(fact)
    return kept


def _after(fact: Fact) -> tuple[AgentState, str]:
    if fact.kind is FactKind.ANSWERED:
        return AgentState.BUSY, fact.offer_id
    if fact.kind is FactKind.CALL_OVER:
        return AgentState.WRAP_UP, fact.offer_id
    return AgentState.IDLE, ""  # or another state at choice, which stands for the same
