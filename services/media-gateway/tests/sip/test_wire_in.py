"""What a scripted peer sees when it calls: the rules of RFC 3261 that two well-behaved user agents never show."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callstream_media_gateway.sip import connection
from callstream_media_gateway.sip.message import Request, Response
from callstream_media_gateway.sip.responses import tag_of

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer, RawStream


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with phones(1, **FAST) as (one,):
        yield one


@pytest.fixture
async def peer(phone: Phone) -> AsyncIterator[RawPeer]:
    raw = RawPeer(phone)
    yield raw
    raw.close()


async def test_a_repeated_invite_is_absorbed_and_its_last_response_repeated(phone: Phone, peer: RawPeer) -> None:
    invite = peer.invite()
    peer.send(invite)
    assert (await peer.receive()).need("CSeq") == "1 INVITE"
    peer.send(invite)
    again = await peer.receive()
    assert isinstance(again, Response)
    assert again.code == 100
    assert phone.story == ["invite"]
    assert phone.ua.counters["retransmissions_in"] == 1


async def test_the_200_is_repeated_until_the_ack_comes(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    peer.send(peer.invite())
    first = await peer.response()
    second = await peer.response()
    assert first.code == second.code == 200
    assert first.to_bytes() == second.to_bytes()
    peer.send(peer.request("ACK", to_tag=tag_of(first.need("To")) or ""))
    await until(lambda: "acked" in phone.story)
    while not await peer.silence():  # repetitions that were under way
        pass
    assert phone.ua.counters["no_ack"] == 0


@pytest.mark.parametrize("branch", ["its own", "the invite's"])
async def test_an_ack_counts_with_a_new_branch_and_with_the_invites(phone: Phone, peer: RawPeer, branch: str) -> None:
    phone.when_called = phone.answer
    peer.send(peer.invite(branch="z9hG4bKsame"))
    ok = await peer.response()
    ack_branch = "z9hG4bKsame" if branch == "the invite's" else None
    peer.send(peer.request("ACK", branch=ack_branch, to_tag=tag_of(ok.need("To")) or ""))
    await until(lambda: "acked" in phone.story)


async def test_without_an_ack_the_call_is_hung_up(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    peer.send(peer.invite())
    assert (await peer.request_of("BYE")).method == "BYE"
    assert ("ended", "no-ack") in phone.story
    assert phone.ua.counters["no_ack"] == 1


async def test_a_hang_up_before_the_ack_waits_for_it(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: phone.answer(call).bye()
    peer.send(peer.invite())
    ok = await peer.response()
    while not await peer.silence(0.06):  # only 200s so far; request_of would have missed a BYE among them
        assert phone.held("client_transactions") == 0
        break
    peer.send(peer.request("ACK", to_tag=tag_of(ok.need("To")) or ""))
    bye = await peer.request_of("BYE")
    assert bye.cseq == (1, "BYE")


async def test_an_offerless_invite_gets_our_offer_and_the_ack_brings_the_answer(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    peer.send(peer.invite(body=b""))
    ok = await peer.response()
    assert ok.body
    assert phone.dialogs[0].remote_sdp is None
    peer.send(peer.request("ACK", to_tag=tag_of(ok.need("To")) or "", body=OFFER.to_bytes()))
    await until(lambda: "acked" in phone.story)
    assert phone.dialogs[0].remote_sdp == OFFER


async def test_an_ack_without_the_answer_that_was_due_ends_the_call(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    peer.send(peer.invite(body=b""))
    ok = await peer.response()
    peer.send(peer.request("ACK", to_tag=tag_of(ok.need("To")) or ""))
    await peer.request_of("BYE")
    assert ("ended", "no-answer") in phone.story


async def test_requests_out_of_order_get_500_and_repeated_ones_the_same_answer(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    tag = await peer.call_and_answer()
    info = peer.request("INFO", 5, to_tag=tag)
    for message, code in ((info, 200), (info, 200), (peer.request("INFO", 4, to_tag=tag), 500)):
        peer.send(message)
        assert (await peer.response()).code == code
    peer.send(peer.request("INFO", 6, to_tag=tag))
    assert (await peer.response()).code == 200
    assert phone.ua.counters["out_of_order"] == 1


async def test_a_bye_for_an_early_dialog_ends_the_invite_with_487(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: call.provisional(180)
    peer.send(peer.invite())
    ringing = await peer.response()
    peer.send(peer.request("BYE", 2, to_tag=tag_of(ringing.need("To")) or ""))
    answers = {(await peer.response()).need("CSeq").split()[1]: None for _ in range(2)}
    assert set(answers) == {"BYE", "INVITE"}
    assert phone.story == ["invite", "cancelled"]


async def test_a_cancel_after_the_answer_changes_nothing(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    invite = peer.invite(branch="z9hG4bKcan")
    peer.send(invite)
    ok = await peer.response()
    peer.send(peer.request("CANCEL", branch="z9hG4bKcan"))
    while (response := await peer.response()).cseq[1] != "CANCEL":
        pass
    assert response.code == 200
    assert tag_of(response.need("To")) == tag_of(ok.need("To"))
    assert not phone.dialogs[0].is_over


async def test_a_cancel_without_an_invite_is_unknown(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.request("CANCEL"))
    assert (await peer.response()).code == 481


async def test_the_same_invite_by_two_paths_is_a_loop(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: call.provisional(180)
    peer.send(peer.invite())
    assert (await peer.response()).code == 180
    peer.send(peer.invite())
    assert (await peer.response()).code == 482


REFUSED = [
    ("an unknown method", {"method": "FLY"}, 501),
    ("a method we do not serve", {"method": "SUBSCRIBE"}, 405),
    ("a dialog we do not know", {"method": "BYE", "to_tag": "nobody"}, 481),
    ("a BYE for nothing", {"method": "BYE"}, 481),
    ("an extension we lack", {"method": "INVITE", "extra": "Require: 100rel, fast-food\r\n"}, 420),
    ("a body of another type", {"method": "INVITE", "body": b"hi", "content_type": "text/plain"}, 415),
    ("an encoded body", {"method": "INVITE", "body": b"hi", "extra": "Content-Encoding: gzip\r\n"}, 415),
    ("a broken offer", {"method": "INVITE", "body": b"v=0\r\nm=audio x\r\n"}, 400),
    ("two contacts", {"method": "INVITE", "extra": "Contact: <sip:c@d>\r\n"}, 400),
    ("no scheme at all", {"method": "INVITE", "uri": "<sip:phone@x>"}, 400),
    ("headers in the Request-URI", {"method": "INVITE", "uri": "sip:phone@x?Subject=y"}, 400),
    ("an unknown scheme", {"method": "INVITE", "uri": "http://example.com"}, 416),
    ("no Call-ID", {"method": "INVITE", "drop": "Call-ID"}, 400),
    ("two Call-IDs", {"method": "INVITE", "extra": "i: other\r\n"}, 400),
    ("no Via", {"method": "INVITE", "drop": "Via"}, None),
    ("a CSeq of another method", {"method": "INVITE", "cseq_method": "BYE"}, 400),
    ("a bad From", {"method": "INVITE", "drop": "From", "extra": "From: <sip:x@y;tag=1\r\n"}, 400),
    ("a bad Content-Length", {"method": "OPTIONS", "drop": "Content-Length", "extra": "Content-Length: x\r\n"}, 400),
    ("a cut-off body", {"method": "OPTIONS", "drop": "Content-Length", "extra": "Content-Length: 10\r\n"}, 400),
    ("no header line", {"method": "OPTIONS", "extra": "what is this\r\n"}, 400),
    ("REGISTER without a registrar", {"method": "REGISTER"}, 405),
    ("OPTIONS", {"method": "OPTIONS"}, 200),
]


@pytest.mark.parametrize(("what", "parts", "code"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_what_cannot_be_served_is_answered_and_holds_nothing(
    phone: Phone, peer: RawPeer, what: str, parts: dict[str, object], code: int | None
) -> None:
    peer.send(peer.request(**parts))  # type: ignore[arg-type]
    if code is None:
        await until(lambda: phone.ua.counters["malformed"] == 1)
        assert await peer.silence()
    else:
        assert (await peer.response()).code == code
    assert phone.calls == []
    assert phone.held() == 0
    phone.when_called = phone.answer
    await peer.call_and_answer()  # and the next one is served


async def test_another_version_is_505(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.request("OPTIONS").replace("sip:phone@127.0.0.1", "sip:phone@x").replace(" SIP/2.0\r\n", " SIP/7.0\r\n", 1))
    assert (await peer.response()).code == 505


GARBAGE = [b"\x00" * 50, b"hello there", b"\r\n\r\n\r\n\r\n\r\n", b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", b"\xff\xfe" * 400]
GARBAGE += [b"INVITE sip:a@b SIP/2.0\r\nVia: \r\nFrom:\r\nTo:\r\nCall-ID:\r\nCSeq:\r\n\r\n", b"SIP/2.0 999 x\r\nVia: y\r\n\r\n"]
GARBAGE += [b"A" * 65000, b"INVITE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 5000 + b"\r\n"]


@pytest.mark.parametrize("garbage", GARBAGE, ids=[repr(g[:20]) for g in GARBAGE])
async def test_garbage_is_counted_and_stops_nobody(phone: Phone, peer: RawPeer, garbage: bytes) -> None:
    peer.send(garbage)
    counters = phone.ua.counters
    await until(lambda: counters["malformed"] == 1)
    assert phone.held() == 0
    assert counters["internal_errors"] == 0
    phone.when_called = phone.answer
    await peer.call_and_answer()


async def test_keep_alives_are_noticed_and_not_answered_on_udp(phone: Phone, peer: RawPeer) -> None:
    for ping in (b"\r\n\r\n", b"\r\n", b"\0", b""):
        peer.send(ping)
    await until(lambda: phone.ua.counters["keepalives"] == 4)
    assert await peer.silence()
    assert phone.ua.counters["malformed"] == 0


async def test_responses_go_to_the_source_with_rport_and_to_the_via_port_without(phone: Phone) -> None:
    peer, other = RawPeer(phone), RawPeer(phone)
    try:
        options = peer.request("OPTIONS", branch="z9hG4bK1").replace(f"127.0.0.1:{peer.port};", f"127.0.0.1:{other.port};", 1)
        peer.send(options)
        assert (await other.response()).code == 200
        peer.send(options.replace("z9hG4bK1", "z9hG4bK2;rport").replace(f"127.0.0.1:{other.port};", "10.9.9.9;"))
        via = (await peer.response()).need("Via")
        assert f"rport={peer.port}" in via
        assert "received=127.0.0.1" in via
    finally:
        peer.close()
        other.close()


async def test_tcp_messages_are_found_across_chunks_and_several_in_one(phone: Phone, peer: RawPeer) -> None:
    stream = await RawStream.connect(phone)
    options = [peer.request("OPTIONS", n).replace("SIP/2.0/UDP", "SIP/2.0/TCP") for n in (1, 2, 3)]
    whole = "".join(options).encode()
    for at in range(0, len(whole), 7):
        stream.writer.write(whole[at : at + 7])
        await stream.writer.drain()
    assert [(await stream.receive()).cseq[0] for _ in range(3)] == [1, 2, 3]
    stream.writer.write(b"\r\n\r\n")
    assert await stream.bytes(2) == b"\r\n"
    stream.writer.write(whole)
    assert [(await stream.receive()).cseq[0] for _ in range(3)] == [1, 2, 3]
    stream.writer.close()
    await until(lambda: phone.held() == 0)


@pytest.mark.parametrize(
    ("what", "code"), [("Content-Length: x", 400), ("Content-Length: 900000", 513), ("Content-Length: -1", 400)]
)
async def test_a_stream_whose_boundaries_are_lost_is_answered_and_closed(
    phone: Phone, peer: RawPeer, what: str, code: int
) -> None:
    stream = await RawStream.connect(phone)
    broken = peer.request("OPTIONS").replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace("Content-Length: 0", what)
    stream.writer.write(broken.encode())
    response = await stream.receive()
    assert isinstance(response, Response)
    assert response.code == code
    assert await stream.closed()
    assert phone.ua.counters["broken_streams"] == 1
    stream.writer.close()


async def test_an_endless_head_costs_its_connection(phone: Phone) -> None:
    stream = await RawStream.connect(phone)
    stream.writer.write(b"X" * 70_000)
    assert await stream.closed()
    assert phone.ua.counters["oversized"] == 1
    stream.writer.close()


async def test_connections_beyond_the_limit_are_closed() -> None:
    async with phones(1, max_connections=4) as (phone,):  # two of them for one address
        streams = [await RawStream.connect(phone) for _ in range(3)]
        await until(lambda: phone.ua.counters["connections_refused"] == 1)
        assert phone.held("connections") == 2
        for stream in streams:
            stream.writer.close()


async def test_a_phone_behind_translation_is_answered_where_it_was_heard(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    here, inside = f"127.0.0.1:{peer.port}", "192.168.77.5:5060"
    hidden = (
        peer.invite()
        .replace(f"UDP {here};", f"UDP {inside};rport;")
        .replace(f"Contact: <sip:raw@{here}>", f"Contact: <sip:raw@{inside}>")
    )
    peer.send(hidden)
    ok = await peer.response()
    peer.send(peer.request("ACK", to_tag=tag_of(ok.need("To")) or ""))
    await until(lambda: "acked" in phone.story)
    phone.dialogs[0].bye()
    assert (await peer.request_of("BYE")).uri == f"sip:raw@{inside}"


async def test_the_ack_of_an_earlier_answer_does_not_count_for_a_later_one(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    tag = await peer.call_and_answer()
    await until(lambda: phone.story.count("acked") == 1)
    peer.send(peer.invite(cseq=2, to_tag=tag))
    assert (await peer.response()).code == 200
    peer.send(peer.request("ACK", 1, to_tag=tag))
    assert (await peer.response()).cseq == (2, "INVITE"), "the 200 is still repeated"
    assert phone.story.count("acked") == 1
    peer.send(peer.request("ACK", 2, to_tag=tag))
    await until(lambda: phone.story.count("acked") == 2)


async def test_a_connection_that_says_nothing_is_closed(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SILENT", 0.05)
    silent = await RawStream.connect(phone)
    silent.writer.write(b"OPTIONS sip:a")
    assert await silent.closed()
    await until(lambda: phone.held("connections") == 0)
    silent.writer.close()


async def test_record_routes_are_walked_in_requests_of_ours(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    here = f"127.0.0.1:{peer.port}"
    routes = f"Record-Route: <sip:{here};lr>, <sip:far.example;lr>\r\n"
    peer.send(peer.invite(extra=routes))
    ok = await peer.response()
    assert ok.values("Record-Route") == [f"<sip:{here};lr>", "<sip:far.example;lr>"]
    peer.send(peer.request("ACK", to_tag=tag_of(ok.need("To")) or ""))
    await until(lambda: "acked" in phone.story)
    phone.dialogs[0].bye()
    bye = await peer.request_of("BYE")
    assert isinstance(bye, Request)
    assert bye.values("Route") == [f"<sip:{here};lr>", "<sip:far.example;lr>"]
    assert bye.uri == f"sip:raw@{here}"
