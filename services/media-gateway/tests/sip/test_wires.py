"""Messages in the bytes of a connection, however those are cut; handshakes; what garbage costs. Without sockets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import BINARY, CLOSE, CONT, PING, TEXT, Frame

from callstream_media_gateway.sip.message import MAX_MESSAGE
from callstream_media_gateway.sip.stream import BrokenStreamError
from callstream_media_gateway.sip.websocket import WebSocketWire
from callstream_media_gateway.sip.wire import StreamWire, Wire

A = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
B = "OPTIONS sip:b SIP/2.0\r\nSubject: \u4f60\u597d\r\n\r\n".encode()
C = b"OPTIONS sip:c SIP/2.0\r\nSubject: \xff\r\n\r\n"  # no UTF-8: goes in a binary frame


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    pieces, at = [], 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        pieces.append(data[at : at + size])
        at += size
    return pieces


def opened(origins: tuple[str, ...] | None = None) -> tuple[WebSocketWire, WebSocketWire]:
    """(server, client) after the handshake."""
    server, client = WebSocketWire.serving(origins), WebSocketWire.calling("h", 1, secure=True)
    assert server.feed(client.begin()) == []
    assert client.feed(server.said()) == []
    assert server.is_open
    assert client.is_open
    return server, client


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_messages_come_out_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    server, client = opened()
    stream: list[tuple[Wire, Wire]] = [(StreamWire(dialled=True), StreamWire(dialled=False)), (client, server), (server, client)]
    for sender, receiver in stream:
        data = b"".join(sender.pack(message) for message in (A, B, C))
        found = [message for piece in cut(data, cuts) for message in receiver.feed(piece)]
        assert found == [A, B, C]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_a_handshake_may_come_byte_by_byte_and_messages_right_behind_it(cuts: list[int]) -> None:
    server, client = WebSocketWire.serving(None), WebSocketWire.calling("::1", 443, secure=True)
    for piece in cut(client.begin(), cuts):
        server.feed(piece)
    answer = server.said() + server.pack(A)
    assert [message for piece in cut(answer, cuts) for message in client.feed(piece)] == [A]


def test_a_message_in_fragments_with_a_ping_between() -> None:
    server, _ = opened()
    frames = [Frame(TEXT, A[:10], fin=False), Frame(PING, b"x"), Frame(CONT, A[10:20], fin=False), Frame(CONT, A[20:])]
    found = server.feed(b"".join(frame.serialize(mask=True) for frame in frames))
    assert found == [A]
    assert server.said() == b"\x8a\x01x"  # the pong


@pytest.mark.parametrize(("opcode", "text"), [(TEXT, b"\r\n\r\n"), (BINARY, b"\r\n\r\n")])
def test_a_crlf_keep_alive_in_a_frame_is_answered_as_such(opcode: int, text: bytes) -> None:
    server, client = opened()
    assert server.feed(Frame(opcode, text).serialize(mask=True)) == []  # type: ignore[arg-type]
    assert client.feed(server.said()) == []
    assert (server.keepalives, client.keepalives) == (1, 1)
    assert server.feed(client.said()) == []  # which is the end of it
    assert server.keepalives == 1


GET = "GET / HTTP/1.1\r\nHost: h\r\n"
UPGRADE = GET + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n".format(
    "dGhlIHNhbXBsZSBub25jZQ=="
)
SIP = "Sec-WebSocket-Protocol: sip\r\n"
REFUSED = [
    ("an ordinary page", GET, 426),
    ("no subprotocol", UPGRADE, 400),
    ("another subprotocol", UPGRADE + "Sec-WebSocket-Protocol: xmpp\r\n", 400),
    ("a foreign page", UPGRADE + SIP + "Origin: https://evil.example\r\n", 403),
    ("two origins", UPGRADE + SIP + "Origin: https://desk.example\r\nOrigin: https://evil.example\r\n", 400),
    ("a long line", UPGRADE + SIP + "X: " + "y" * 10_000 + "\r\n", 431),
]


@pytest.mark.parametrize(("what", "request_", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_handshake_that_is_refused(what: str, request_: str, code: int) -> None:
    server = WebSocketWire.serving(["https://desk.example"])
    assert server.feed(f"{request_}\r\n".encode()) == []
    assert server.is_closed
    assert not server.is_open
    assert server.said().startswith(f"HTTP/1.1 {code} ".encode())


@pytest.mark.parametrize("more", ["", "Origin: https://desk.example\r\n"])
def test_the_right_page_and_who_is_no_page_may_connect(more: str) -> None:
    server = WebSocketWire.serving(["https://desk.example"])
    server.feed(f"{UPGRADE}Sec-WebSocket-Protocol: xmpp, sip\r\n{more}\r\n".encode())
    assert server.is_open
    assert b"Sec-WebSocket-Protocol: sip\r\n" in server.said()


BROKEN = [
    ("no HTTP", b"\x16\x03\x01 hello\r\n\r\n", False),
    ("an unmasked frame", Frame(TEXT, A).serialize(mask=False), True),
    ("a reserved opcode", b"\x83\x80abcd", True),
    ("a lonely continuation", Frame(CONT, A).serialize(mask=True), True),
    ("a frame that is too long", Frame(TEXT, b"x" * (MAX_MESSAGE + 1)).serialize(mask=True), True),
    (
        "a message that is too long",
        Frame(TEXT, b"x" * 40_000, fin=False).serialize(mask=True) + Frame(CONT, b"x" * 40_000).serialize(mask=True),
        True,
    ),
    ("an announced terabyte", b"\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00", True),
]


@pytest.mark.parametrize(("what", "data", "after"), BROKEN, ids=[row[0] for row in BROKEN])
def test_garbage_ends_the_connection(what: str, data: bytes, after: bool) -> None:
    server = opened()[0] if after else WebSocketWire.serving(None)
    if not after:
        assert server.feed(data) == []
        assert server.is_closed
        return
    with pytest.raises(BrokenStreamError) as broken:
        server.feed(data)
    assert broken.value.field == "WebSocket"
    assert ("too long" in what or "terabyte" in what) == ("larger than" in broken.value.problem)


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=300, deadline=None)
def test_nothing_else_is_ever_raised(data: bytes, after: bool) -> None:
    server = opened()[0] if after else WebSocketWire.serving(["https://desk.example"])
    upgrade = b"" if after else f"{UPGRADE}{SIP}\r\n".encode()
    for chunk in (upgrade[: len(data)] + data, data):
        try:
            server.feed(chunk)
        except BrokenStreamError:
            return
        if server.is_closed:
            return


def test_a_farewell_is_answered_and_closes() -> None:
    server, client = opened()
    assert server.feed(Frame(CLOSE, b"\x03\xe8").serialize(mask=True)) == []
    assert server.is_closed
    assert client.feed(server.said()) == []
    assert client.is_closed


def test_a_server_that_speaks_no_sip_is_left() -> None:
    client = WebSocketWire.calling("h", 80, secure=False)
    client.begin()
    assert client.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") == []
    assert (client.is_closed, client.is_open) == (True, False)


def test_pings_of_streams_go_from_the_caller_to_the_called() -> None:
    caller, called = StreamWire(dialled=True), StreamWire(dialled=False)
    obliged = [caller.must_pong]  # not until the peer has shown that it answers
    assert called.ping() == b""
    assert called.feed(caller.ping()) == []
    assert called.keepalives == 1
    for pong in (called.said(), b"\r\n"):
        assert pong == b"\r\n"
        assert caller.feed(pong) == []
        assert caller.said() == b""
    assert [*obliged, caller.must_pong] == [False, True]
    assert caller.keepalives == 0
