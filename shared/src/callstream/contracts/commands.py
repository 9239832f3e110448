"""Commands, version 1: requests that one service makes of another, each answered accepted or refused.

Every command is idempotent by its id: repeating it (because the answer was lost) gives the first answer again and does
nothing twice. Subject: `cmd.<service>.<scope>.<name>` (subjects.py).
"""

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, TypeVar

import msgspec

from callstream.contracts.config import Prompt
from callstream.contracts.ivr_events import TrailEntry
from callstream.contracts.states import AgentState, Channel, Direction, LegRole, Presence, Terminal
from callstream.kernel.outcomes import Party, Reason


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all commands."""

    SERVICE: ClassVar[str]
    NAME: ClassVar[str]
    command_id: str


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer. `reason`, `message` and `field` are set when refused; `result` is the command's own answer."""

    accepted: bool
    reason: Reason | None = None
    message: str = ""
    field: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


C = TypeVar("C", bound=type[Command])

COMMAND_TYPES: dict[tuple[str, str], type[Command]] = {}


def command(service: str, name: str) -> Callable[[C], C]:
    """Give a command its receiver and name, and enter it in the registry."""

    def enter(cls: C) -> C:
        cls.SERVICE, cls.NAME = service, name
        COMMAND_TYPES[service, name] = cls
        return cls

    return enter


# media-gateway; scope: the gateway instance that holds the call


@command("media-gateway", "answer-call")
class AnswerCall(Command, frozen=True, kw_only=True):
    """Answer the customer's leg. Refused: `unknown-call`. Accepted again when it is answered already."""

    call_id: str


@command("media-gateway", "play")
class PlayPrompts(Command, frozen=True, kw_only=True):
    """Play prompts to the customer; replaces what is playing. `call.playback-finished` with this play id follows once."""

    call_id: str
    play_id: str
    prompts: tuple[Prompt, ...]
    repeat: int = 1
    barge_in: bool = False
    """A key stops it (F076)."""


@command("media-gateway", "take-message")
class TakeMessage(Command, frozen=True, kw_only=True):
    """A beep, then record the customer (F205), until `#`, a silence, `max_s`, `stop-playback` or their hang-up.

    Replaces what is playing; `call.playback-finished` with this play id follows once. Refused: `illegal-state` while an agent
    serves them.
    """

    call_id: str
    play_id: str
    mailbox: str
    """`group:<id>` or `agent:<id>`."""
    max_s: int
    silence_s: int = 10


@command("media-gateway", "stop-playback")
class StopPlayback(Command, frozen=True, kw_only=True):
    """Stop a playback if it is still on."""

    call_id: str
    play_id: str


@command("media-gateway", "hang-up")
class HangUpCall(Command, frozen=True, kw_only=True):
    """End the whole call. Accepted also when it is over already."""

    call_id: str
    reason: Reason
    party: Party = Party.SYSTEM


@command("media-gateway", "tear-down")
class TearDown(Command, frozen=True, kw_only=True):
    """A supervisor ends an agent's service and with it the call (F213). Refused: `unknown-call`, `illegal-state`."""

    call_id: str
    agent_id: str
    """The agent who is in talk: another one's service is not ended by mistake."""
    actor: str


@command("media-gateway", "transfer")
class TransferCall(Command, frozen=True, kw_only=True):
    """A supervisor moves the customer to another agent (F214): the agent's leg ends, the customer hears `prompts`, a new
    request with the target goes through routing. Refused: `unknown-call`, `illegal-state`."""

    call_id: str
    agent_id: str
    target_agent_id: str
    actor: str
    prompts: tuple[Prompt, ...] = ()


@command("media-gateway", "drop-offer")
class DropOffer(Command, frozen=True, kw_only=True):
    """Stop ringing for an offer that nobody holds any more. Accepted when it is over or unknown; refused once it is answered."""

    call_id: str
    offer_id: str


@command("media-gateway", "legs")
class ListLegs(Command, frozen=True, kw_only=True):
    """What this gateway truly has now. Result: list of CallTruth."""


class LegTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A leg that the gateway holds."""

    leg_id: str
    role: LegRole
    agent_id: str = ""
    offer_id: str = ""
    answered: bool = False
    """Its phone was picked up, and the log has confirmed that this counts."""


class CallTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the gateway holds, or whose last events it still has to append."""

    tenant: str
    call_id: str
    over: bool = False
    legs: tuple[LegTruth, ...] = ()


# agent-state; scope: the tenant


@command("agent-state", "sign-in")
class SignIn(Command, frozen=True, kw_only=True):
    """Begin the agent's session; moves to the tenant's default state (F001, F044).

    Of an agent who is signed in: `session_id` takes over, and the session before is refused from then on.
    """

    agent_id: str
    actor: str
    terminal: str = ""
    """`browser`, `desk-phone`, `mobile`; empty: the agent's own."""
    session_id: str = ""
    """A browser session, which must be heard by `heartbeat`; empty: none is watched."""
    extension: str = ""
    """SIP user of the desk phone at this workplace (F062); empty: the agent's own. Refused with `conflict` while another agent
    has it."""


@command("agent-state", "sign-out")
class SignOut(Command, frozen=True, kw_only=True):
    """End the session; during a call it is kept as the next state (F043, F045)."""

    agent_id: str
    actor: str
    session_id: str = ""
    """The browser session that asks; refused with `session-taken-over` when it is not the agent's."""


@command("agent-state", "heartbeat")
class Heartbeat(Command, frozen=True, kw_only=True):
    """The browser session is alive. Result: AgentView. Refused: `not-signed-in`, `session-taken-over`."""

    agent_id: str
    session_id: str


@command("agent-state", "force-offline")
class ForceOffline(Command, frozen=True, kw_only=True):
    """An administrator ends the session; a call is not cut, the agent is offline after it (F164)."""

    agent_id: str
    actor: str


@command("agent-state", "set-state")
class SetState(Command, frozen=True, kw_only=True):
    """Choose idle, busy-set, or break with a reason of the tenant's list; queued during a call (F045)."""

    agent_id: str
    actor: str
    state: AgentState
    reason: str = ""
    session_id: str = ""
    forced: bool = False
    """By a supervisor: the agent cannot replace it while it waits for the end of a call."""


@command("agent-state", "end-wrap-up")
class EndWrapUp(Command, frozen=True, kw_only=True):
    """'Start answering': wrap-up ends at once (F051)."""

    agent_id: str
    actor: str
    session_id: str = ""


@command("agent-state", "reserve")
class ReserveAgent(Command, frozen=True, kw_only=True):
    """Reserve an idle agent for an offer (F048). Result: Reservation.

    Refused: `already-reserved`, `illegal-state` (not idle), `agent-unreachable` (session lost), `at-capacity` (F049).
    """

    agent_id: str
    offer_id: str
    request_id: str
    call_id: str
    channel: Channel = Channel.VOICE


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the offer is to go."""

    terminal: Terminal
    address: str = ""
    """E.164 of a mobile; the SIP user of a workplace's desk phone; empty: the agent's own phone."""


@command("agent-state", "release")
class ReleaseAgent(Command, frozen=True, kw_only=True):
    """Give back a reservation whose offer was never made, or the place of a contact of another channel that is over."""

    agent_id: str
    offer_id: str


@command("agent-state", "get")
class GetAgent(Command, frozen=True, kw_only=True):
    """The agent's present state. Result: AgentView."""

    agent_id: str


@command("agent-state", "list")
class ListAgents(Command, frozen=True, kw_only=True):
    """All agents of the tenant. Result: list of AgentView."""


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """What others may know of an agent now."""

    agent_id: str
    state: AgentState
    since: str
    reason: str = ""
    call_id: str = ""
    next_state: str = ""
    gateway: str = ""
    """The gateway that holds the call."""
    presence: Presence = Presence.OFFLINE
    terminal: str = ""
    extension: str = ""
    """SIP user of the workplace's desk phone that the agent answers on (F062)."""
    contacts: dict[str, int] = {}
    """Open contacts by channel, voice aside."""


# routing; scope: the tenant


@command("routing", "queue-position")
class QueuePosition(Command, frozen=True, kw_only=True):
    """Callers ahead of a waiting request (F072, F130). Result: int. Refused with `unknown-call` when it does not wait."""

    request_id: str


@command("routing", "waiting")
class ListWaiting(Command, frozen=True, kw_only=True):
    """All waiting requests of the tenant in their order. Result: list of WaitingView."""


@command("routing", "estimate-wait")
class EstimateWait(Command, frozen=True, kw_only=True):
    """How long a waiting request will probably wait on, or a new one in a group. Result: WaitEstimate.

    Name one of the two. Refused: `unknown-call`, `unknown-group`.
    """

    request_id: str = ""
    group_id: str = ""


class WaitEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate and how good estimates have been."""

    ahead: int
    estimate_ms: int | None
    """None: nobody is there, or nothing is known to tell it by."""
    error_ms: int | None = None
    """Mean distance of the group's latest estimates from the real waits."""


class WaitingView(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting request."""

    request_id: str
    call_id: str
    group_id: str
    enqueued_at: str
    ahead: int
    offered_to: str = ""
    customer_type: str = ""
    groups: tuple[str, ...] = ()
    estimate_ms: int | None = None
    callback: str = ""
    """The number to be called back; empty: the caller is on the line."""
    attempts: int = 0
    """Of a callback: attempts so far that count."""
    rests_until: str = ""
    """Of a callback: it stands in no line before this moment, after an attempt in vain."""


@command("routing", "stop-request")
class StopRequest(Command, frozen=True, kw_only=True):
    """A supervisor ends a waiting request; its caller is hung up (F211). Refused: `unknown-call`, `illegal-state`."""

    request_id: str
    actor: str


@command("routing", "assign")
class AssignAgent(Command, frozen=True, kw_only=True):
    """A supervisor has a waiting request offered to one agent at once (F212), whatever the rules say.

    Refused: `unknown-call`, `illegal-state` (offered already, or the agent is not able, with what keeps them).
    """

    request_id: str
    agent_id: str
    actor: str


ALL_TENANTS = "all"
"""Scope of commands to reporting, for its tables hold every tenant."""

# reporting; scope: `all`


@command("reporting", "rebuild")
class RebuildProjections(Command, frozen=True, kw_only=True):
    """Forget all projected rows and fold the log again from its beginning. Accepted as soon as the rows are gone."""


@command("reporting", "customer-of")
class CustomerOf(Command, frozen=True, kw_only=True):
    """The outside party of a call that an agent has part in, or had. Result: E.164, or as the trunk gave it; empty when withheld.

    Refused: `unknown-call`, also when the call is not the agent's; `invalid`: an internal call has none.
    """

    tenant: str
    call_id: str
    agent_id: str


@command("reporting", "call-data")
class GetCallData(Command, frozen=True, kw_only=True):
    """What goes along with a call, for whoever serves it next (F018). Result: CallData. Refused: `unknown-call`."""

    tenant: str
    call_id: str


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's turn with a call."""

    how: str
    """How it came about (segments.py)."""
    agent_id: str
    number: str
    """Of an outside party, which has no agent id."""
    group_id: str
    began_at: datetime
    ended_at: datetime | None


class CallData(msgspec.Struct, frozen=True, kw_only=True):
    """A call as an agent sees it from the ring on (F009-F012); the same for each who serves it."""

    call_id: str
    direction: Direction
    caller: str
    called: str
    region: str
    """Home of the caller, or empty."""
    arrived_at: datetime
    requested_at: datetime | None
    """When the caller asked for an agent first."""
    group_id: str
    flow_id: str
    trail: tuple[TrailEntry, ...]
    services: tuple[Served, ...]
    remark: str = ""
    """What those who served it have written (F190)."""
    callback_of: str = ""
    """The call in which somebody asked for this one, which calls them back: what went along with that one helps here too."""
