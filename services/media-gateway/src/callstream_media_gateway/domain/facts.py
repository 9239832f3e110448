"""What is known of a call. Plain data throughout: it is kept as a note in a file, and read back by the next signalling process.

A Struct that leaves out what is as at the beginning: it is written after each step of each call.
"""

from datetime import datetime

from msgspec import Struct, field

from callstream.contracts.call_events import CallArrived, CallDialled, CallEnded, LegEnded, PlaybackFinished
from callstream.contracts.states import Purpose
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.keys import KeyFilter
from callstream_media_gateway.domain.parties import (
    Collection,
    Consult,
    FlowRun,
    Leg,
    Menu,
    Offer,
    Playback,
    Rating,
    Wanted,
    Watch,
)
from callstream_media_gateway.domain.states import CUSTOMER, CustomerState

C = CustomerState
BEFORE_ANSWER = frozenset({C.PREPARING, C.ANSWER_WANTED, C.RINGING})
OVER = frozenset({C.ENDING, C.ENDED})


def ring_timer(leg_id: str) -> str:
    """Name of the timer of a leg that no offer stands behind."""
    return f"ring:{leg_id}"


MESSAGE_TIMER = "message"
"""Name of the timer of a message that is being taken."""


def menu_timer(leg_id: str) -> str:
    """Name of the timer of an open feature menu."""
    return f"menu:{leg_id}"


class CallFacts(Struct, omit_defaults=True):
    """A call of this gateway from its beginning to the last word about its recording. It was brought by a trunk (`arrived`)
    or begun by an agent (`dialled`)."""

    call_id: str
    tenant: str
    arrived: CallArrived | None = None
    dialled: CallDialled | None = None
    customer: CustomerState = CUSTOMER.initial
    hops: int = 70
    """Max-Forwards of INVITEs that go on from this call (RFC 3261 16.6), so that what comes back to us ends some day."""
    stored: bool = False
    """The call's first event stands in the log."""
    superseded: bool = False
    """Somebody else ended the call in the log: nothing more is appended."""
    legs: dict[str, Leg] = field(default_factory=dict)
    """Legs whose end has not been told yet."""
    offers: dict[str, Offer] = field(default_factory=dict)
    """Offers that are not over."""
    wanted: dict[str, Wanted] = field(default_factory=dict)
    """Requests that this gateway made."""
    given_up: set[str] = field(default_factory=set)
    """Those of them that nobody waits for any more: routing may still come with an agent."""
    talk: list[str] = field(default_factory=list)
    """Legs that talk together, in the order in which they came: the customer, who serves them, and who joined."""
    serving: str = ""
    """The leg that serves the customer, or began the internal call."""
    consult: Consult | None = None
    watches: dict[str, Watch] = field(default_factory=dict)
    """Supervisors' legs."""
    mixed: set[do.Edge] = field(default_factory=set)
    """Who hears whom, as the media worker has been told."""
    play: Playback | None = None
    done: list[str] = field(default_factory=list)
    """Ids of the newest commands that were carried out."""
    hushed: PlaybackFinished | None = None
    """The playback that the agent's answer or the call's end has stopped: `call.bridged` or `call.ended` tells it."""
    known_plays: set[str] = field(default_factory=set)
    interrupted: str = ""
    """The playback that the key now held down has interrupted: RFC 4733 tells the key at its end."""
    collection: Collection | None = None
    rating: Rating | None = None
    run: FlowRun | None = None
    menus: dict[str, Menu] = field(default_factory=dict)
    """Feature menus that are open, by leg."""
    timers: dict[str, datetime] = field(default_factory=dict)
    """What the call waits for, and until when: the next signalling process waits on."""
    keys: KeyFilter = field(default_factory=KeyFilter)
    recordings: set[str] = field(default_factory=set)
    """Recordings whose outcome is open."""
    recording: str = ""
    """The one that is being made."""
    recording_paused: bool = False
    """Silence is written meanwhile."""
    recording_count: int = 0
    transfer_count: int = 0
    leg_count: int = 0
    """Legs, consultations and tunes that this call has given an id of its own."""
    ended: CallEnded | None = None
    """How it ends, once that is decided."""
    last_legs: list[LegEnded] = field(default_factory=list)
    """Legs that are over since then: `call.ended` tells them."""
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
        """The customer's leg id; empty in an internal call."""
        if self.arrived is not None:
            return self.arrived.leg_id
        return self.dialled.leg_id if self.dialled is not None else ""

    @property
    def gateway(self) -> str:
        """The instance that holds the call."""
        if self.arrived is not None:
            return self.arrived.gateway
        return self.dialled.gateway if self.dialled is not None else ""

    @property
    def other_side(self) -> str:
        """The number or agent that phones show for this call: the customer, or in an internal call who calls."""
        if self.arrived is not None:
            return self.arrived.caller
        if self.dialled is None:
            return ""
        return self.dialled.agent_id if self.internal else self.dialled.callee

    @property
    def own_leg(self) -> str:
        """The phone of the agent who began the call; empty when a trunk brought it."""
        return self.dialled.agent_leg_id if self.dialled is not None else ""

    def second_leg(self) -> "Leg | None":
        """The leg on which an agent consults whose phone has called the target."""
        return self.legs.get(self.consult.own_leg) if self.consult is not None else None

    @property
    def own_number(self) -> str:
        """The company's number in this call; empty in an internal one."""
        if self.arrived is not None:
            return self.arrived.called
        return self.dialled.caller if self.dialled is not None else ""

    @property
    def internal(self) -> bool:
        """Agents among themselves: no customer, no recording (F056)."""
        return self.dialled is not None and self.dialled.purpose is Purpose.INTERNAL
