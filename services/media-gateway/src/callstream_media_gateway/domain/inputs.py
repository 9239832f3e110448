"""All that can happen to a call, from its four sides: SIP, media, the log and commands. `cause` is the id of the event or
command that brought it, or empty.

A leg, playback or offer that is named here may be over already: late and doubled inputs change nothing.
"""

from msgspec import Struct

from callstream.contracts.config import Prompt
from callstream.kernel.outcomes import Party, Reason


class Input(Struct, frozen=True, kw_only=True):
    """Base of all inputs."""

    cause: str = ""


# the log


class ArrivalStored(Input, frozen=True, kw_only=True):
    """`call.arrived` stands in the log."""


class ArrivalNotStored(Input, frozen=True, kw_only=True):
    """The log has not taken `call.arrived` in time: the call is not begun."""


class Superseded(Input, frozen=True, kw_only=True):
    """Somebody else has written the call's end into the log: we are late, and say nothing more."""


class Offered(Input, frozen=True, kw_only=True):
    """`queue.offer-made` for this call. `refusal` is set when the agent's phone cannot be rung at all."""

    offer_id: str
    request_id: str
    agent_id: str
    connect_prompt: tuple[Prompt, ...] = ()
    refusal: Reason | None = None
    number: str = ""
    """E.164 of the mobile that is rung for the agent; empty: their registered phone."""
    auto_answer: bool = False
    """The phone is asked to pick up by itself, and the agent hears a beep before the talk (F005)."""


class Withdrawn(Input, frozen=True, kw_only=True):
    """`queue.offer-withdrawn`."""

    offer_id: str
    reason: Reason


class AnswerLogged(Input, frozen=True, kw_only=True):
    """Our `call.offer-answered` came back through the same subscription as the withdrawals: the order is decided."""

    offer_id: str


class RequestLeft(Input, frozen=True, kw_only=True):
    """`queue.left` of a request, otherwise than answered."""

    request_id: str
    reason: Reason


class FlowOver(Input, frozen=True, kw_only=True):
    """`ivr.ended` of a flow that an agent had sent the customer into (F027)."""

    run_id: str
    reason: Reason
    node_id: str


class TearDown(Input, frozen=True, kw_only=True):
    """`tear-down`."""

    agent_id: str
    actor: str


class Transfer(Input, frozen=True, kw_only=True):
    """`transfer`."""

    agent_id: str
    target_agent_id: str
    actor: str
    prompts: tuple[Prompt, ...]


class DropOffer(Input, frozen=True, kw_only=True):
    """`drop-offer`: the log holds this offer to be over, and its withdrawal has not reached us."""

    offer_id: str


# SIP


class CallerCancelled(Input, frozen=True, kw_only=True):
    """CANCEL before our final answer."""


class CallerConfirmed(Input, frozen=True, kw_only=True):
    """The ACK to our 200."""


class PhoneRings(Input, frozen=True, kw_only=True):
    """180 or 183 of a phone that we ring. `early`: it came with SDP, audio flows before the answer (RFC 3960)."""

    leg_id: str
    early: bool = False
    trunk: str = ""
    """The trunk that reached it, or empty."""


class PhoneAnswered(Input, frozen=True, kw_only=True):
    """200 of an agent's phone."""

    leg_id: str


class PhoneRefused(Input, frozen=True, kw_only=True):
    """A final answer of an agent's phone other than 2xx, or none within the transaction's time (408).

    `reason` when it is not the phone that refused: `no-trunk`, `trunks-failed`.
    """

    leg_id: str
    sip_status: int
    reason: Reason | None = None


class HungUp(Input, frozen=True, kw_only=True):
    """A confirmed leg is over: BYE, or `lost` when the peer vanished (no ACK, session timer, unreachable)."""

    leg_id: str
    lost: bool = False


class PhoneHeld(Input, frozen=True, kw_only=True):
    """A phone has put us on hold by its own button: re-INVITE with sendonly or inactive (RFC 3264 8.4)."""

    leg_id: str


class PhoneRetrieved(Input, frozen=True, kw_only=True):
    """The phone takes us back."""

    leg_id: str


class PhoneRefers(Input, frozen=True, kw_only=True):
    """A phone's own transfer key: REFER to `typed`, the user part of an address (RFC 3515). other: the leg that it is to be
    connected with, of those that we have (RFC 3891); None: a blind transfer."""

    leg_id: str
    typed: str
    other: str | None = None


# keys, by RTP or INFO


class KeyPressed(Input, frozen=True, kw_only=True):
    """A key. method: `rfc4733` or `info`."""

    leg_id: str
    digit: str
    method: str
    duration_ms: int = 0


# media


class LegOpened(Input, frozen=True, kw_only=True):
    """The media worker has a port for the leg."""

    leg_id: str


class LegFailed(Input, frozen=True, kw_only=True):
    """The media worker could not open the leg, or cannot go on with it."""

    leg_id: str


class LegFigures(Struct, frozen=True, kw_only=True):
    """What a leg received: packets, packets lost, RFC 3550 jitter. What its peer reported: round trip, our packets lost, their
    jitter. What the E-model makes of it all: 1.0 to 4.5, 0 for too little."""

    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    rtt_ms: float = 0.0
    remote_lost: int = 0
    remote_jitter_ms: float = 0.0
    mos: float = 0.0


class LegClosed(Input, frozen=True, kw_only=True):
    """The media leg is gone. Figures are zero when the worker could not tell them any more."""

    leg_id: str
    figures: LegFigures = LegFigures()


class PlayEnded(Input, frozen=True, kw_only=True):
    """A playback is over by itself, by a key (`interrupted`), or could not be played (`failed`)."""

    play_id: str
    how: str
    message: str = ""


class Silent(Input, frozen=True, kw_only=True):
    """No RTP for the configured time on an answered leg."""

    leg_id: str


class MixFailed(Input, frozen=True, kw_only=True):
    """The media worker could not connect the parties as it was told."""


class SoundsBad(Input, frozen=True, kw_only=True):
    """A leg's audio became bad, or (bad False) well again. Figures of the last seconds, loss as a share."""

    leg_id: str
    bad: bool
    mos: float
    loss: float
    jitter_ms: float
    rtt_ms: float


class MediaLost(Input, frozen=True, kw_only=True):
    """The media worker that held the call's legs is gone."""


class RecordingSaved(Input, frozen=True, kw_only=True):
    """The MP3 lies in the store; `path` is relative to it."""

    recording_id: str
    path: str
    duration_ms: int
    size_bytes: int
    sha256: str


class RecordingQuiet(Input, frozen=True, kw_only=True):
    """Nothing has been said into the recording for as long as it was told to wait."""

    recording_id: str


class RecordingLost(Input, frozen=True, kw_only=True):
    """The recording could not be started or finished, or holds nothing."""

    recording_id: str
    message: str
    reason: Reason = Reason.MEDIA_FAILED


# commands


class Answer(Input, frozen=True, kw_only=True):
    """`answer-call`."""


class Play(Input, frozen=True, kw_only=True):
    """`play`."""

    play_id: str
    prompts: tuple[Prompt, ...]
    repeat: int
    barge_in: bool


class TakeMessage(Input, frozen=True, kw_only=True):
    """`take-message`."""

    play_id: str
    mailbox: str
    max_s: int
    silence_s: int


class Stop(Input, frozen=True, kw_only=True):
    """`stop-playback`."""

    play_id: str


class HangUp(Input, frozen=True, kw_only=True):
    """`hang-up`."""

    reason: Reason
    party: Party


class TimeUp(Input, frozen=True, kw_only=True):
    """A timer of the call's has run out."""

    name: str


class MenuRefused(Input, frozen=True, kw_only=True):
    """What an agent keyed in cannot be done. sip_status: for a phone that has asked for it by REFER."""

    agent_id: str
    sip_status: int = 603
