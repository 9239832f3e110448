"""What must stand any bytes from the network: each target takes them, and raises when something is wrong with us.

Bad input may be refused, by ParseError, BrokenStreamError or None. Whatever is taken must come back the same when it is written
and read again: two readers that understand one message differently are how calls are stolen.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from callstream_media_gateway.media import rtcp, stun, wire
from callstream_media_gateway.sip.browser_sdp import OurSide
from callstream_media_gateway.sip.digest import Credentials, answer_challenge, parse_answer, parse_challenge
from callstream_media_gateway.sip.errors import NotAcceptableError, ParseError
from callstream_media_gateway.sip.handler import Hop, Reply, UserAgentConfig
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Message, Request, Response, parse_message
from callstream_media_gateway.sip.offer_answer import agreed_stream, answer_again, holds, make_answer
from callstream_media_gateway.sip.replaces import parse_replaces, replaces_of
from callstream_media_gateway.sip.salvage import salvage_request
from callstream_media_gateway.sip.sdp import parse_sdp
from callstream_media_gateway.sip.session_timer import answer_wish, read_answer, too_small
from callstream_media_gateway.sip.stream import BrokenStreamError, StreamFramer
from callstream_media_gateway.sip.timers import Timers
from callstream_media_gateway.sip.transactions import Transactions
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.user_agent import UserAgent
from callstream_media_gateway.sip.via import mark_received, parse_via, split_top
from callstream_media_gateway.sip.websocket import WebSocketWire

SOURCE = Hop("udp", "192.0.2.7", 5060)
_READERS: tuple[Callable[[Message], object], ...] = (
    lambda m: m.call_id,
    lambda m: m.cseq,
    lambda m: m.content_type,
    lambda m: [NameAddr.parse(value, "Contact") for value in m.values("Contact")],
    lambda m: mark_received(parse_via(split_top(m.need("Via"))[0]), SOURCE),
    lambda m: m.tokens("Require"),
    too_small,
    lambda m: answer_wish(m, 1800),
    lambda m: read_answer(m, 1800),
)


def message(data: bytes) -> None:
    """A datagram: read, written and read again."""
    salvage_request(data)
    try:
        first = parse_message(data)
    except ParseError:
        return
    for read in _READERS:
        with contextlib.suppress(ParseError):
            read(first)
    second = parse_message(first.to_bytes())
    assert type(second) is type(first)
    assert second.body == first.body
    assert [h for h in second.headers if h[0] != "Content-Length"] == [h for h in first.headers if h[0] != "Content-Length"]
    if isinstance(first, Request) and isinstance(second, Request):
        assert (second.method, second.uri) == (first.method, first.uri)
    elif isinstance(first, Response) and isinstance(second, Response):
        assert second.code == first.code


def sdp(data: bytes) -> None:
    """A session description: read, answered, written and read again."""
    try:
        first = parse_sdp(data)
    except ParseError:
        return
    written = first.to_bytes()
    assert parse_sdp(written).to_bytes() == written
    holds(first)
    for browser in (None, OurSide("us", "p" * 22, "sha-256 AB")):
        with contextlib.suppress(NotAcceptableError):
            ours = make_answer(first, "192.0.2.1", 40000, session_id=1, browser=browser)
            assert parse_sdp(ours.to_bytes()).to_bytes() == ours.to_bytes()
            agreed_stream(ours, first)
            answer_again(first, ours)


def addresses(data: bytes) -> None:
    """URIs, name-addrs, Via and Replaces values."""
    text = data.decode("utf-8", "surrogateescape")
    if "\r" in text or "\n" in text:
        return  # no header value holds a line end
    for parse in (Uri.parse, NameAddr.parse, parse_via):
        with contextlib.suppress(ParseError):
            written = str(parse(text))
            assert str(parse(written)) == written
    with contextlib.suppress(ParseError):
        parse_replaces(text)
    with contextlib.suppress(ParseError):
        replaces_of(Uri.parse(text))


def digest(data: bytes) -> None:
    """Challenges and credentials."""
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(ParseError):
        parse_answer(text)
    with contextlib.suppress(ParseError):
        challenge = parse_challenge(text)
        with contextlib.suppress(KeyError, UnicodeEncodeError):  # an algorithm we do not speak is never chosen
            answer = str(answer_challenge(challenge, Credentials("u", "p"), "INVITE", "sip:x@y", cnonce="c"))
            assert parse_answer(answer).nonce == challenge.nonce


def stream(data: bytes) -> None:
    """A TCP stream gives the same messages, however it is cut. The first byte says how."""
    cut = data[0] % 61 + 1 if data else 1
    data = data[1:]
    whole, pieces = StreamFramer(), StreamFramer()
    try:
        expected = whole.feed(data)
    except BrokenStreamError:
        with contextlib.suppress(BrokenStreamError):
            for at in range(0, len(data), cut):
                pieces.feed(data[at : at + cut])
        return
    found = [m for at in range(0, len(data), cut) for m in pieces.feed(data[at : at + cut])]
    assert [m for m in found if m] == [m for m in expected if m]


_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


def websocket(data: bytes) -> None:
    """Frames behind a handshake; an odd first byte leaves the handshake to the data too."""
    peer = WebSocketWire.serving(None)
    peer.begin()
    with contextlib.suppress(BrokenStreamError):
        if data and data[0] % 2 == 0:
            peer.feed(_HANDSHAKE)
            data = data[1:]
        peer.feed(data)
        peer.said()


class _Owner:
    """Answers every call, and lets everything in."""

    def accept_source(self, _request: Request, _source: Hop) -> int | None:
        return None

    def on_invite(self, call: IncomingCall) -> None:
        call.provisional(180)
        if call.offer is not None:
            try:
                call.answer(make_answer(call.offer, "192.0.2.1", 40000, session_id=1))
            except NotAcceptableError:
                call.reject(488)

    def on_register(self, _request: Request, _source: Hop) -> Reply:
        return Reply(200)

    def on_options(self, _request: Request, _source: Hop) -> Reply:
        return Reply(200)


class _Wires:
    """Sends nowhere; what is sent must be a message."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.streams = self
        self.sent: list[bytes] = []

    def send(self, data: bytes, _hop: Hop, _failed: object = None) -> None:
        parse_message(data)

    def is_connected(self, _hop: Hop) -> bool:
        return False

    def actual(self, hop: Hop) -> Hop:
        return hop

    def alias(self, _contact: Hop, _source: Hop) -> None: ...


_wires = _Wires()


def user_agent(data: bytes) -> None:
    """A datagram for a whole user agent, and the same once more, as UDP likes to have it."""
    agent = UserAgent(UserAgentConfig(), _Owner())
    core: Any = agent._core
    core.timers = Timers(lambda: 0.0)
    core.transport = _wires
    core.transactions = Transactions(core.timers, _wires.send, agent.counters, t1=0.5, t2=4.0, t4=5.0)
    core.transactions.on_late_ack = agent._inbound.on_ack
    core.bound("192.0.2.1", {"udp": 5060, "tcp": 5060})
    agent._inbound.on_message(data, SOURCE)
    agent._inbound.on_message(data, SOURCE)
    assert agent.counters["internal_errors"] == agent.counters["handler_errors"] == 0


def rtp(data: bytes) -> None:
    """An RTP packet."""
    wire.parse(data)


def rtcp_report(data: bytes) -> None:
    """A compound RTCP packet."""
    rtcp.parse(data)


def stun_check(data: bytes) -> None:
    """A connectivity check of a browser."""
    stun.answer(data, ("192.0.2.7", 4000), "ours", "secret", None)
    stun.is_success(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__.replace("_", "-"): target
    for target in (message, sdp, addresses, digest, stream, websocket, user_agent, rtp, rtcp_report, stun_check)
}
