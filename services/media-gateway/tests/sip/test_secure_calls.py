"""Calls and registrations over TLS, WS and WSS: between two of our own, and with a foreign WebSocket client."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from callstream_media_gateway.sip import tls
from callstream_media_gateway.sip.digest import Credentials, answer_challenge, choose_challenge
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.message import Request, Response
from callstream_media_gateway.sip.reach import hop_to
from callstream_media_gateway.sip.responses import tag_of
from callstream_media_gateway.sip.uri import Uri

from .phones import FAST, OFFER, Phone, until
from .secure import SECURE, Browser, browser, certificate, server_and_client, trusting
from .test_registration import credentials, serve

uvloop = pytest.importorskip("uvloop")


async def call_both_ways(transport: str) -> None:
    """The client registers and calls; the server calls back by the binding; each hangs up once."""
    async with server_and_client() as (server, client):
        registrar = serve(server)
        server.when_called, client.when_called = server.answer, client.answer
        hop = server.ua.hop(transport)
        await client.ua.register("sip:1001@callstream", hop, credentials("1001"), 600)
        (binding,) = registrar.bindings("1001")
        assert binding.source.transport == transport

        client.call(server, next_hop=hop)
        await until(lambda: "acked" in server.story)
        server.dialogs[0].bye()
        await until(lambda: ("ended", "bye") in client.story)

        server.call(str(binding.contact), next_hop=binding.source)
        await until(lambda: "acked" in client.story)
        assert client.calls[0].source == hop
        client.dialogs[-1].bye()
        await until(lambda: ("ended", "bye") in server.story)

        assert client.held("connections") == server.held("connections") == 1  # all of it over the one connection
        assert server.ua.counters["transport_errors"] == client.ua.counters["transport_errors"] == 0


@pytest.mark.parametrize("transport", SECURE)
async def test_calls_in_both_directions_use_the_one_connection(transport: str) -> None:
    await call_both_ways(transport)


@pytest.mark.parametrize("transport", SECURE)
def test_the_same_on_uvloop(transport: str) -> None:
    uvloop.run(call_both_ways(transport))


async def test_a_name_is_sent_as_sni_and_must_stand_in_the_certificate() -> None:
    async with server_and_client() as (server, client):
        asked: list[str | None] = []
        context = server.ua.config.server_tls
        assert context is not None
        context.sni_callback = lambda _connection, name, _context: asked.append(name)
        server.when_called = server.answer
        port = server.ua.hop("tls").port
        client.call(f"sips:queue@localhost:{port}")
        await until(lambda: "answered" in client.story)
        assert asked == ["localhost"]
        assert server.calls[0].source.host == "127.0.0.1"
        # Called by sips:, both answer to sips: (RFC 3261 12.1.1), and so do later requests.
        assert server.dialogs[0].remote_target.scheme == client.dialogs[0].remote_target.scheme == "sips"
        assert "sips:" in server.dialogs[0].contact()[1]
        client.dialogs[0].bye()  # by the connection that was dialled under the name
        await until(lambda: ("ended", "bye") in server.story)
        assert client.held("connections") == 1
        # 127.0.0.2 reaches nobody under that name, and nothing falls back to another transport.
        client.call(f"sip:queue@127.0.0.2:{port};transport=tls")
        await until(lambda: ("failed", 503) in client.story)


@pytest.mark.parametrize(("verify", "outcome"), [(True, ("failed", 503)), (False, "answered")])
async def test_a_certificate_of_nobody_known_is_believed_only_when_told_so(verify: bool, outcome: object) -> None:
    async with server_and_client() as (server, _):
        server.when_called = server.answer
        stranger = Phone(client_tls=tls.calling(verify=verify), **FAST)
        await stranger.ua.start()
        try:
            stranger.call(server, next_hop=server.ua.hop("tls"))
            await until(lambda: stranger.story)
            assert stranger.story[0] == outcome
            assert stranger.ua.counters["handshakes_failed"] == (1 if verify else 0)
        finally:
            await stranger.ua.stop()


async def test_a_peer_that_wants_to_know_who_calls_is_shown_a_certificate() -> None:
    async with server_and_client() as (server, _):
        context = server.ua.config.server_tls
        assert context is not None
        context.load_verify_locations(certificate()[0])
        context.verify_mode = ssl.CERT_REQUIRED
        server.when_called = server.answer
        for identity, outcome in ((None, ("failed", 503)), (certificate(), "answered")):
            carrier = Phone(client_tls=tls.calling(certificate()[0], identity=identity), **FAST)
            await carrier.ua.start()
            try:
                carrier.call(server, next_hop=server.ua.hop("tls"))
                await until(lambda carrier=carrier: carrier.story)
                assert carrier.story[0] == outcome
            finally:
                await carrier.ua.stop()


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:a@h", Hop("udp", "h", 5060)),
        ("sips:a@h", Hop("tls", "h", 5061)),
        ("sips:a@h:7;transport=tcp", Hop("tls", "h", 7)),
        ("sip:a@h;transport=TLS", Hop("tls", "h", 5061)),
        ("sip:a@h;transport=ws", Hop("ws", "h", 80)),
        ("sips:a@h;transport=ws", Hop("wss", "h", 443)),
    ],
)
def test_where_a_uri_leads(uri: str, hop: Hop) -> None:
    assert hop_to(Uri.parse(uri)) == hop


# a browser, played by a foreign library


async def register(page: Browser, cseq: int = 1) -> None:
    """As browsers do: by the first challenge, whatever else there is."""
    await page.send(page.request("REGISTER", cseq))
    challenged = await page.response()
    assert challenged.code == 401
    first = choose_challenge(challenged.lines("WWW-Authenticate")[:1])
    assert first is not None
    assert first.algorithm == "MD5"
    answer = answer_challenge(first, Credentials("1001", "pw1001"), "REGISTER", "sip:callstream", cnonce="x")
    await page.send(page.request("REGISTER", cseq + 1, extra=[f"Authorization: {answer}"]))
    registered = await page.response()
    assert registered.code == 200, registered
    assert Browser.host in registered.need("Contact")


@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_browser_registers_calls_and_is_called(transport: str) -> None:
    async with server_and_client() as (server, _):
        registrar = serve(server)
        server.when_called = server.answer
        async with browser(server, transport) as page:
            assert page.connection.subprotocol == "sip"
            await register(page)
            await page.send(page.request("INVITE", body=OFFER.to_bytes(), call_id="out"))
            answered = await page.response()
            assert answered.code == 200
            assert "received=127.0.0.1" in answered.need("Via")
            assert ";transport=ws>" in answered.need("Contact")
            await page.send(page.request("ACK", call_id="out", to_tag=tag_of(answered.need("To")) or ""))
            await until(lambda: "acked" in server.story)
            server.dialogs[0].bye()
            bye = await page.receive()
            assert isinstance(bye, Request)
            assert bye.uri == f"sip:1001@{Browser.host};transport=ws"
            await page.send(page.ok(bye))

            (binding,) = registrar.bindings("1001")
            server.call(str(binding.contact), next_hop=binding.source)
            invite = await page.receive()
            assert isinstance(invite, Request)
            assert invite.need("Via").startswith(f"SIP/2.0/{transport.upper()} 127.0.0.1:")
            await page.send(page.ok(invite, OFFER.to_bytes()))
            assert (await page.receive()).need("CSeq") == "1 ACK"
            assert "answered" in server.story
        await until(lambda: registrar.bindings("1001") == [])  # the page is closed, and with it the phone is gone


async def test_a_page_that_is_closed_while_it_rings_fails_the_call_at_once() -> None:
    async with server_and_client(t1=60.0) as (server, _):  # no timer helps here
        registrar = serve(server)
        async with browser(server) as page:
            await register(page)
            (binding,) = registrar.bindings("1001")
            server.call(str(binding.contact), next_hop=binding.source)
            invite = await page.receive()
            assert isinstance(invite, Request)
            await page.send(page.ok(invite, code=180))
            await until(lambda: ("ringing", 180, False) in server.story)
        await until(lambda: ("failed", 503) in server.story)
        assert server.held("client_transactions", "connections") == 0


async def test_a_page_that_is_closed_while_it_calls_gives_the_call_up() -> None:
    async with server_and_client(t1=60.0) as (server, _):
        async with browser(server) as page:
            await page.send(page.request("INVITE", body=OFFER.to_bytes()))
            await until(lambda: server.calls)
        await until(lambda: "cancelled" in server.story)


async def test_a_browser_that_connects_anew_keeps_its_call() -> None:
    async with server_and_client() as (server, _):
        serve(server)
        server.when_called = server.answer
        async with browser(server) as page:
            await register(page)
            await page.send(page.request("INVITE", body=OFFER.to_bytes(), call_id="long"))
            answered = await page.response()
            await page.send(page.request("ACK", call_id="long", to_tag=tag_of(answered.need("To")) or ""))
            await until(lambda: "acked" in server.story)
        await until(lambda: server.held("connections") == 0)
        assert server.held("dialogs") == 1
        async with browser(server) as page:
            await register(page, 11)
            server.dialogs[0].bye()
            bye = await page.receive()
            assert isinstance(bye, Request)
            assert (bye.method, bye.call_id) == ("BYE", "long")
            assert bye.need("Via").startswith("SIP/2.0/WSS ")
            await page.send(page.ok(bye))
            await until(lambda: server.held("dialogs", "client_transactions") == 0)


async def test_a_call_survives_a_restart_of_the_server_and_finds_the_browser_again() -> None:
    async with server_and_client() as (server, client):
        serve(server)
        server.when_called = server.answer
        await client.ua.register("sip:1001@callstream", server.ua.hop("wss"), credentials("1001"), 600)
        client.call(server, next_hop=server.ua.hop("wss"))
        await until(lambda: "acked" in server.story and "answered" in client.story)
        kept = server.dialogs[0].export()
        await server.ua.stop()  # says nothing, as a kill would

        config = server.ua.config
        again = Phone(wss_port=server.ua.hop("wss").port, server_tls=config.server_tls, **FAST)
        await again.ua.start()
        try:
            registrar = serve(again)
            dialog = again.watch(again.ua.restore(kept))
            await until(lambda: registrar.bindings("1001"))
            assert dialog.remote_hop == registrar.bindings("1001")[0].source
            dialog.bye()
            await until(lambda: ("ended", "bye") in client.story)
            await until(lambda: again.held("client_transactions", "dialogs") == 0)
        finally:
            await again.ua.stop()


async def test_a_browser_that_is_gone_is_never_dialled() -> None:
    async with server_and_client() as (server, _):
        gone = Hop("wss", "127.0.0.1", server.ua.hop("wss").port)
        for target, hop in ((f"sip:x@{Browser.host};transport=ws", None), ("sip:x@127.0.0.1", gone)):
            server.story.clear()
            server.call(target, next_hop=hop)
            await until(lambda: server.story == [("failed", 503)])
        assert server.held("connections") == 0


async def test_a_phone_registers_again_as_soon_as_its_connection_breaks() -> None:
    async with server_and_client() as (server, client):
        registrar = serve(server)
        await client.ua.register("sip:1001@callstream", server.ua.hop("tls"), credentials("1001"), 600)
        (before,) = registrar.bindings("1001")
        for connection in list(server.ua._core.transport.streams.held):
            connection.abort()
        await until(lambda: registrar.bindings("1001") == [])
        await until(lambda: registrar.bindings("1001"))
        assert registrar.bindings("1001")[0].source != before.source


async def test_a_broken_stream_takes_only_its_own_phones() -> None:
    async with server_and_client() as (server, client):
        registrar = serve(server)
        other = Phone(client_tls=trusting(), **FAST)
        await other.ua.start()
        try:
            await client.ua.register("sip:1001@callstream", server.ua.hop("wss"), credentials("1001"), 600)
            await client.ua.register("sip:1002@callstream", server.ua.hop("udp"), credentials("1002"), 600)
            await other.ua.register("sip:1003@callstream", server.ua.hop("tcp"), credentials("1003"), 600)
        finally:
            await other.ua.stop()
        await until(lambda: registrar.bindings("1003") == [])
        assert [len(registrar.bindings(user)) for user in ("1001", "1002")] == [1, 1]


async def test_an_unusable_certificate_is_told_at_the_start() -> None:
    certificate_file, key = certificate()
    with pytest.raises(ssl.SSLError):
        tls.serving(key, certificate_file)
    with pytest.raises(ValueError, match="server_tls"):
        await Phone(tls_port=0).ua.start()
    async with server_and_client() as (server, _):
        with pytest.raises(OSError):
            await Phone(tls_port=server.ua.hop("tls").port, server_tls=tls.serving(*certificate())).ua.start()


async def test_responses_find_the_connection_that_their_request_came_on() -> None:
    async with server_and_client() as (server, _):
        async with browser(server) as one, browser(server, "ws") as two:
            for page in (one, two):
                await page.send(page.request("OPTIONS"))
            answers = await asyncio.gather(one.response(), two.response())
        assert [answer.code for answer in answers if isinstance(answer, Response)] == [200, 200]
