"""One leg as the worker holds it; its numbers per packet are in the arrays, addressed by `slot`."""

import socket
from dataclasses import dataclass, field

from callstream_media_gateway.media.dtmf import DigitReceiver
from callstream_media_gateway.media.encoders import Encoder, encoder_of
from callstream_media_gateway.media.keys_out import KeySender
from callstream_media_gateway.media.latch import Latch
from callstream_media_gateway.media.secure import SecureWire
from callstream_media_gateway.media.sockets import PortPair
from callstream_media_gateway.media.worker_commands import Address, Codec

STATIC_IN: dict[int, Codec] = {0: "PCMU", 8: "PCMA", 9: "G722"}
"""Taken from everybody: a peer may change among these without a word when it offered them."""
STATIC_OUT: dict[Codec, int] = {codec: payload_type for payload_type, codec in STATIC_IN.items()}


@dataclass(eq=False)
class Leg:
    """fast: the connected socket once the leg is locked to a source (`latched`). secure: the wire of a browser leg.
    encoder: None for G.711, which needs no memory. masked: nobody hears the leg, and no recording does.
    """

    leg_id: str
    call_id: str
    slot: int
    ports: PortPair
    codec: Codec
    remote: Address | None
    event_pt_in: int | None
    created_ms: int
    latch: Latch
    pt_out: int | None = None
    dynamic_in: dict[int, Codec] = field(default_factory=dict)
    event_pt_out: int | None = None
    events_in: dict[int, int] = field(default_factory=dict)
    keys: KeySender = field(default_factory=KeySender)
    encoder: Encoder | None = None
    masked: bool = False
    sending: bool = True
    secure: SecureWire | None = None
    failure_told: bool = False
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

    def speak(self, codec: Codec, pt_out: int | None) -> None:
        """What we send from now on, and under which payload type (None: its static one)."""
        if codec != self.codec or self.encoder is None:
            self.encoder = encoder_of(codec)
        self.codec, self.pt_out = codec, pt_out

    @property
    def payload_type(self) -> int:
        """Of the speech that we send."""
        return self.pt_out if self.pt_out is not None else STATIC_OUT[self.codec]

    def codec_in(self, payload_type: int) -> Codec | None:
        """What a packet of the peer holds; None: no speech that was agreed."""
        return self.dynamic_in.get(payload_type) or STATIC_IN.get(payload_type)
