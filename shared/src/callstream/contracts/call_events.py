"""Events of the aggregate `call`, owned by media-gateway. The aggregate id is the call id."""

from datetime import datetime, timedelta

from callstream.contracts.envelope import Event, event
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason

OUTBOUND_MEMORY = timedelta(days=3)
"""For so long a customer whom an agent called is theirs (F132, F133), to the second."""


@event("call", "arrived")
class CallArrived(Event, frozen=True, kw_only=True):
    """A trunk brought an INVITE for a number of ours (t0). Nothing has been answered yet."""

    caller: str
    """E.164, or as the trunk gave it when it cannot be brought to that form; empty when withheld."""
    called: str
    trunk: str
    gateway: str
    """The gateway instance that holds the call; its commands go there."""
    leg_id: str
    """The customer's leg."""
    sip_call_id: str = ""
    region: str = ""
    """Home region of the caller (F011), or empty."""


@event("call", "blocked")
class CallBlocked(Event, frozen=True, kw_only=True):
    """A caller on the blacklist was refused before any flow (F129): the only event of its call."""

    caller: str
    called: str
    trunk: str
    gateway: str
    sip_call_id: str = ""
    sip_status: int = 603


@event("call", "dialled")
class CallDialled(Event, frozen=True, kw_only=True):
    """An agent's call to a customer began: who calls back within three days is theirs first (F132, F133)."""

    agent_id: str
    callee: str
    caller: str
    """The company's number that the customer sees; empty in an internal call."""
    gateway: str
    purpose: Purpose = Purpose.OUTBOUND
    """`outbound`; `internal`: then the callee is an agent id; `callback`: the agent was offered it by `request_id`."""
    leg_id: str = ""
    """The customer's leg; empty in an internal call."""
    agent_leg_id: str = ""
    """The dialling agent's own phone, which rings first."""
    trunk: str = ""
    region: str = ""
    """Home region of the callee, or empty."""
    chosen_by: str = ""
    """Why this caller id: `hand`, `city`, `province`, `group`, `random` (F143-F145)."""
    drawn_from: tuple[str, ...] = ()
    """The numbers that fitted, of which it is one."""
    request_id: str = ""
    """Of a callback: the request that is served."""
    callback_of: str = ""
    """Of a callback: the call in which it was asked for."""


@event("call", "dial-refused")
class DialRefused(Event, frozen=True, kw_only=True):
    """An agent's dial, consultation or transfer to an outside number was refused (toll fraud guard, F146): the only event of
    its aggregate, whose id is no call's."""

    agent_id: str
    number: str
    """As typed."""
    reason: Reason
    field: str
    """What was wrong: `number` (destination or limit), `caller_id`, or empty."""
    message: str
    gateway: str
    caller_id: str = ""
    """The number that the agent wished to show."""


@event("call", "answered")
class CallAnswered(Event, frozen=True, kw_only=True):
    """The customer's leg was answered by the system: audio flows both ways from now on."""


@event("call", "playback-finished")
class PlaybackFinished(Event, frozen=True, kw_only=True):
    """A playback that was asked for by its id is over. What an agent's answer or the call's end stops stands in `call.bridged` or
    `call.ended` instead: nobody waits for it."""

    play_id: str
    how: str
    """`completed`, `interrupted` (by a key), `stopped` (by command) or `failed`."""
    message: str = ""
    at: datetime | None = None
    """In another event, when it was over, if that was before."""


@event("call", "digit-received")
class DigitReceived(Event, frozen=True, kw_only=True):
    """The customer pressed a key, by RFC 4733 or INFO. One event a key press, in order."""

    digit: str
    leg_id: str
    method: str = "rfc4733"
    duration_ms: int = 0
    play_id: str = ""
    """The playback during which it came, or empty."""


@event("call", "leg-started")
class LegStarted(Event, frozen=True, kw_only=True):
    """An INVITE left for another party's phone. Of an offer's leg it stands in `call.leg-ringing`, and by itself only when the
    phone was picked up without having rung: a phone that did neither leaves `call.offer-failed` or a withdrawal alone."""

    leg_id: str
    role: LegRole
    offer_id: str = ""
    agent_id: str = ""
    number: str = ""
    """Of a leg through a trunk."""
    purpose: Purpose | None = None
    """Of a leg that no offer stands behind."""
    at: datetime | None = None
    """In another event, when it left."""


@event("call", "leg-ringing")
class LegRinging(Event, frozen=True, kw_only=True):
    """The other phone rings (180 or 183)."""

    leg_id: str
    trunk: str = ""
    """Of an outside number: the trunk that reached it."""
    started: LegStarted | None = None
    """Of an offer's leg: the INVITE that makes it ring."""


@event("call", "offer-answered")
class OfferAnswered(Event, frozen=True, kw_only=True):
    """The agent's phone was answered (tA). It counts only when it stands before the offer's withdrawal in the log."""

    offer_id: str
    request_id: str
    agent_id: str
    leg_id: str


@event("call", "offer-failed")
class OfferFailed(Event, frozen=True, kw_only=True):
    """The agent's phone could not be rung or said no: routing withdraws the offer."""

    offer_id: str
    request_id: str
    agent_id: str
    reason: Reason
    sip_status: int = 0


@event("call", "recording-started")
class RecordingStarted(Event, frozen=True, kw_only=True):
    """The conversation is being recorded, customer left, agent right (F198). One that begins with the bridge stands in
    `call.bridged` instead."""

    recording_id: str
    agent_id: str = ""
    mailbox: str = ""
    """`group:<id>` or `agent:<id>`: a message for it, of the customer alone (F205); empty: a conversation."""


@event("call", "bridged")
class CallBridged(Event, frozen=True, kw_only=True):
    """Customer and agent hear each other from now on."""

    offer_id: str
    agent_id: str
    customer_leg_id: str
    agent_leg_id: str
    recording: RecordingStarted | None = None
    """The recording that began at the same moment."""
    playback: PlaybackFinished | None = None
    """What the caller heard until the agent answered."""


@event("call", "leg-ended")
class LegEnded(Event, frozen=True, kw_only=True):
    """A leg is over: its phone is free again. This is the media truth that agent states are held against. The legs that end with
    the call stand in `call.ended` instead."""

    leg_id: str
    role: LegRole
    reason: Reason
    agent_id: str = ""
    offer_id: str = ""
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    rtt_ms: float = 0.0
    """Round trip by RTCP (RFC 3550 6.4.1); 0: the peer never reported."""
    remote_lost: int = 0
    """Our packets that the peer missed, as it reported last."""
    remote_jitter_ms: float = 0.0
    mos: float = 0.0
    """Mean opinion score of the worse direction, 1.0 to 4.5, estimated by ITU-T G.107; 0: too little was said."""
    at: datetime | None = None
    """In `call.ended`, when it was over, if that was before the call was."""


@event("call", "quality-changed")
class QualityChanged(Event, frozen=True, kw_only=True):
    """A leg sounds bad while the call goes on, or well again: an alert to agent and supervisor. Figures of the last seconds,
    of the worse direction."""

    leg_id: str
    role: LegRole
    bad: bool
    mos: float
    """1.0 to 4.5, estimated by ITU-T G.107."""
    loss_percent: float
    jitter_ms: float
    rtt_ms: float = 0.0
    """0: not measured."""
    agent_id: str = ""


@event("call", "recording-ready")
class RecordingReady(Event, frozen=True, kw_only=True):
    """The recording can be played and downloaded (F199, F201)."""

    recording_id: str
    path: str
    """Relative to the recordings store, tenant first: it names no machine."""
    duration_ms: int
    size_bytes: int
    sha256: str
    format: str = "mp3"


@event("call", "recording-failed")
class RecordingFailed(Event, frozen=True, kw_only=True):
    """There will be no recording. With reason `no-audio` nothing is kept, because nobody's phone sent a packet in the whole call;
    otherwise it could not be finished, and what was recorded stays where it is."""

    recording_id: str
    message: str
    reason: Reason = Reason.MEDIA_FAILED


@event("call", "ended")
class CallEnded(Event, frozen=True, kw_only=True):
    """The customer's leg and all others are over. Nothing but recording events follows.

    The outcome (answered, abandoned, …) is a fold over the whole log, because the log's order decides races between the
    caller's hang-up and what ivr and routing did at the same moment: `callstream.contracts.outcome`.
    """

    reason: Reason
    party: Party
    sip_status: int = 0
    legs: tuple[LegEnded, ...] = ()
    """The legs that ended with it, in the order of their ends. Those that ended before have events of their own."""
    playback: PlaybackFinished | None = None
    """What the caller heard until the call ended, or until an agent answered whom they were not bridged with."""


@event("call", "torn-down")
class ServiceTornDown(Event, frozen=True, kw_only=True):
    """A supervisor ended the agent's service (F213); the ends of the legs and of the call follow."""

    agent_id: str
    actor: str


@event("call", "transfer-started")
class TransferStarted(Event, frozen=True, kw_only=True):
    """The customer is moved to another agent or a skill group (F018, F019, by a supervisor F214): a new request for an agent,
    made by the gateway. The customer stays and hears music; the first agent's leg ends.
    """

    request_id: str
    agent_id: str
    """Who served until now; the request goes to the group that they served for."""
    target_agent_id: str
    """Empty when the target is a group."""
    actor: str
    caller: str
    gateway: str
    customer_leg_id: str
    group_id: str = ""
    """The target when it is a skill group (F019): wait, customer type and attributes go on from the first request."""
