"""A call with everything that its effects need: its SIP legs, its outbox, the prompt that is being fetched."""

import asyncio
from dataclasses import dataclass, field

from msgspec import Raw

from callstream_media_gateway.adapters.caller_leg import CallerLeg
from callstream_media_gateway.adapters.outbox import Outbox
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.adapters.phone_leg import PhoneLeg
from callstream_media_gateway.adapters.restored_leg import RestoredLeg
from callstream_media_gateway.adapters.trunk_leg import TrunkLeg
from callstream_media_gateway.app.dial_out import Prepared
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.sip.sdp import SessionDescription


@dataclass(slots=True)
class LiveCall:
    """One call of this process."""

    call: Call
    caller: CallerLeg | RestoredLeg | None
    """The customer's leg when a trunk brought it; who was dialled is among the phones."""
    outbox: Outbox
    phones: dict[str, PhoneLeg | TrunkLeg | RestoredLeg | PhoneCallLeg] = field(default_factory=dict)
    prepared: dict[str, Prepared] = field(default_factory=dict)
    """Outside numbers that may be rung for this call."""
    opened: set[str] = field(default_factory=set)
    """Legs that the media worker holds for us, or is opening."""
    opening: set[str] = field(default_factory=set)
    """Those of them whose order is not answered yet; the client repeats it to a new worker."""
    closing: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    """Legs whose figures are awaited, and the end of our patience."""
    fetching: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """The playbacks whose prompts are being fetched, by leg."""
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    """What the call waits for, by name."""
    wavs: dict[str, str] = field(default_factory=dict)
    """Recording id → the worker's file, relative to the store."""
    patience: asyncio.TimerHandle | None = None
    """The end of our patience with the log, which has to take `call.arrived` first."""
    arrived_seq: int = 0
    """Log position of `call.arrived`, 0 until it is known."""
    seen_seq: int = 0
    """Newest log position of routing's word about this call that was dealt with."""
    seen_media: int = 0
    """Number of the worker's newest event about this call that was dealt with."""
    dialogs: dict[str, Raw] = field(default_factory=dict)
    """Of the answered legs, as they are noted: good until the session or the peer's address changes."""
    offered: tuple[SessionDescription, Raw] | None = None
    """The caller's INVITE as it is noted, good while we have this description to answer it with."""
    heard: bool = False
    """A packet of audio has come from one of its legs."""
    released: bool = False
    """Counted as over."""
