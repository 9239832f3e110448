"""What signalling and the media worker say to each other over a Unix stream socket.

Frame: 4 bytes big-endian length, then one msgpack-encoded message. Signalling sends `Request`, `Ack` and `Keep`; the worker
sends `Snapshot` (first, on every connection), `Reply`, `EventMessage` and `Replaced`.

Signalling also leaves a note of each call here (`Keep`), because the worker is what survives a killed signalling process:
the next one finds the notes in its first snapshot and goes on with the calls.

Delivery: every command is idempotent (the same ids again change nothing and give the same answer), so a client whose
connection broke repeats what was unanswered. Events are delivered at least once: the worker keeps each one until it is
acknowledged, at most `MAX_KEPT_EVENTS`, oldest dropped first; `event_id` is the same at each delivery.

Units: times in milliseconds unless the name says otherwise, levels in dBm0 (G.711 full scale is +3.14), gains linear.
"""

from typing import Literal

from msgspec import Struct

MAX_FRAME_BYTES = 32 * 1024 * 1024
"""A snapshot holds a note of some 4 KB for each call."""
MAX_KEPT_EVENTS = 20_000
LENGTH_BYTES = 4

Codec = Literal["PCMA", "PCMU", "G722", "OPUS"]
Address = tuple[str, int]
"""(IPv4 address in dots, UDP port)."""


# --- commands -------------------------------------------------------------------------------------------------------


class Command(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of all commands."""


class IceLogin(Struct, frozen=True):
    """Our ICE user name fragment and password of one leg (RFC 8839 §5.4): who shows them was told by signalling."""

    ufrag: str
    password: str


class DtlsPeer(Struct, frozen=True):
    """What a browser's description says of it. fingerprints: "sha-256 AB:CD:...", any one of them will do (RFC 8122).
    active: we are the DTLS client.
    """

    ufrag: str
    fingerprints: tuple[str, ...]
    active: bool = False


class CreateLeg(Command, frozen=True, tag="create_leg"):
    """Open an RTP socket for a leg. Answer: `LegCreated`. Again with a known leg_id: the same port, nothing changed.

    remote: where the peer's SDP says its audio is; None while no SDP has been seen. Received audio may be PCMA (payload
    type 8), PCMU (0), G.722 (9), comfort noise (13, RFC 3389) or one of dynamic_in at any time; `codec` is what we send,
    under pt_out (None: its static payload type; Opus has none). event_pt_in is the telephone-event payload type (RFC
    4733) of our own SDP, that is what the peer will use toward us, event_pt_out the one that the peer wants; None: not
    agreed. event_rate: their clock in Hz. events_in: all that our SDP names with their clocks, when there are several:
    browsers that speak Opus press keys at 8 kHz.
    rtp_timeout_ms: silence on the wire after which `RtpTimeout` is emitted, 0 = never. Leave 0 while ringing and set it
    by `UpdateLeg` at the answer.
    ice: this leg speaks ICE-lite and DTLS-SRTP on its one port, with our certificate of `Snapshot.fingerprint`; remote
    stays None, for ICE finds it. peer: the other side, as soon as its description is known.
    """

    leg_id: str
    call_id: str
    codec: Codec = "PCMA"
    remote: Address | None = None
    event_pt_in: int | None = 101
    rtp_timeout_ms: int = 0
    event_pt_out: int | None = None
    event_rate: int = 8000
    pt_out: int | None = None
    dynamic_in: tuple[tuple[int, Codec], ...] = ()
    events_in: tuple[tuple[int, int], ...] = ()
    ice: IceLogin | None = None
    peer: DtlsPeer | None = None


class UpdateLeg(Command, frozen=True, tag="update_leg"):
    """Change what an answer or re-INVITE changed; None leaves a field as it is.

    A `remote` different from the one known opens the latch again: the next good source is locked to.
    sending False: the peer said sendonly or inactive, no RTP goes out to it (RFC 3264 §8.4).
    Setting rtp_timeout_ms starts its clock now; 0 switches it off.
    ice: other credentials (ICE restart, RFC 8445 §9); audio goes on where it goes until the peer has chosen anew.
    peer: known now; with another fingerprint or role than before, DTLS begins anew. Both for browser legs only.
    """

    leg_id: str
    codec: Codec | None = None
    remote: Address | None = None
    event_pt_in: int | None = None
    rtp_timeout_ms: int | None = None
    sending: bool | None = None
    event_pt_out: int | None = None
    event_rate: int | None = None
    pt_out: int | None = None
    dynamic_in: tuple[tuple[int, Codec], ...] | None = None
    events_in: tuple[tuple[int, int], ...] | None = None
    ice: IceLogin | None = None
    peer: DtlsPeer | None = None


class DestroyLeg(Command, frozen=True, tag="destroy_leg"):
    """Close the socket, end its plays (`PlayFinished` stopped) and its rows in the matrix; `LegStats` follows.

    A leg that is not there: no error. When the last leg of a call is gone its recordings are stopped.
    """

    leg_id: str


class File(Struct, frozen=True, tag="file"):
    """A PCM wav file (8 or 16 bit and more, any rate, mono or stereo), absolute path readable by the worker."""

    path: str


class Silence(Struct, frozen=True, tag="silence"):
    """A pause."""

    ms: int


class Tone(Struct, frozen=True, tag="tone"):
    """Sum of sine waves, each at level_dbm0."""

    frequencies_hz: tuple[float, ...]
    ms: int
    level_dbm0: float = -13.0


PlayItem = File | Silence | Tone


class Play(Command, frozen=True, tag="play"):
    """Play items one after the other to a leg; ends in exactly one `PlayFinished`.

    repeat: how often the whole list is played, 0 = until stopped. A leg has one play at a time: a new play_id ends the
    running one (`stopped`). interruptible: a digit of this leg ends it (`interrupted`), one that began earlier does
    not. over: False, the leg hears only the prompt while it lasts; True, the prompt is mixed over what it hears
    otherwise.
    """

    leg_id: str
    play_id: str
    items: tuple[PlayItem, ...]
    repeat: int = 1
    interruptible: bool = False
    over: bool = False


class StopPlay(Command, frozen=True, tag="stop_play"):
    """End a play (`PlayFinished` stopped). One that is over or unknown: no error."""

    play_id: str


class SendDigits(Command, frozen=True, tag="send_digits"):
    """Press keys towards the leg's peer as telephone-events (RFC 4733), one after the other; it hears nothing else
    meanwhile. `DigitsSent` follows. An order comes after those before it; the same send_id again: nothing.
    digits: 0-9 * # A-D. duration_ms and gap_ms: 40..1000.
    """

    leg_id: str
    send_id: str
    digits: str
    duration_ms: int = 100
    gap_ms: int = 70


class Mask(Command, frozen=True, tag="mask"):
    """While on, other legs and recordings get silence from this leg: keys that are a secret may be in its sound. Its
    telephone-events are told as ever.
    """

    leg_id: str
    on: bool


class Edge(Struct, frozen=True):
    """One entry of the mixing matrix: `listener` hears `source`, multiplied by gain (1.0 = as it is)."""

    listener: str
    source: str
    gain: float = 1.0


class Connect(Command, frozen=True, tag="connect"):
    """Set entries of the matrix, all at the same tick. Both legs must be there; they may be of different calls.

    Bridge: both directions. Listen: supervisor hears both. Whisper: also agent hears supervisor.
    Mute: Disconnect one direction.
    """

    edges: tuple[Edge, ...]


class Disconnect(Command, frozen=True, tag="disconnect"):
    """Remove entries (gain ignored), all at the same tick; entries and legs that are not there: no error."""

    edges: tuple[Edge, ...]


class StartRecording(Command, frozen=True, tag="start_recording"):
    """Record stereo 8 kHz 16 bit wav: left what left_leg says, right what right_leg says.

    right_leg None: right is everything left_leg hears (prompts, music, whoever is connected), which needs no new
    command when agents change. path: relative to the worker's recordings directory, parents are made. A channel whose
    leg is gone is silent. Written about once per second; after a kill the file ends early and `encode.py` still
    converts it.
    """

    call_id: str
    recording_id: str
    left_leg: str
    right_leg: str | None
    path: str


class StopRecording(Command, frozen=True, tag="stop_recording"):
    """End a recording; `RecordingStopped` follows when the file is complete. One not there: no error."""

    recording_id: str


class PauseRecording(Command, frozen=True, tag="pause_recording"):
    """Write silence on both channels from now on, so that later times stay right (card data). One not there: no error."""

    recording_id: str


class ResumeRecording(Command, frozen=True, tag="resume_recording"):
    """Write again what is said. One that is not paused or not there: no error."""

    recording_id: str


class Stats(Command, frozen=True, tag="stats"):
    """Answer: `WorkerStats`."""


class Drain(Command, frozen=True, tag="drain"):
    """Refuse new legs (`draining`); `Drained` and exit when the last leg is gone, or after grace_ms (0: no limit)."""

    grace_ms: int = 0


AnyCommand = (
    CreateLeg
    | UpdateLeg
    | DestroyLeg
    | Play
    | StopPlay
    | SendDigits
    | Mask
    | Connect
    | Disconnect
    | StartRecording
    | StopRecording
    | PauseRecording
    | ResumeRecording
    | Stats
    | Drain
)


class Request(Struct, frozen=True, tag="request"):
    """A command with the number under which its `Reply` comes back."""

    request_id: int
    command: AnyCommand


class Ack(Struct, frozen=True, tag="ack"):
    """This event and all before it are dealt with and may be forgotten."""

    event_id: str


class Keep(Struct, frozen=True, tag="keep"):
    """A note about a call, for whoever is signalling next: it takes the place of the call's earlier note; empty: forget it.

    Not answered. The worker does not look into it. After a broken connection the client's owner says it again.
    """

    call_id: str
    note: bytes


FromSignalling = Request | Ack | Keep


# --- answers --------------------------------------------------------------------------------------------------------


class LegCreated(Struct, frozen=True, tag="leg_created"):
    """The local RTP port (even; RTCP is the next one), on the worker's --rtp-host."""

    rtp_port: int


class WorkerStats(Struct, frozen=True, tag="worker_stats"):
    """Totals since the worker started, but legs, plays, recordings (now).

    late_frames: ticks, counted once per leg, whose audio left more than one frame (20 ms) after its schedule.
    tick_ms_p50/p99: work inside a tick over the last 1,000 of them.
    """

    legs: int
    plays: int
    recordings: int
    ticks: int
    late_frames: int
    packets_in: int
    packets_out: int
    stranger_packets: int
    malformed_packets: int
    send_errors: int
    events_kept: int
    events_dropped: int
    cpu_seconds: float
    rss_bytes: int
    tick_ms_p50: float
    tick_ms_p99: float
    draining: bool


Refusal = Literal["bad-argument", "unknown-leg", "no-ports", "draining", "internal"]


class Reply(Struct, frozen=True, tag="reply", omit_defaults=True):
    """refusal None: done. Otherwise nothing was changed, and `detail` names the field."""

    request_id: int
    refusal: Refusal | None = None
    detail: str = ""
    value: LegCreated | WorkerStats | None = None


# --- events ---------------------------------------------------------------------------------------------------------


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
    | RecordingStopped
    | LegStats
    | Draining
    | Drained
)


class EventMessage(Struct, frozen=True, tag="event"):
    """An event on its way to signalling, in the order in which it happened."""

    event: AnyEvent


class LegState(Struct, frozen=True):
    """A leg as the worker holds it. latched: the source it is locked to. ice, peer: of a browser leg; secured: its audio
    may flow.
    """

    leg_id: str
    call_id: str
    rtp_port: int
    codec: Codec
    remote: Address | None
    latched: Address | None
    play_id: str | None
    sending: bool
    ice: IceLogin | None = None
    peer: DtlsPeer | None = None
    secured: bool = False


class RecordingState(Struct, frozen=True):
    """A running recording."""

    recording_id: str
    call_id: str
    left_leg: str
    right_leg: str | None
    path: str
    paused: bool = False


class Snapshot(Struct, frozen=True, tag="snapshot"):
    """All that the worker holds, first message of each connection. A new worker_id: a new process, earlier legs are
    lost. rtp_host: what stands in descriptions. notes: what `Keep` left here, by call id. fingerprint: of the certificate that this worker shows to browsers.
    """

    worker_id: str
    rtp_host: str
    draining: bool
    legs: tuple[LegState, ...]
    edges: tuple[Edge, ...]
    recordings: tuple[RecordingState, ...]
    notes: dict[str, bytes] = {}
    fingerprint: str = ""


class Replaced(Struct, frozen=True, tag="replaced"):
    """Another connection is master now; this one is closed and should not come back by itself."""


FromWorker = Snapshot | Reply | EventMessage | Replaced
