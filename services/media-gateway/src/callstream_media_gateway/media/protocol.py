"""What signalling and the media worker say to each other over a Unix stream socket.

Frame: 4 bytes big-endian length, then one msgpack-encoded message. Signalling sends `Request` and `Ack`; the worker sends
`Snapshot` (first, on every connection), `Reply`, `Done`, `EventMessage` and `Replaced`.

Delivery: commands are done in the order of their numbers, which rise on each connection. Only a refusal or a value is a
`Reply`; of all others `Done` tells, one for many. While it has legs the worker takes commands every 5 ms, between two
readings of its sockets, and is not woken by them. Every command is idempotent (the same ids again change nothing and give the
same answer), so a client whose connection broke repeats what was unanswered. Events are delivered at least once: the worker
keeps each one until it is acknowledged, at most `MAX_KEPT_EVENTS`, oldest dropped first; `event_id` is the same at each delivery.

Commands: worker_commands.py; events: worker_events.py.
"""

from typing import Literal

from msgspec import Struct

from callstream_media_gateway.media.worker_commands import Address, AnyCommand, Codec, DtlsPeer, Edge, IceLogin
from callstream_media_gateway.media.worker_events import AnyEvent

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""A snapshot has some 300 bytes for each leg."""
MAX_KEPT_EVENTS = 20_000
LENGTH_BYTES = 4


class Request(Struct, frozen=True, tag="request"):
    """A command with its number, higher than that of the one before."""

    request_id: int
    command: AnyCommand


class Ack(Struct, frozen=True, tag="ack"):
    """This event and all before it are dealt with and may be forgotten."""

    event_id: str


FromSignalling = Request | Ack


class LegCreated(Struct, frozen=True, tag="leg_created"):
    """The local RTP port (even; RTCP is the next one), on the worker's --rtp-host."""

    rtp_port: int


class PortsReserved(Struct, frozen=True, tag="ports_reserved"):
    """All RTP ports that are bound ahead now, those of earlier answers that are not used among them."""

    ports: tuple[int, ...]


class WorkerStats(Struct, frozen=True, tag="worker_stats"):
    """Totals since the worker started, but legs, spare_ports, plays, recordings (now).

    late_frames: ticks, counted once per leg, whose audio left more than one frame (20 ms) after its schedule.
    tick_ms_p50/p99: work inside a tick over the last 1,000 of them.
    """

    legs: int
    spare_ports: int
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
    """A value, or why nothing was changed: `detail` names the field. Every earlier request without a `Reply` is done."""

    request_id: int
    refusal: Refusal | None = None
    detail: str = ""
    value: LegCreated | PortsReserved | WorkerStats | None = None


class Done(Struct, frozen=True, tag="done"):
    """This request and every earlier one without a `Reply` are done."""

    request_id: int


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
    """All that the worker holds, first message of each connection. A new worker_id: a new process, earlier legs are lost.

    rtp_host: what stands in descriptions. fingerprint: of the certificate that this worker shows to
    browsers.
    """

    worker_id: str
    rtp_host: str
    draining: bool
    legs: tuple[LegState, ...]
    edges: tuple[Edge, ...]
    recordings: tuple[RecordingState, ...]
    fingerprint: str = ""


class Replaced(Struct, frozen=True, tag="replaced"):
    """Another connection is master now; this one is closed and should not come back by itself."""


FromWorker = Snapshot | Reply | Done | EventMessage | Replaced
