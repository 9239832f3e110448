"""One leg as the worker holds it; its numbers per packet are in the arrays, addressed by `slot`."""

import socket
from dataclasses import dataclass, field

from callstream_media_gateway.media.dtmf import DigitReceiver
from callstream_media_gateway.media.g711 import PAYLOAD_TYPES
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.protocol import Address, Codec
from callstream_media_gateway.media.sockets import PortPair


@dataclass(eq=False)
class Leg:
    """fast: the connected socket once the leg is locked to a source (`latched`)."""

    leg_id: str
    call_id: str
    slot: int
    ports: PortPair
    codec: Codec
    remote: Address | None
    event_pt_in: int | None
    created_ms: int
    latch: Latch
    sending: bool = True
    latched: Address | None = None
    fast: socket.socket | None = None
    digits: DigitReceiver = field(default_factory=DigitReceiver)
    event_ssrc: int | None = None
    first_rtp_told: bool = False
    rtp_timeout_ms: int = 0
    timeout_from_ms: int = 0
    timeout_told: bool = False
    strangers: int = 0
    malformed: int = 0

    @property
    def law(self) -> int:
        """Payload type that we send."""
        return PAYLOAD_TYPES[self.codec]
