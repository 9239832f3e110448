"""What signalling asks of the media worker: the commands of its protocol (protocol.py).

Times in milliseconds unless the name says otherwise, levels in dBm0 (G.711 full scale is +3.14), gains linear.
"""

from typing import Literal

from msgspec import Struct

Codec = Literal["PCMA", "PCMU", "G722", "OPUS"]
Address = tuple[str, int]
"""(IPv4 address in dots, UDP port)."""


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

    port: one that `ReservePorts` has told on this connection. Then there is nothing to answer.
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
    port: int | None = None


class ReservePorts(Command, frozen=True, tag="reserve_ports"):
    """Bind RTP ports ahead, until there are count of them that no leg has. Answer: `PortsReserved`, which may be fewer: a
    small share of the range at most, and none while draining. They are closed when another connection is made.
    """

    count: int


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
    quiet_s: int = 0
    """`RecordingQuiet` is told when left_leg has said nothing for so many seconds, once until it speaks again; 0: never."""


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
    | ReservePorts
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
