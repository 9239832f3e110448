"""Commands of agents and supervisors to a call that goes on; receiver: the media-gateway instance that holds it.

All are refused with `unknown-call`, and with `illegal-state` when what stands is not what the command needs (F035); which
command is possible when is one table of the gateway's, told by `call-view`. `agent_id` is the agent in whose service it
happens, `actor` the person. What is so already is accepted.
"""

import msgspec

from callstream.contracts.commands import Command, command
from callstream.contracts.config import Prompt
from callstream.contracts.roles import Role
from callstream.contracts.states import LegRole, Purpose, Supervision, Terminal


@command("media-gateway", "call-view")
class GetCallView(Command, frozen=True, kw_only=True):
    """What an agent can do now. Result: CallView."""

    call_id: str
    agent_id: str


class PartyView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One party of a call."""

    leg_id: str
    role: LegRole
    agent_id: str = ""
    number: str = ""
    answered: bool = False
    held: bool = False
    muted: bool = False


class CallView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call as one of its agents has it."""

    call_id: str
    situation: str
    """`ringing`, `dialling`, `talking`, `held`, `consulting`, `conference`, `survey`, …"""
    parties: tuple[PartyView, ...]
    controls: tuple[str, ...]
    """Names of the commands that would be accepted now."""
    recording_paused: bool = False


@command("media-gateway", "hold")
class Hold(Command, frozen=True, kw_only=True):
    """F013."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "retrieve")
class Retrieve(Command, frozen=True, kw_only=True):
    """F013."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "mute")
class Mute(Command, frozen=True, kw_only=True):
    """F014."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "unmute")
class Unmute(Command, frozen=True, kw_only=True):
    """F014."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "pause-recording")
class PauseRecording(Command, frozen=True, kw_only=True):
    """The recording holds silence until resumed, for card data. Of the agent who serves the customer; refused also with
    `illegal-state` when nothing is recorded."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "resume-recording")
class ResumeRecording(Command, frozen=True, kw_only=True):
    """The recording goes on. A recording that begins later, with another agent, is not paused."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "blind-transfer")
class BlindTransfer(Command, frozen=True, kw_only=True):
    """The customer goes to another agent, a skill group or an outside number; name one (F018-F020).

    An outside number that does not answer, or cannot be dialled, ends the call with the reason. Refused also with
    `unknown-agent`, `unknown-group`, `forbidden` (numbers that this agent may not have dialled).
    """

    call_id: str
    agent_id: str
    actor: str
    target_agent_id: str = ""
    group_id: str = ""
    number: str = ""
    role: Role = Role.AGENT
    """Of the actor: the dial guard may open destinations to it."""


@command("media-gateway", "consult")
class Consult(Command, frozen=True, kw_only=True):
    """Hold the customer and talk to another agent or an outside party; name one (F016, F017)."""

    call_id: str
    agent_id: str
    actor: str
    target_agent_id: str = ""
    number: str = ""
    role: Role = Role.AGENT
    """Of the actor: the dial guard may open destinations to it."""


@command("media-gateway", "complete-transfer")
class CompleteTransfer(Command, frozen=True, kw_only=True):
    """The consulted party takes the customer over (F016)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "cancel-consult")
class CancelConsult(Command, frozen=True, kw_only=True):
    """Back to the customer; the consulted party is hung up, or rings no more (F016)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "join")
class Join(Command, frozen=True, kw_only=True):
    """Customer, agent and consulted party talk together (F022)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "leave")
class Leave(Command, frozen=True, kw_only=True):
    """The agent leaves a talk of three; the others go on (F022)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "drop-party")
class DropParty(Command, frozen=True, kw_only=True):
    """Hang up the third party only (F021)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "agent-hang-up")
class HangUpAgent(Command, frozen=True, kw_only=True):
    """As by the agent's phone (F015): in plain talk the call is over, a consulted party takes over, others talk on."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "send-digits")
class SendDigits(Command, frozen=True, kw_only=True):
    """Keys to the customer's side, or to the outside party of a consultation (F030)."""

    call_id: str
    agent_id: str
    actor: str
    digits: str
    """0-9, *, #, A-D."""


@command("media-gateway", "play-to-customer")
class PlayToCustomer(Command, frozen=True, kw_only=True):
    """F024, F025, F217. Stopped by `stop-playback`."""

    call_id: str
    agent_id: str
    actor: str
    play_id: str
    prompts: tuple[Prompt, ...]


@command("media-gateway", "collect-digits")
class CollectDigits(Command, frozen=True, kw_only=True):
    """By a template of the tenant's (F026)."""

    call_id: str
    agent_id: str
    actor: str
    collection_id: str
    template_id: str


@command("media-gateway", "run-flow")
class RunFlow(Command, frozen=True, kw_only=True):
    """Send the customer into a published flow; at its end they are back (F027). Refused also with `unknown-flow`."""

    call_id: str
    agent_id: str
    actor: str
    flow_id: str
    flow_version: int


@command("media-gateway", "resume")
class ResumeCall(Command, frozen=True, kw_only=True):
    """Take the customer back out of the flow (F027)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "survey")
class StartSurvey(Command, frozen=True, kw_only=True):
    """End the agent's part and ask the customer for a rating (F028)."""

    call_id: str
    agent_id: str
    actor: str


@command("media-gateway", "dial")
class Dial(Command, frozen=True, kw_only=True):
    """Ring the agent's phone, then the number, and connect them (F137, F138, F141); scope `any`.

    agent-state has been asked to `seize` the agent for this call id first. Refused: `forbidden` (the destination, or the
    caller id), `no-trunk`, `agent-unreachable`, `at-capacity` (rate and concurrency limits).
    """

    tenant: str
    call_id: str
    agent_id: str
    actor: str
    number: str
    """As typed: brought to E.164 by the tenant's country."""
    caller_id: str = ""
    """Chosen by hand (F143); empty: by the tenant's policy (F144, F145)."""
    terminal: Terminal = Terminal.DESK_PHONE
    """Where the agent's own phone is, as `seize` told."""
    address: str = ""
    role: Role = Role.AGENT
    """Of the actor: the dial guard may open destinations to it."""


@command("media-gateway", "call-back")
class CallBack(Command, frozen=True, kw_only=True):
    """Begin the call of a callback; scope `any`. Nobody is rung yet: the agent is by the offer that has to follow soon, with this
    call id and offer id, the customer when the agent has answered. Result: the gateway that has it. Refused as `dial`, except for
    the agent's phone."""

    tenant: str
    call_id: str
    agent_id: str
    offer_id: str
    request_id: str
    callback_of: str
    """The call in which it was asked for."""
    number: str
    """E.164."""
    group_id: str
    """Its numbers are shown (F145); it has none: any."""


@command("media-gateway", "call-agent")
class CallAgent(Command, frozen=True, kw_only=True):
    """An internal call (F056); scope `any`. The caller's agent has been seized for this call id."""

    tenant: str
    call_id: str
    agent_id: str
    actor: str
    target_agent_id: str
    terminal: Terminal = Terminal.DESK_PHONE
    address: str = ""


@command("media-gateway", "supervise")
class Supervise(Command, frozen=True, kw_only=True):
    """Ring the supervisor's phone and let them hear the service (F215, F216).

    Again with another mode: changes it. Refused: `agent-unreachable`, `forbidden` (the number).
    """

    call_id: str
    agent_id: str
    """Whose service."""
    actor: str
    mode: Supervision = Supervision.LISTEN
    supervisor_agent_id: str = ""
    """Whose phone rings; or a number."""
    number: str = ""
    role: Role = Role.AGENT
    """Of the actor: the dial guard may open destinations to it."""


@command("media-gateway", "end-supervision")
class EndSupervision(Command, frozen=True, kw_only=True):
    """The supervisor's leg ends, nobody else's."""

    call_id: str
    agent_id: str
    actor: str


@command("agent-state", "seize")
class SeizeAgent(Command, frozen=True, kw_only=True):
    """Take an agent for a call that they begin themselves: busy from now on (F137; idle, busy-set, break).

    Result: Reservation. Unless the call's first event follows soon, the agent is given back. Refused: `illegal-state`,
    `not-signed-in`, `agent-unreachable`.
    """

    agent_id: str
    call_id: str
    purpose: Purpose
    actor: str
