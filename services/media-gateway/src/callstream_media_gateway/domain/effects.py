"""What a call wants done. The app layer does it, in this order, and tells the outcome by further inputs."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from callstream.contracts.config import Prompt
from callstream.contracts.envelope import Event
from callstream_media_gateway.domain.controls import Control


class Effect(Struct, frozen=True):
    """Base of all effects."""


class Edge(Struct, frozen=True, order=True, array_like=True):
    """`listener` hears `source`; both are legs."""

    listener: str
    source: str


class Tune(StrEnum):
    """What the gateway plays of its own."""

    HOLD = "hold"
    """The tenant's hold music, until stopped (F013)."""
    RINGBACK = "ringback"
    """The callee's phone rings, until stopped."""
    BEEP = "beep"
    """Once, before a call that was answered automatically (F005)."""


class Append(Effect, frozen=True):
    """An event for the log. `key` makes its id unique within the call and the same at every repetition."""

    key: str
    fact: Event
    time: datetime
    cause: str


# SIP, customer's leg


class Ring(Effect, frozen=True):
    """180."""


class AnswerCaller(Effect, frozen=True):
    """200 with our SDP. Answered by CallerConfirmed, CallerCancelled or HungUp."""


class RefuseCaller(Effect, frozen=True):
    """A final answer other than 2xx."""

    sip_status: int


# SIP, the other parties' legs


class InvitePhone(Effect, frozen=True):
    """INVITE to the agent's registered phone, or to the leg's number. Answered by PhoneRings, PhoneAnswered, PhoneRefused."""

    leg_id: str
    agent_id: str


class HangUpLeg(Effect, frozen=True):
    """BYE on a confirmed leg of either side, CANCEL while a phone is only being rung. sip_status: the final answer to a phone
    that has called us and was not answered."""

    leg_id: str
    sip_status: int = 0


class RingPhone(Effect, frozen=True):
    """Tell a phone that has called us that whom it wants is rung. early: it hears us from now on (RFC 3960)."""

    leg_id: str
    early: bool = False


class AnswerPhone(Effect, frozen=True):
    """Answer a phone that has called us."""

    leg_id: str


class AnswerRefer(Effect, frozen=True):
    """Tell a phone how the transfer goes that it has asked for: the last word."""

    leg_id: str
    sip_status: int


# media


class OpenLeg(Effect, frozen=True):
    """Answered by LegOpened or LegFailed."""

    leg_id: str


class CloseLeg(Effect, frozen=True):
    """Always answered by LegClosed, within a bounded time."""

    leg_id: str


class WatchLeg(Effect, frozen=True):
    """From now on silence counts (Silent)."""

    leg_id: str


class StartPlay(Effect, frozen=True):
    """Replaces what plays to this party. Answered by PlayEnded. `leg_id`: empty for the customer."""

    play_id: str
    prompts: tuple[Prompt, ...]
    repeat: int
    barge_in: bool
    leg_id: str = ""


class StopPlay(Effect, frozen=True):
    """Needs no answer."""

    play_id: str


class StartTune(Effect, frozen=True):
    """Music or a tone to one party, instead of what it hears otherwise. Answered by PlayEnded."""

    leg_id: str
    play_id: str
    tune: Tune


class Mix(Effect, frozen=True):
    """Let some hear others, and some no longer, at one tick. A failure is told by MixFailed."""

    connect: tuple[Edge, ...]
    disconnect: tuple[Edge, ...]


class Record(Effect, frozen=True):
    """Left what the customer says, right what the customer hears, whoever says or plays it. Answered by RecordingSaved or
    RecordingLost after it was stopped or the legs are closed."""

    recording_id: str
    customer_leg: str
    quiet_s: int = 0
    """RecordingQuiet is told when the customer has said nothing for so many seconds; 0: never."""


class StopRecord(Effect, frozen=True):
    """The recording is complete although its call goes on."""

    recording_id: str


class PauseRecord(Effect, frozen=True):
    """Silence instead of what is said, or what is said again; times stay right. Needs no answer."""

    recording_id: str
    on: bool


class Salvage(Effect, frozen=True):
    """The worker is gone: make of the recording what lies on the disk. Answered like Record."""

    recording_id: str


# keys and secrets


class SendDigits(Effect, frozen=True):
    """Keys towards the leg's far end (F030). Needs no answer. digits: 0-9, *, #, A-D, at most 64."""

    leg_id: str
    digits: str


class MaskLeg(Effect, frozen=True):
    """While on, nobody hears the leg and no recording does, but its keys are told (F026). Needs no answer."""

    leg_id: str
    on: bool


# the world beside SIP and media


class StartTimer(Effect, frozen=True):
    """Begin to wait, anew if it runs already. Answered by TimeUp, unless it is stopped."""

    name: str
    after_s: float


class StopTimer(Effect, frozen=True):
    """Wait no longer. Needs no answer."""

    name: str


class Choose(Effect, frozen=True):
    """An agent has keyed in a number in the feature menu, for this command. It is carried out as if it had come from the
    agent's screen; a refusal is told by MenuRefused."""

    agent_id: str
    control: Control
    typed: str
