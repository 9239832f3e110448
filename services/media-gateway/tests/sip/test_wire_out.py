"""What a scripted peer sees when it is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callstream_media_gateway.sip.digest import Challenge, Credentials, parse_answer
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer
from callstream_media_gateway.sip.responses import tag_of

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer

ANSWER = make_answer(OFFER, "127.0.0.1", 41000, session_id=9).to_bytes()


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with phones(1, **FAST) as (one,):
        yield one


@pytest.fixture
async def peer(phone: Phone) -> AsyncIterator[RawPeer]:
    raw = RawPeer(phone)
    yield raw
    raw.close()


def place(phone: Phone, peer: RawPeer) -> None:
    phone.call(f"sip:raw@127.0.0.1:{peer.port}")


async def test_an_unanswered_invite_is_repeated(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    first, second = await peer.receive(), await peer.receive()
    assert first.to_bytes() == second.to_bytes()


async def test_a_repeated_200_is_acknowledged_each_time(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    invite = await peer.request_of("INVITE")
    ok = peer.answer(invite, 200, "callee", ANSWER)
    peer.send(ok)
    first = await peer.request_of("ACK")
    peer.send(ok)
    assert (await peer.request_of("ACK")).to_bytes() == first.to_bytes()
    assert first.cseq == (1, "ACK")
    assert phone.story == ["answered"]


async def test_the_second_answer_of_a_forked_call_is_hung_up(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    invite = await peer.request_of("INVITE")
    peer.send(peer.answer(invite, 200, "one", ANSWER))
    await peer.request_of("ACK")
    peer.send(peer.answer(invite, 200, "two", ANSWER))
    ack, bye = await peer.request_of("ACK"), await peer.request_of("BYE")
    assert tag_of(ack.need("To")) == tag_of(bye.need("To")) == "two"
    assert phone.story == ["answered"]
    assert not phone.dialogs[0].is_over
    assert phone.ua.counters["forks_hung_up"] == 1


async def test_a_final_refusal_is_acknowledged_each_time_it_comes(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    invite = await peer.request_of("INVITE")
    for _ in range(2):
        peer.send(peer.answer(invite, 486, "busy"))
        ack = await peer.request_of("ACK")
        assert ack.get("Via") == invite.get("Via")
        assert tag_of(ack.need("To")) == "busy"
        assert ack.cseq == (1, "ACK")
    assert phone.story == [("failed", 486)]


async def test_the_cancel_names_its_invite(phone: Phone, peer: RawPeer) -> None:
    call = phone.ua.invite(f"sip:raw@127.0.0.1:{peer.port}", from_="sip:me@here", sdp=OFFER)
    invite = await peer.request_of("INVITE")
    call.cancel()
    peer.send(peer.answer(invite, 100))
    cancel = await peer.request_of("CANCEL")
    for name in ("Via", "From", "To", "Call-ID"):
        assert cancel.get(name) == invite.get(name)
    assert cancel.uri == invite.uri
    assert cancel.cseq == (1, "CANCEL")


@pytest.mark.parametrize("body", [b"", b"v=0\r\nnonsense", b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n"])
async def test_an_answer_that_cannot_be_used_is_acknowledged_and_hung_up(phone: Phone, peer: RawPeer, body: bytes) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", body))
    await peer.request_of("ACK")
    await peer.request_of("BYE")
    assert phone.story == [("failed", 488)]
    assert phone.held("dialogs") == 0


async def test_an_answer_without_a_readable_contact_fails_the_call(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    answer = peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER)
    peer.send(answer.replace("Contact: <sip:", "Contact: <nonsense:"))
    await until(lambda: phone.story == [("failed", 502)])


async def test_routes_of_the_answer_are_walked_backwards_and_a_strict_router_is_obeyed(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    here = f"127.0.0.1:{peer.port}"
    routes = f"Record-Route: <sip:far.example;lr>\r\nRecord-Route: <sip:strict@{here}>\r\n"
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER, routes))
    ack = await peer.request_of("ACK")
    assert ack.uri == f"sip:strict@{here}"
    assert ack.values("Route") == ["<sip:far.example;lr>", f"<sip:raw@{here}>"]


async def test_stray_and_foreign_responses_are_counted(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    invite = await peer.request_of("INVITE")
    foreign = peer.answer(invite, 486, "x").replace("From:", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKother\r\nFrom:", 1)
    peer.send(foreign)
    peer.send(peer.answer(invite, 486, "x").replace("z9hG4bK", "z9hG4bKno"))
    await until(lambda: phone.ua.counters["stray_responses"] == 2)
    assert phone.story == []


async def test_a_bye_is_repeated_until_it_is_answered(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    phone.dialogs[0].bye()
    first, second = await peer.request_of("BYE"), await peer.request_of("BYE")
    assert isinstance(first, Request)
    assert first.to_bytes() == second.to_bytes()
    assert first.cseq == (2, "BYE")
    peer.send(peer.answer(first, 200))
    await until(lambda: phone.held("dialogs") == 0)


async def test_a_reinvite_of_ours_is_acknowledged_again_when_its_200_repeats(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    result = phone.dialogs[0].reinvite(OFFER)
    invite = await peer.request_of("INVITE")
    assert tag_of(invite.need("To")) == "x"
    for _ in range(2):
        peer.send(peer.answer(invite, 200, "x", ANSWER))
        assert (await peer.request_of("ACK")).cseq == (2, "ACK")
    assert (await result).code == 200


async def test_a_dead_peer_ends_the_call_at_the_next_request(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    assert await phone.dialogs[0].send_digit("1") == 408
    assert ("ended", "gone") in phone.story


@pytest.mark.parametrize(("code", "asks", "answers"), [
    (401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization"),
])  # fmt: skip
@pytest.mark.parametrize("method", ["INFO", "INVITE", "BYE"])
async def test_a_challenge_inside_the_call_is_answered_once(
    phone: Phone, peer: RawPeer, method: str, code: int, asks: str, answers: str
) -> None:
    phone.call(f"sip:raw@127.0.0.1:{peer.port}", credentials=Credentials("ann", "pw"))
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    dialog = phone.dialogs[0]
    result: asyncio.Future[Any] | None = None
    if method == "BYE":
        dialog.bye()
    else:
        result = dialog.send_digit("1") if method == "INFO" else dialog.reinvite(OFFER)
    for number in (2, 3):
        while (request := await peer.request_of(method)).cseq[0] != number:
            pass  # repetitions of the one before
        answer = request.get(answers)
        assert (answer is None) is (number == 2)
        if answer is not None:
            assert parse_answer(answer).username == "ann"
        peer.send(peer.answer(request, code, extra=f"{asks}: {Challenge('r', f'n{number}')}\r\n"))
    if result is not None:
        assert (await result) in (code, (code, None))


async def test_a_reinvite_that_nobody_answers_ends_the_call(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    assert (await phone.dialogs[0].reinvite(OFFER)).code == 408
    assert ("ended", "gone") in phone.story


@pytest.mark.parametrize(("body", "code"), [(b"v=0\r\n", 488), (ANSWER, 200)])
async def test_a_reinvite_with_an_unusable_answer_leaves_the_old_session(
    phone: Phone, peer: RawPeer, body: bytes, code: int
) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    dialog, offer = phone.dialogs[0], make_offer("127.0.0.1", 45000, session_id=1, version=2)
    result = dialog.reinvite(offer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", body))
    assert (await result).code == code
    assert dialog.local_sdp == (offer if code == 200 else OFFER)
    assert not dialog.is_over


async def test_a_hang_up_ends_a_reinvite_that_is_under_way(phone: Phone, peer: RawPeer) -> None:
    place(phone, peer)
    peer.send(peer.answer(await peer.request_of("INVITE"), 200, "x", ANSWER))
    await peer.request_of("ACK")
    result = phone.dialogs[0].reinvite(OFFER)
    phone.dialogs[0].bye()
    assert (await result).code == 481


async def test_a_message_too_large_for_a_datagram_is_refused_here(phone: Phone, peer: RawPeer) -> None:
    phone.call(f"sip:raw@127.0.0.1:{peer.port}", headers=[("X-Much", "x" * 66_000)])
    await until(lambda: phone.story == [("failed", 503)])
    assert phone.ua.counters["oversized"] == 1
    assert phone.held() == 0


async def test_headers_of_the_owner_go_out_and_may_not_forge_lines(phone: Phone, peer: RawPeer) -> None:
    target = f"sip:raw@127.0.0.1:{peer.port}"
    phone.ua.invite(target, from_='"Ann, B" <sip:a@b>', sdp=OFFER, headers=[("X-Call", "7")])
    invite = await peer.request_of("INVITE")
    assert invite.get("X-Call") == "7"
    assert invite.need("From").startswith('"Ann, B" <sip:a@b>;tag=')
    with pytest.raises(ValueError, match="line break"):
        phone.ua.invite(target, from_="sip:a@b", sdp=OFFER, headers=[("X-Call", "7\r\nVia: forged")])
