"""What the media worker tells by itself: the events of its protocol (protocol.py)."""

from typing import Literal

from msgspec import Struct

from callstream_media_gateway.media.worker_commands import Address


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all events. event_id is unique and stays the same when delivered again; at_ms: Unix time."""

    event_id: str = ""
    at_ms: int = 0


PlayEnd = Literal["completed", "interrupted", "stopped", "failed"]


class PlayFinished(Event, frozen=True, tag="play_finished"):
    """A play is over. played_ms: how much was sent. detail: why it failed (which file)."""

    leg_id: str
    play_id: str
    reason: PlayEnd
    played_ms: int
    detail: str = ""


class Digit(Event, frozen=True, tag="digit"):
    """A key was pressed on this leg, once per key (RFC 4733 retransmissions are merged).

    duration_ms 0: the far end never told. method is "rtp" here; INFO digits do not pass through the worker.
    """

    leg_id: str
    call_id: str
    digit: str
    duration_ms: int
    method: Literal["rtp"] = "rtp"


class DigitsSent(Event, frozen=True, tag="digits_sent"):
    """A `SendDigits` is over. count: keys that went out; fewer than asked for when the leg ended or was put on hold."""

    leg_id: str
    send_id: str
    count: int


class FirstRtp(Event, frozen=True, tag="first_rtp"):
    """The leg locked to a source: audio flows from there, and ours goes there (symmetric RTP, RFC 4961)."""

    leg_id: str
    call_id: str
    source: Address


class QualityChanged(Event, frozen=True, tag="quality_changed"):
    """A leg sounds bad in one of its directions (mos below 3.6 in two windows of some 5 s), or well again. mos: 1.0 to 4.5 by
    ITU-T G.107; loss: share of packets in the worse direction; rtt_ms 0: not measured.
    """

    leg_id: str
    call_id: str
    bad: bool
    mos: float
    loss: float
    jitter_ms: float
    rtt_ms: float


class RtpTimeout(Event, frozen=True, tag="rtp_timeout"):
    """Nothing received for silent_ms, once until packets come again. Of a browser leg also when its peer no longer asks
    whether we may send (RFC 7675), whatever rtp_timeout_ms is: a browser that is gone while on hold.
    """

    leg_id: str
    call_id: str
    silent_ms: int


class SecurityFailed(Event, frozen=True, tag="security_failed"):
    """A browser leg will never have audio: its certificate is not the one that its description names, or no handshake
    came about. detail says which.
    """

    leg_id: str
    call_id: str
    detail: str


class RecordingQuiet(Event, frozen=True, tag="recording_quiet"):
    """Nothing above -42 dBm0 has been said on the left channel for the time that the recording was given."""

    recording_id: str
    call_id: str


class RecordingStopped(Event, frozen=True, tag="recording_stopped"):
    """The wav file is complete. path is absolute. error: what could not be written ('' when all was)."""

    recording_id: str
    call_id: str
    path: str
    duration_ms: int
    size_bytes: int
    error: str = ""


class LegStats(Event, frozen=True, tag="leg_stats"):
    """What a leg had received and sent when it was destroyed.

    lost: gaps in the sequence numbers never filled; late: packets that came after their turn; jitter_ms: interarrival
    jitter of RFC 3550 §6.4.1; resyncs: how often the jitter buffer jumped to a new position after a stall or a new
    source. unauthentic: what came to a browser leg without a good seal, for the second time, or before the keys. rtt_ms,
    remote_*: as the peer's last report says (RFC 3550 §6.4), 0 without one; mos: of the whole leg (ITU-T G.107), 0 when too
    little was said.
    """

    leg_id: str
    call_id: str
    packets_in: int
    packets_out: int
    lost: int
    late: int
    duplicates: int
    strangers: int
    malformed: int
    resyncs: int
    jitter_ms: float
    duration_ms: int
    rtt_ms: float = 0.0
    remote_lost: int = 0
    remote_jitter_ms: float = 0.0
    mos: float = 0.0
    unauthentic: int = 0


class Draining(Event, frozen=True, tag="draining"):
    """The worker takes no new legs (SIGTERM or `Drain`)."""

    legs: int


class Drained(Event, frozen=True, tag="drained"):
    """The worker is empty or its grace is over, and exits; legs counts those cut off."""

    legs: int


AnyEvent = (
    PlayFinished
    | Digit
    | DigitsSent
    | QualityChanged
    | FirstRtp
    | RtpTimeout
    | SecurityFailed
    | RecordingQuiet
    | RecordingStopped
    | LegStats
    | Draining
    | Drained
)
