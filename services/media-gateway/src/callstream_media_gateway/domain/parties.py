"""What a call is made of: its parties' legs, the offers and requests behind them, and what the customer hears played.

Plain data: a call is kept as a note in a file, and read back by the next signalling process.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from callstream.contracts.config import CollectTemplate, Prompt, Survey
from callstream.contracts.states import LegRole, Purpose, Supervision
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.states import OFFER, OfferInput, OfferState


class LegStage(StrEnum):
    """The media side of a leg."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"


class Leg(Struct, omit_defaults=True):
    """One party's leg. `announced`: the log knows of it, so the log must be told of its end."""

    leg_id: str
    role: LegRole
    announced: bool
    agent_id: str = ""
    offer_id: str = ""
    number: str = ""
    """E.164 of a party behind a trunk."""
    purpose: Purpose | None = None
    """What it was rung for, where no offer stands behind it."""
    stage: LegStage = LegStage.OPENING
    invited_at: datetime | None = None
    """When its INVITE left, until the log is told of it."""
    rang: bool = False
    answered: bool = False
    """Its phone was picked up and that counts."""
    early: bool = False
    """Sends audio before its answer (RFC 3960)."""
    held: bool = False
    """Out of the talk (F013)."""
    muted: bool = False
    """Nobody hears it (F014)."""
    auto_answer: bool = False
    """The phone is asked to pick up by itself (F005)."""
    calls: bool = False
    """Its phone has called us: it is answered when whom it wants has answered, instead of being rung."""
    second: bool = False
    """A further leg of an agent who is in the call with another one: they consult on it, and the log does not hear of it."""
    holds: bool = False
    """Its phone has put us on hold by a key of its own."""
    refers: bool = False
    """Its phone has asked for a transfer by a key of its own, and waits to hear how that goes."""
    sounds_bad: bool = False
    """Its audio is lossy or late, and that was told."""
    tune: str = ""
    """Play id of the music or tone that it hears."""
    ending: Reason = Reason.NORMAL


def leg_of_offer(offer_id: str) -> str:
    """The id of the leg that rings an offer's agent."""
    return f"{offer_id}-leg"


class Offer(Struct, omit_defaults=True):
    """One offer to one agent, and its leg."""

    offer_id: str
    request_id: str
    agent_id: str
    leg_id: str
    connect_prompt: tuple[Prompt, ...]
    state: OfferState = OFFER.initial
    beep: bool = False
    """The agent is still to hear the short tone that comes before an automatic answer's talk (F005)."""

    def move(self, given: OfferInput) -> None:
        """Take a step of the table; raises IllegalTransition."""
        self.state = OFFER.next_state(self.state, given)

    def can(self, given: OfferInput) -> bool:
        """Whether the table has a row for it now."""
        return OFFER.allows(self.state, given)


class Wanted(Struct, omit_defaults=True):
    """A request for an agent that this gateway made, until it is answered or over."""

    request_id: str
    purpose: Purpose
    agent_id: str
    """Who asked, or served until then."""
    target_agent_id: str
    consult_id: str = ""
    """Of a consultation whose agent hung up while the target rang: what comes of it is a transfer."""


class Consult(Struct, omit_defaults=True):
    """A consultation. Its id is its request's, when an agent is asked."""

    consult_id: str
    agent_leg: str
    agent_id: str
    target_agent_id: str = ""
    number: str = ""
    target_leg: str = ""
    """Once there is one."""
    answered: bool = False
    own_leg: str = ""
    """The second leg of the agent, whose phone has called the target; empty: they consult on the leg that they have."""

    @property
    def side(self) -> str:
        """The leg on which the agent talks with the target."""
        return self.own_leg or self.agent_leg


class Watch(Struct, omit_defaults=True):
    """A supervisor's leg on an agent's service."""

    leg_id: str
    supervisor: str
    """User id."""
    agent_id: str
    agent_leg: str
    mode: Supervision
    started: bool = False


class Collection(Struct, omit_defaults=True):
    """Digits that the customer is asked for (F026)."""

    collection_id: str
    template: CollectTemplate
    agent_leg: str
    digits: str = ""


class FlowRun(Struct, omit_defaults=True):
    """The customer is in a flow (F027). Its id is that of ivr's session."""

    run_id: str
    agent_leg: str
    agent_id: str


class Rating(Struct, omit_defaults=True):
    """The customer is asked for a rating (F028). `thanked`: the answer is there, or nobody waits for it any more."""

    agent_id: str
    survey: Survey
    thanked: bool = False


class Menu(Struct, omit_defaults=True):
    """The feature menu of an agent on a plain phone (F029). `control`: what the number that is being keyed in is for."""

    leg_id: str
    play_id: str
    control: Control | None = None
    typed: str = ""


class Message(Struct, omit_defaults=True):
    """What the customer is to say after the beep (F205). `recording_id`: empty until the beep is over."""

    mailbox: str
    max_s: int
    silence_s: int
    recording_id: str = ""


class Playback(Struct, omit_defaults=True):
    """What the customer hears. `asked`: a command wants its end reported. `started`: it has gone to the media worker.
    `message`: nothing is played but a beep, and the customer speaks."""

    play_id: str
    prompts: tuple[Prompt, ...]
    repeat: int
    barge_in: bool
    asked: bool = True
    started: bool = False
    message: Message | None = None
