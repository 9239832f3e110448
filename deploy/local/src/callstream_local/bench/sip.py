"""SIP messages read a second, in process, on one core."""

import time
from collections.abc import Callable
from typing import Any

from callstream_local.bench.figures import rounded
from callstream_local.bench.part import Say, apart
from callstream_media_gateway.sip.message import Message, parse_message
from callstream_media_gateway.sip.sdp import parse_sdp
from callstream_media_gateway.sip.uri import NameAddr, Uri

SECONDS = 1.5
ROUNDS = 3

_SDP = b"""v=0
o=carrier 2890844526 2890844526 IN IP4 192.0.2.101
s=call
c=IN IP4 192.0.2.101
t=0 0
m=audio 49172 RTP/AVP 8 0 18 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
""".replace(b"\n", b"\r\n")

INVITE = (
    b"""INVITE sip:+861055550100@198.51.100.4:5060;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds-2;rport
Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK776asdhds-1;received=192.0.2.78
Record-Route: <sip:192.0.2.10;lr>
Max-Forwards: 69
From: "Li Na" <sip:+8613812345678@carrier.example;user=phone>;tag=1928301774
To: <sip:+861055550100@carrier.example;user=phone>
Call-ID: a84b4c76e66710@pc33.carrier.example
CSeq: 314159 INVITE
Contact: <sip:+8613812345678@192.0.2.77:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE
Supported: timer, replaces, 100rel
Session-Expires: 1800;refresher=uac
Min-SE: 90
P-Asserted-Identity: <sip:+8613812345678@carrier.example>
User-Agent: Carrier SBC 7.2
Content-Type: application/sdp
Content-Length: %d

""".replace(b"\n", b"\r\n")
    % len(_SDP)
    + _SDP
)

SMALL = b"""SIP/2.0 200 OK
Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bK-524287-1;rport=5060
From: <sip:+861055550100@198.51.100.4>;tag=a6c85cf
To: <sip:1001@192.0.2.20>;tag=9fxced76sl
Call-ID: 3848276298220188511@198.51.100.4
CSeq: 2 BYE
Content-Length: 0

""".replace(b"\n", b"\r\n")


async def measure(say: Say) -> dict[str, Any]:
    """An INVITE with everything that taking a call looks at, and a small response."""
    say(f"INVITE of {len(INVITE)} bytes")
    whole = await apart(_per_second, _read_invite)
    say(f"200 of {len(SMALL)} bytes")
    small = await apart(_per_second, _read_small)
    return {"sip_parse_per_s": rounded(whole), "sip_parse_small_per_s": rounded(small)}


def _per_second(read: Callable[[], object]) -> float:
    """Best of some rounds: what else runs on the machine only takes away."""
    best = 0.0
    for _ in range(ROUNDS):
        count, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < SECONDS / ROUNDS:
            for _ in range(100):
                read()
            count += 100
        best = max(best, count / took)
    return best


def _read_invite() -> object:
    """The message, its names and addresses, its session description."""
    message = parse_message(INVITE)
    for name in ("From", "To", "Contact"):
        NameAddr.parse(message.need(name), name)
    Uri.parse("sip:+861055550100@198.51.100.4:5060;user=phone", "Request-URI")
    _names(message)
    return parse_sdp(message.body)


def _read_small() -> object:
    return _names(parse_message(SMALL))


def _names(message: Message) -> object:
    """What finds the message's transaction."""
    return message.values("Via")[0], message.cseq, message.call_id
