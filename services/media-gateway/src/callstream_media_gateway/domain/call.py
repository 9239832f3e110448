"""One call: its legs, offers and playback, and the moves that several inputs share. `decide.py` is the way in.

Pure: time is an argument, ids derive from the call's own. Each step leaves its effects in order.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callstream.contracts.call_events import CallArrived, CallEnded, LegEnded, PlaybackFinished
from callstream.contracts.config import Prompt
from callstream.contracts.envelope import Event
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.inputs import LegFigures
from callstream_media_gateway.domain.keys import KeyFilter
from callstream_media_gateway.domain.sip_status import status_of
from callstream_media_gateway.domain.states import CUSTOMER, OFFER, CustomerInput, CustomerState, OfferInput, OfferState

C = CustomerState
BEFORE_ANSWER = frozenset({C.PREPARING, C.ANSWER_WANTED, C.RINGING})
OVER = frozenset({C.ENDING, C.ENDED})


class LegStage(StrEnum):
    """The media side of a leg."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"


@dataclass(slots=True)
class Leg:
    """One party's leg. `announced`: the log knows of it, so the log must be told of its end."""

    leg_id: str
    role: LegRole
    announced: bool
    agent_id: str = ""
    offer_id: str = ""
    stage: LegStage = LegStage.OPENING
    ending: Reason = Reason.NORMAL


@dataclass(slots=True)
class Offer:
    """One offer to one agent, and its leg."""

    offer_id: str
    request_id: str
    agent_id: str
    leg_id: str
    connect_prompt: tuple[Prompt, ...]
    state: OfferState = OFFER.initial

    def move(self, given: OfferInput) -> None:
        """Take a step of the table; raises IllegalTransition."""
        self.state = OFFER.next_state(self.state, given)

    def can(self, given: OfferInput) -> bool:
        """Whether the table has a row for it now."""
        return OFFER.allows(self.state, given)


@dataclass(slots=True)
class Playback:
    """What the customer hears. `asked`: a command wants its end reported. `started`: it has gone to the media worker."""

    play_id: str
    prompts: tuple[Prompt, ...]
    repeat: int
    barge_in: bool
    asked: bool = True
    started: bool = False


@dataclass(slots=True)
class Call:
    """A call of this gateway from its INVITE to the last word about its recording."""

    call_id: str
    tenant: str
    arrived: CallArrived
    customer: CustomerState = CUSTOMER.initial
    stored: bool = False
    """`call.arrived` stands in the log."""
    muted: bool = False
    """Somebody else ended the call in the log: nothing more is appended."""
    legs: dict[str, Leg] = field(default_factory=dict)
    """Legs whose end has not been told yet."""
    offers: dict[str, Offer] = field(default_factory=dict)
    """Offers that are not over."""
    play: Playback | None = None
    known_plays: set[str] = field(default_factory=set)
    interrupted: str = ""
    """The playback that the key now held down has interrupted: RFC 4733 tells the key at its end."""
    keys: KeyFilter = field(default_factory=KeyFilter)
    recordings: set[str] = field(default_factory=set)
    """Recordings whose outcome is open."""
    recording_count: int = 0
    transfer_count: int = 0
    transfer_request: str = ""
    """The request that this gateway made for a transferred customer, until it is answered or over."""
    ended: CallEnded | None = None
    """How it ends, once that is decided."""
    now: datetime = datetime.min
    cause: str = ""
    effects: list[do.Effect] = field(default_factory=list)
    event_count: int = 0

    @property
    def finished(self) -> bool:
        """Nothing more will come: the call may be forgotten."""
        return self.customer is C.ENDED and not self.recordings

    @property
    def customer_leg(self) -> str:
        """The customer's leg id."""
        return self.arrived.leg_id

    def append(self, fact: Event, key: str = "") -> None:
        """An event for the log, in order."""
        if self.muted:
            return
        if not key:
            self.event_count += 1
            key = str(self.event_count)
        self.effects.append(do.Append(key, fact, self.now, self.cause))

    def move(self, given: CustomerInput) -> None:
        """Move the customer's leg; raises IllegalTransition."""
        self.customer = CUSTOMER.next_state(self.customer, given)

    def start_play(self, playback: Playback) -> None:
        """Replace what plays; held back until the customer has answered."""
        self.finish_play("stopped", replaced=True)
        self.play = playback
        if self.customer not in (C.ANSWER_WANTED, C.ANSWERING):
            self.release_play()

    def release_play(self) -> None:
        """Start the playback that waits for the answer, if one does."""
        play = self.play
        if play is not None and not play.started:
            play.started = True
            self.effects.append(do.StartPlay(play.play_id, play.prompts, play.repeat, play.barge_in))

    def finish_play(self, how: str, message: str = "", *, replaced: bool = False) -> None:
        """End the running playback, if any, and report it once. The worker's own report about it then comes too late."""
        play, self.play = self.play, None
        if play is None:
            return
        if how == "interrupted":
            self.interrupted = play.play_id if play.asked else ""
        if play.started and not replaced and how == "stopped":
            self.effects.append(do.StopPlay(play.play_id))
        if play.asked:
            self.append(PlaybackFinished(play_id=play.play_id, how=how, message=message))

    @property
    def recording_id(self) -> str:
        """The newest recording."""
        return f"{self.call_id}-r{self.recording_count}"

    def close_leg(self, leg_id: str, reason: Reason) -> None:
        """Give up the media of a leg; its end is told when the worker's figures are there."""
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is not LegStage.CLOSING:
            leg.stage, leg.ending = LegStage.CLOSING, reason
            self.effects.append(do.CloseLeg(leg_id))

    def leg_closed(self, leg_id: str, figures: LegFigures) -> None:
        """Tell the leg's end, and the call's after its last leg."""
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            return
        if leg.announced:
            self.append(
                LegEnded(
                    leg_id=leg_id,
                    role=leg.role,
                    reason=leg.ending,
                    agent_id=leg.agent_id,
                    offer_id=leg.offer_id,
                    packets_received=figures.packets_received,
                    packets_lost=figures.packets_lost,
                    jitter_ms=round(figures.jitter_ms, 2),
                )
            )
        if self.ended is not None and not self.legs:
            self.move(CustomerInput.CLOSED)
            self.append(self.ended)

    def drop_offer(self, offer: Offer, reason: Reason, *, peer_gone: bool = False) -> None:
        """End the agent's side of an offer, whatever its phone is doing. The caller has moved the offer's state."""
        del self.offers[offer.offer_id]
        leg = self.legs.get(offer.leg_id)
        if leg is not None and leg.stage is LegStage.OPEN and not peer_gone:
            self.effects.append(do.HangUpLeg(offer.leg_id))
        self.close_leg(offer.leg_id, reason)

    def end(self, reason: Reason, party: Party, *, gone: str = "", sip_status: int = 0) -> None:
        """End everything. `gone`: the leg whose peer has left already. `sip_status`: the refusal that the caller got."""
        if self.customer in OVER:
            return
        before_answer = self.customer in BEFORE_ANSWER
        self.move(CustomerInput.END)
        self.finish_play("stopped")
        if gone == self.customer_leg:
            pass
        elif before_answer:
            sip_status = sip_status or status_of(reason)
            self.effects.append(do.RefuseCaller(sip_status))
        else:
            self.effects.append(do.HangUpLeg(self.customer_leg))
        for offer in list(self.offers.values()):
            offer.move(OfferInput.END)
            self.drop_offer(offer, reason, peer_gone=offer.leg_id == gone)
        self.ended = CallEnded(reason=reason, party=party, sip_status=sip_status)
        for leg_id in list(self.legs):
            self.close_leg(leg_id, reason)
