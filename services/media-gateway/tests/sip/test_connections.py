"""Connections that misbehave or die: only they are closed, what happened is counted, nothing stays."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from callstream_media_gateway.sip import connection, streams
from callstream_media_gateway.sip.message import MAX_MESSAGE
from callstream_media_gateway.sip.stream import StreamFramer
from callstream_media_gateway.sip.uri import Uri

from .phones import OFFER, Phone, until
from .secure import SECURE, browser, server_and_client, trusting
from .test_registration import credentials, serve

STREAMS = ("tcp", *SECURE)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Phone, Phone]]:
    async with server_and_client() as made:
        yield made


async def raw(server: Phone, transport: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """TCP to one of the doors, without TLS or handshake."""
    return await asyncio.open_connection("127.0.0.1", server.ua.hop(transport).port)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 10)
    return True


@pytest.mark.parametrize("transport", STREAMS)
async def test_garbage_closes_its_connection_and_no_other(transport: str, pair: tuple[Phone, Phone]) -> None:
    server, client = pair
    registrar = serve(server)
    await client.ua.register("sip:1001@callstream", server.ua.hop(transport), credentials("1001"), 600)
    reader, writer = await raw(server, transport)
    writer.write(b"\xff" * (MAX_MESSAGE + 1))
    assert await is_closed(reader)
    writer.close()
    counters = server.ua.counters
    await until(lambda: counters["broken_streams"] + counters["handshakes_failed"] == 1)
    await until(lambda: server.held("connections") == 1)
    assert len(registrar.bindings("1001")) == 1
    assert counters["internal_errors"] == 0
    server.call(str(registrar.bindings("1001")[0].contact), next_hop=registrar.bindings("1001")[0].source)
    await until(lambda: client.calls)


async def test_tls_carries_messages_in_any_pieces(pair: tuple[Phone, Phone]) -> None:
    server, _ = pair
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ua.hop("tls").port, ssl=trusting())
    options = (
        "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK{0}\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:x>\r\n"
        "Call-ID: {0}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    data = "".join(options.format(n) for n in range(3)).encode()
    for at in range(0, len(data), 7):
        writer.write(data[at : at + 7])
        await writer.drain()
    framer, found = StreamFramer(), list[bytes]()
    while len(found) < 3:
        found += framer.feed(await asyncio.wait_for(reader.read(4096), 10))
    assert [message.split(b"\r\n", 1)[0] for message in found] == [b"SIP/2.0 200 OK"] * 3
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), 10) == b"\r\n"
    assert server.ua.counters["keepalives"] == 1
    writer.close()


@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_message_that_is_too_large_is_told_by_its_code(transport: str, pair: tuple[Phone, Phone]) -> None:
    server, _ = pair
    async with browser(server, transport) as page, browser(server, transport) as other:
        await page.send("x" * (MAX_MESSAGE + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await page.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert server.ua.counters["oversized"] == server.ua.counters["broken_streams"] == 1
        await other.send(other.request("OPTIONS"))
        assert (await other.response()).code == 200


async def test_a_malformed_message_is_answered_and_the_connection_goes_on(pair: tuple[Phone, Phone]) -> None:
    server, _ = pair
    async with browser(server) as page:
        await page.send("hello")
        await page.send(page.request("INVITE", body=b"nonsense"))
        assert (await page.response()).code == 400
        await page.send([page.request("OPTIONS")[:50], page.request("OPTIONS")[50:]])  # in two frames
        assert (await page.response()).code == 200
    assert server.ua.counters["malformed"] == 2


@pytest.mark.parametrize(
    ("what", "more", "code"),
    [
        ("subprotocol", {"subprotocols": [Subprotocol("chat")]}, 400),
        ("origin", {"origin": Origin("https://evil.example")}, 403),
    ],
)
async def test_strangers_are_refused_at_the_handshake(what: str, more: dict[str, Any], code: int) -> None:
    async with server_and_client(ws_origins=("https://desk.example",)) as (server, _):
        with pytest.raises(InvalidStatus) as refused:
            async with browser(server, **more):
                pass
        assert refused.value.response.status_code == code, what
        assert server.ua.counters["handshakes_failed"] == 1
        async with browser(server, origin=Origin("https://desk.example")) as page:
            await page.send(page.request("OPTIONS"))
            assert (await page.response()).code == 200


@pytest.mark.parametrize("transport", STREAMS)
async def test_who_says_nothing_is_cut(transport: str, pair: tuple[Phone, Phone], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SILENT", "HANDSHAKE"):
        monkeypatch.setattr(connection, name, 0.05)
    monkeypatch.setattr(streams, "HANDSHAKE", 0.05)
    server, _ = pair
    reader, writer = await raw(server, transport)
    assert await is_closed(reader)
    writer.close()
    assert server.ua.counters["handshakes_failed"] == (0 if transport == "tcp" else 1)
    await until(lambda: server.held("connections") == 0)


async def test_only_so_many_connections_those_in_their_handshake_counted() -> None:
    async with server_and_client(max_connections=4) as (server, client):  # two of them for one address
        serve(server)
        _, begun = await raw(server, "tls")  # never says hello
        await client.ua.register("sip:1001@callstream", server.ua.hop("wss"), credentials("1001"), 600)
        reader, writer = await raw(server, "tls")
        assert await is_closed(reader)
        assert server.ua.counters["connections_refused"] == 1
        elsewhere = [
            await asyncio.open_connection("127.0.0.1", server.ua.hop("tcp").port, local_addr=(address, 0))
            for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4")
        ]
        assert await is_closed(elsewhere[2][0])  # the others share what is left
        assert server.ua.counters["connections_refused"] == 2
        for one in (begun, writer, *(other for _, other in elsewhere)):
            one.close()
        await until(lambda: server.ua.counters["handshakes_failed"] == 1)
        async with browser(server) as page:
            await page.send(page.request("OPTIONS"))
            assert (await page.response()).code == 200


async def test_a_browser_that_answers_no_ping_is_gone_with_its_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_EVERY", 0.3)
    async with server_and_client() as (server, client):
        registrar = serve(server)
        await client.ua.register("sip:1001@callstream", server.ua.hop("wss"), credentials("1001"), 600)
        assert len(registrar.bindings("1001")) == 1
        async with browser(server) as page:  # a library that answers pings by itself
            await page.send(page.request("OPTIONS"))
            await page.response()
            (held,) = client.ua._core.transport.streams.held
            assert held._transport is not None
            held._transport.pause_reading()  # it looks alive to TCP, and hears nothing any more
            assert held._beat is not None
            held._beat.cancel()  # nor does it ping
            await until(lambda: registrar.bindings("1001") == [])
            assert server.ua.counters["dead_connections"] == 1
            await page.send(page.request("OPTIONS", 2))
            assert (await page.response()).code == 200


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_who_has_answered_pings_before_and_stops_is_dead(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_EVERY", 0.3)
    async with server_and_client() as (server, client):
        serve(server)
        await client.ua.register("sip:1001@callstream", server.ua.hop(transport), credentials("1001"), 600)
        await until(lambda: server.ua.counters["keepalives"] >= 2)
        assert client.ua.counters["dead_connections"] == 0
        (held,) = server.ua._core.transport.streams.held
        assert held._transport is not None
        held._transport.pause_reading()
        await until(lambda: client.ua.counters["dead_connections"] == 1)


@pytest.mark.parametrize("transport", SECURE)
async def test_who_does_not_read_is_cut(transport: str, pair: tuple[Phone, Phone], monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = pair
    registrar = serve(server)
    await client.ua.register("sip:1001@callstream", server.ua.hop(transport), credentials("1001"), 600)
    (held,) = client.ua._core.transport.streams.held
    assert held._transport is not None
    held._transport.pause_reading()
    (binding,) = registrar.bindings("1001")
    padding = [("Subject", "x" * 60_000)]
    for _ in range(400):  # 24 MB: more than both kernels' buffers hold
        server.call(str(binding.contact), next_hop=binding.source, sdp=OFFER, headers=padding)
        if server.ua.counters["transport_errors"]:
            break
        await asyncio.sleep(0)
    await until(lambda: registrar.bindings("1001") == [])
    await until(lambda: server.held("connections") == 0)


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_on_uvloop_a_rude_peer_is_gone_within_seconds(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends garbage inside TLS, and then neither reads nor closes."""
    monkeypatch.setattr(streams, "FAREWELL", 0.1)

    async def be_rude() -> None:
        async with server_and_client() as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.ua.hop(transport).port, ssl=trusting())
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(b"\xff" * (MAX_MESSAGE + 1))
            await until(lambda: server.ua.counters["broken_streams"] + server.ua.counters["handshakes_failed"] == 1)
            await until(lambda: server.held("connections") == 0)
            del reader

    uvloop.run(be_rude())


async def test_an_unreachable_peer_fails_all_that_waited_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server_and_client() as (server, client):
        port = server.ua.hop("wss").port
        await server.ua.stop()
        for transport in ("tls", "wss"):
            hop = server.ua.hop("tcp")._replace(transport=transport, port=port)
            for _ in range(3):
                client.call("sip:x@127.0.0.1", next_hop=hop)
        await until(lambda: client.story == [("failed", 503)] * 6)
        assert client.held("connections", "client_transactions") == 0


async def test_contacts_without_end_are_not_kept(pair: tuple[Phone, Phone]) -> None:
    server, _ = pair
    streams_ = server.ua._core.transport.streams
    async with browser(server) as page:
        await page.send(page.request("OPTIONS"))
        await page.response()
        (held,) = streams_.held
        assert held.hop is not None
        contacts = [Uri.parse(f"sip:1001@host{n}.invalid;transport=ws") for n in range(streams.MAX_FLOWS + 5)]
        for contact in contacts:
            streams_.registered(contact, held.hop)
        assert [streams_.flow_of(contact) == held.hop for contact in contacts] == [False] * 5 + [True] * streams.MAX_FLOWS
    await until(lambda: not streams_._flows)


async def test_an_answer_whose_connection_is_gone_goes_where_the_caller_listens(pair: tuple[Phone, Phone]) -> None:
    server, _ = pair
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = StreamFramer()
        while chunk := await reader.read(65_536):
            for message in framer.feed(chunk):
                arrived.put_nowait(message)
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as back:
        port = back.sockets[0].getsockname()[1]
        body = OFFER.to_bytes()
        _, writer = await raw(server, "tcp")
        writer.write(
            f"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bKlater\r\nFrom: <sip:a@b>;tag=1\r\n"
            f"To: <sip:x@b>\r\nCall-ID: later\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:{port};transport=tcp>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await until(lambda: server.calls)
        writer.close()
        await until(lambda: server.held("connections") == 0)
        server.answer(server.calls[0])
        answer = await asyncio.wait_for(arrived.get(), 10)
        assert answer.startswith(b"SIP/2.0 200 ")
