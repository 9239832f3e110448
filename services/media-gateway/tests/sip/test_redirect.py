"""Calls of ours that are sent elsewhere (RFC 3261 8.1.3.4), and calls that go round in circles (RFC 3261 16.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callstream_media_gateway.sip.message import Response
from callstream_media_gateway.sip.offer_answer import make_answer
from callstream_media_gateway.sip.reach import hop_to
from callstream_media_gateway.sip.redirect import MAX_TARGETS, Redirects
from callstream_media_gateway.sip.responses import tag_of
from callstream_media_gateway.sip.uri import Uri

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


def moved(*contacts: str) -> Response:
    return Response(302, None, [("Contact", contact) for contact in contacts])


def test_the_best_address_is_tried_first_and_none_twice() -> None:
    redirects = Redirects(Uri.parse("sip:first@x"))
    redirects.add(moved("<sip:low@x>;q=0.1", "<sip:first@x>", "<:>", "<sip:high@x?Subject=a>;q=0.9", "<sip:best@x>;q=nan"))
    assert [str(redirects.next()) for _ in range(3)] == ["sip:high@x", "sip:low@x", "sip:best@x"]
    redirects.add(moved("<sip:high@x;lr>"))
    assert redirects.next() is None


def test_a_chain_of_redirections_ends() -> None:
    redirects = Redirects(Uri.parse("sip:0@x"))
    tried = 0
    while True:
        redirects.add(moved(f"<sip:{tried + 1}@x>"))
        if redirects.next() is None:
            break
        tried += 1
    assert tried == MAX_TARGETS


async def test_a_redirection_is_a_failure_unless_its_owner_follows(phone: Phone, peer: RawPeer) -> None:
    phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    invite = await peer.request_of("INVITE")
    peer.send(peer.answer(invite, 302, "x"))
    await until(lambda: phone.story == [("failed", 302)])


async def test_a_followed_call_is_the_same_call_at_another_address(phone: Phone, peer: RawPeer) -> None:
    asked: list[str] = []
    call = phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    call.on_redirect = lambda uri: asked.append(str(uri)) or (hop_to(uri) if uri.user != "forbidden" else None)  # type: ignore[func-returns-value]
    first = await peer.request_of("INVITE")
    here = f"127.0.0.1:{peer.port}"
    contacts = f"Contact: <sip:forbidden@{here}>;q=0.9, <sip:busy@{here}>;q=0.8, <sip:there@{here}>;q=0.7\r\n"
    peer.send(peer.answer(first, 302, "x").replace(f"Contact: <sip:raw@{here}>\r\n", contacts))
    second = await peer.request_of("INVITE")
    assert (second.uri, second.cseq[0], second.call_id) == (f"sip:busy@{here}", 2, first.call_id)
    assert tag_of(second.need("To")) is None
    peer.send(peer.answer(second, 486, "y"))
    while (third := await peer.request_of("INVITE")).uri == second.uri:
        pass
    assert (third.uri, third.cseq[0]) == (f"sip:there@{here}", 3)
    peer.send(peer.answer(third, 200, "z", ANSWER))
    await until(lambda: phone.story == ["answered"])
    assert [uri.partition("@")[0] for uri in asked] == ["sip:forbidden", "sip:busy", "sip:there"]
    assert phone.ua.counters["redirected"] == 2


async def test_the_last_failure_is_told_when_no_address_is_left(phone: Phone, peer: RawPeer) -> None:
    call = phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    call.on_redirect = hop_to
    first = await peer.request_of("INVITE")
    peer.send(peer.answer(first, 301, "x").replace("<sip:raw@", "<sip:other@"))
    while (second := await peer.request_of("INVITE")).cseq[0] == 1:
        pass
    peer.send(peer.answer(second, 404, "y"))
    await until(lambda: phone.story == [("failed", 404)])
    assert phone.held("dialogs", "client_transactions") <= 2


async def test_a_603_speaks_for_every_address(phone: Phone, peer: RawPeer) -> None:
    call = phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    call.on_redirect = hop_to
    first = await peer.request_of("INVITE")
    here = f"127.0.0.1:{peer.port}"
    peer.send(peer.answer(first, 300, "x").replace(f"<sip:raw@{here}>", f"<sip:a@{here}>, <sip:b@{here}>"))
    while (second := await peer.request_of("INVITE")).cseq[0] == 1:
        pass
    peer.send(peer.answer(second, 603, "y"))
    await until(lambda: phone.story == [("failed", 603)])


async def test_a_cancelled_call_follows_nobody(phone: Phone, peer: RawPeer) -> None:
    call = phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    call.on_redirect = hop_to
    first = await peer.request_of("INVITE")
    call.cancel()
    peer.send(peer.answer(first, 302, "x").replace("<sip:raw@", "<sip:other@"))
    await until(lambda: phone.story == [("failed", 487)])


async def test_a_call_that_comes_back_to_us_is_a_loop(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = phone.answer
    phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    ours = (await peer.request_of("INVITE")).need("Via")
    below = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKp, {}\r\n"
    peer.send(peer.invite(extra=below.format(ours)))
    while not isinstance(refused := await peer.receive(), Response):
        pass
    assert refused.code == 482
    stranger = ours.partition("branch=")[0] + "branch=z9hG4bKother"
    peer.send(peer.invite(extra=below.format(stranger)))
    while not isinstance(served := await peer.receive(), Response) or served.code == 100:
        pass
    assert served.code == 200, "the same address, seen from behind another translator"
    assert phone.ua.counters["loops"] == 1


HOPS = [
    ("Max-Forwards: 7\r\n", 7),
    ("Max-Forwards: 0\r\n", 0),
    ("", 70),
    ("Max-Forwards: many\r\n", 70),
    ("Max-Forwards: 9999\r\n", 255),
]


@pytest.mark.parametrize(("header", "left"), HOPS)
async def test_a_call_that_goes_on_has_one_hop_less(phone: Phone, peer: RawPeer, header: str, left: int) -> None:
    peer.send(peer.invite(drop="Max-Forwards", extra=header))
    await until(lambda: phone.calls)
    assert phone.calls[0].max_forwards == left
    phone.call(f"sip:raw@127.0.0.1:{peer.port}", max_forwards=phone.calls[0].max_forwards - 1)
    assert (await peer.request_of("INVITE")).need("Max-Forwards") == str(left - 1)
