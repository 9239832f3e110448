"""Before the answer: reliable provisional responses and early offers, answers and updates (RFC 3262, RFC 3311)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Response
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer
from callstream_media_gateway.sip.responses import tag_of
from callstream_media_gateway.sip.sdp import SessionDescription, parse_sdp

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer

ANSWER = make_answer(OFFER, "127.0.0.1", 41000, session_id=9)
MOVED = make_offer("127.0.0.1", 45000, session_id=1, version=2)
SUPPORTS = "Supported: 100rel\r\n"
REQUIRES = "Require: 100rel\r\n"


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with phones(1, **FAST) as (one,):
        yield one


@pytest.fixture
async def peer(phone: Phone) -> AsyncIterator[RawPeer]:
    raw = RawPeer(phone)
    yield raw
    raw.close()


def tag(message: Response) -> str:
    return tag_of(message.need("To")) or ""


def rack(response: Response) -> str:
    return f"RAck: {response.need('RSeq')} {response.cseq[0]} INVITE\r\n"


async def past(peer: RawPeer, *codes: int) -> Response:
    """The next response with another code than these, which are repeated until they are acknowledged."""
    while (response := await peer.response()).code in codes:
        pass
    return response


WHEN_RELIABLE = [
    ("required", REQUIRES, None, True),
    ("required, with early media", REQUIRES, ANSWER, True),
    ("supported, with early media", SUPPORTS, ANSWER, True),
    ("supported, without", SUPPORTS, None, False),
    ("unknown to the caller", "", ANSWER, False),
]


@pytest.mark.parametrize(("what", "asks", "media", "reliable"), WHEN_RELIABLE, ids=[row[0] for row in WHEN_RELIABLE])
async def test_ringing_is_reliable_when(
    phone: Phone, peer: RawPeer, what: str, asks: str, media: SessionDescription | None, reliable: bool
) -> None:
    phone.when_called = lambda call: call.provisional(183, media)
    peer.send(peer.invite(extra=asks))
    ringing = await peer.response()
    assert (ringing.code, "100rel" in ringing.tokens("Require"), ringing.get("RSeq") is not None) == (183, reliable, reliable)
    assert ringing.body == (media.to_bytes() if media else b"")
    if not reliable:
        return
    again = await peer.response()
    assert again.to_bytes() == ringing.to_bytes(), "until it is acknowledged"
    peer.send(peer.request("PRACK", 2, to_tag=tag(ringing), extra=rack(ringing)))
    assert (await past(peer, 183)).cseq == (2, "PRACK")
    assert await peer.silence()
    peer.send(peer.request("PRACK", 3, to_tag=tag(ringing), extra=rack(ringing)))
    assert (await peer.response()).code == 481, "acknowledged already"
    phone.watch(phone.calls[0].answer(media or ANSWER))
    ok = await peer.response()
    assert (ok.code, bool(ok.body)) == (200, media is None), "a description goes out once"
    peer.send(peer.request("ACK", to_tag=tag(ok)))
    await until(lambda: phone.story[-1] == "acked")
    assert phone.dialogs[0].local_sdp == (media or ANSWER)


async def test_an_answer_waits_until_its_description_has_arrived(phone: Phone, peer: RawPeer) -> None:
    def answer_at_once(call: IncomingCall) -> None:
        call.provisional(183, ANSWER)
        phone.watch(call.answer(ANSWER))

    phone.when_called = answer_at_once
    peer.send(peer.invite(extra=SUPPORTS))
    early = await peer.response()
    assert (await peer.response()).code == 183
    peer.send(peer.request("PRACK", 2, to_tag=tag(early), extra=rack(early)))
    assert {(await past(peer, 183)).code, (await past(peer, 183)).code} == {200}
    peer.send(peer.request("ACK", to_tag=tag(early)))
    await until(lambda: "acked" in phone.story)


async def test_an_answer_without_description_does_not_wait(phone: Phone, peer: RawPeer) -> None:
    def answer_at_once(call: IncomingCall) -> None:
        call.provisional(180)
        phone.watch(call.answer(ANSWER))

    phone.when_called = answer_at_once
    peer.send(peer.invite(extra=REQUIRES))
    ringing = await peer.response()
    ok = await past(peer, 180)
    assert (ok.code, parse_sdp(ok.body)) == (200, ANSWER)
    peer.send(peer.request("PRACK", 2, to_tag=tag(ok), extra=rack(ringing)))
    assert (await past(peer, 180)).code == 200


async def test_reliable_responses_go_out_one_by_one(phone: Phone, peer: RawPeer) -> None:
    def ring_twice(call: IncomingCall) -> None:
        call.provisional(180)
        call.provisional(183)

    phone.when_called = ring_twice
    peer.send(peer.invite(extra=REQUIRES))
    first = await peer.response()
    assert (await peer.response()).code == 180
    peer.send(peer.request("PRACK", 2, to_tag=tag(first), extra=rack(first)))
    answers = {}
    while len(answers) < 2:
        response = await past(peer, 180)
        answers[response.cseq[1]] = response
    assert answers["PRACK"].code == 200
    assert int(answers["INVITE"].need("RSeq")) == int(first.need("RSeq")) + 1


async def test_a_caller_that_acknowledges_nothing_is_given_up(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: call.provisional(183, ANSWER)
    peer.send(peer.invite(extra=SUPPORTS))
    refused = await past(peer, 183)
    assert (refused.code, phone.story) == (504, ["invite", "cancelled"])
    peer.send(peer.request("ACK", to_tag=tag(refused)))
    await until(lambda: phone.held("dialogs", "early_dialogs", "offered_calls") == 0)
    assert phone.ua.counters["no_prack"] == 1


async def test_our_early_offer_is_answered_by_the_prack(phone: Phone, peer: RawPeer) -> None:
    heard: list[SessionDescription | None] = []

    def offer_early(call: IncomingCall) -> None:
        call.provisional(183, OFFER)
        dialog = phone.watch(call.answer(OFFER))
        dialog.on_ack = heard.append

    phone.when_called = offer_early
    peer.send(peer.request("INVITE", extra=REQUIRES))
    early = await peer.response()
    assert parse_sdp(early.body) == OFFER
    peer.send(peer.request("PRACK", 2, to_tag=tag(early), extra=rack(early)))
    assert (await past(peer, 183)).code == 481, "without the answer it is none"
    peer.send(peer.request("PRACK", 3, to_tag=tag(early), extra=rack(early), body=ANSWER.to_bytes()))
    await past(peer, 183)
    ok = await past(peer, 183)
    assert not ok.body
    peer.send(peer.request("ACK", to_tag=tag(ok)))
    await until(lambda: heard == [ANSWER])
    assert phone.dialogs[0].remote_sdp == ANSWER


@pytest.mark.parametrize("asks", ["", SUPPORTS])
async def test_the_caller_asks_in_the_early_dialog(phone: Phone, peer: RawPeer, asks: str) -> None:
    phone.when_called = lambda call: call.provisional(180)
    peer.send(peer.invite(extra=asks))
    to_tag = tag(await peer.response())
    asked = [("OPTIONS", 200, b""), ("UPDATE", 200, b""), ("UPDATE", 500, MOVED.to_bytes()), ("INVITE", 500, MOVED.to_bytes())]
    for number, (method, code, body) in enumerate(asked, 2):
        peer.send(peer.request(method, number, to_tag=to_tag, body=body))
        answer = await past(peer, 180)
        assert (answer.cseq[1], answer.code, answer.get("Retry-After") is None) == (method, code, code == 200)
    peer.send(peer.request("BYE", 9, to_tag=to_tag))
    assert {(await peer.response()).code, (await peer.response()).code} == {200, 487}
    await until(lambda: phone.story == ["invite", "cancelled"])
    assert phone.held("dialogs", "early_dialogs", "offered_calls") == 0


@pytest.mark.parametrize("by", ["UPDATE", "PRACK"])
async def test_the_caller_moves_its_early_media(phone: Phone, peer: RawPeer, by: str) -> None:
    phone.when_called = lambda call: call.provisional(183, ANSWER)
    peer.send(peer.invite(extra=SUPPORTS))
    early = await peer.response()
    if by == "UPDATE":
        peer.send(peer.request("PRACK", 2, to_tag=tag(early), extra=rack(early)))
        await past(peer, 183)
    peer.send(peer.request(by, 3, to_tag=tag(early), extra=rack(early), body=MOVED.to_bytes()))
    answer = await past(peer, 183)
    assert (answer.cseq[1], answer.code, parse_sdp(answer.body).audio is not None) == (by, 200, True)
    dialog = phone.watch(phone.calls[0].answer(ANSWER))
    assert dialog.remote_sdp == MOVED


# Our calls.


async def calling(phone: Phone, peer: RawPeer):  # type: ignore[no-untyped-def]
    call = phone.call(f"sip:raw@127.0.0.1:{peer.port}")
    invite = await peer.request_of("INVITE")
    assert "100rel" in invite.tokens("Supported")
    return call, invite


def reliably(peer: RawPeer, invite, code: int, rseq: int, tag: str = "a", body: bytes = b"") -> str:  # type: ignore[no-untyped-def]
    return peer.answer(invite, code, tag, body, extra=f"Require: 100rel\r\nRSeq: {rseq}\r\n")


async def test_reliable_ringing_is_acknowledged_once_and_in_order(phone: Phone, peer: RawPeer) -> None:
    _, invite = await calling(phone, peer)
    peer.send(reliably(peer, invite, 183, 700, body=ANSWER.to_bytes()))
    prack = await peer.request_of("PRACK")
    assert (prack.need("RAck"), prack.cseq, tag_of(prack.need("To"))) == ("700 1 INVITE", (2, "PRACK"), "a")
    peer.send(peer.answer(prack, 200))
    peer.send(reliably(peer, invite, 183, 700, body=ANSWER.to_bytes()))
    peer.send(reliably(peer, invite, 180, 702))
    peer.send(reliably(peer, invite, 180, 701))
    assert (await peer.request_of("PRACK")).need("RAck") == "701 1 INVITE"
    peer.send(peer.answer(invite, 200, "a"))
    ack = await peer.request_of("ACK")
    assert ack.cseq == (1, "ACK")
    await until(lambda: phone.story == [("ringing", 183, True), ("ringing", 180, False), "answered"])
    assert phone.dialogs[0].remote_sdp == ANSWER, "a 200 without description means the early one"
    phone.dialogs[0].bye()
    assert (await peer.request_of("BYE")).cseq[0] > 3


async def test_each_fork_has_its_own_early_dialog_and_the_first_answer_wins(phone: Phone, peer: RawPeer) -> None:
    _, invite = await calling(phone, peer)
    for fork in ("a", "b", "c"):
        peer.send(reliably(peer, invite, 183, 10, fork, ANSWER.to_bytes()))
        prack = await peer.request_of("PRACK")
        assert (prack.cseq[0], tag_of(prack.need("To"))) == (2, fork)
        peer.send(peer.answer(prack, 200))
    assert phone.held("dialogs") == 3
    peer.send(peer.answer(invite, 200, "b", ANSWER.to_bytes()))
    assert tag_of((await peer.request_of("ACK")).need("To")) == "b"
    peer.send(peer.answer(invite, 200, "c", ANSWER.to_bytes()))
    assert tag_of((await peer.request_of("ACK")).need("To")) == "c"
    bye = await peer.request_of("BYE")
    assert tag_of(bye.need("To")) == "c"
    peer.send(peer.answer(bye, 200))
    assert (phone.held("dialogs"), phone.ua.counters["forks_hung_up"]) == (1, 1)
    assert phone.story.count("answered") == 1


async def test_a_phone_that_ends_its_early_dialog_and_answers_after_all_is_answered(phone: Phone, peer: RawPeer) -> None:
    _, invite = await calling(phone, peer)
    peer.send(reliably(peer, invite, 183, 1, "rawtag", ANSWER.to_bytes()))
    peer.send(peer.answer(await peer.request_of("PRACK"), 200))
    peer.call_id = invite.call_id
    ours = tag_of(invite.need("From")) or ""
    peer.send(peer.request("BYE", 1, to_tag=ours))
    assert (await peer.response()).code == 200
    assert phone.held("dialogs") == 0
    peer.send(peer.answer(invite, 200, "rawtag", ANSWER.to_bytes()))
    await until(lambda: "answered" in phone.story)
    peer.send(peer.request("INFO", 2, to_tag=ours))
    await peer.request_of("ACK")
    assert (await peer.response()).code == 200


async def test_a_failed_call_leaves_no_early_dialog(phone: Phone, peer: RawPeer) -> None:
    _, invite = await calling(phone, peer)
    peer.send(reliably(peer, invite, 183, 1, "a", ANSWER.to_bytes()))
    prack = await peer.request_of("PRACK")
    peer.send(peer.answer(prack, 481))
    peer.send(peer.answer(invite, 486, "a"))
    await until(lambda: phone.story[-1] == ("failed", 486))
    assert phone.held("dialogs") == 0


async def test_the_callee_moves_its_early_media(phone: Phone, peer: RawPeer) -> None:
    call, invite = await calling(phone, peer)
    heard: list[SessionDescription | None] = []
    call.on_ringing = lambda code, sdp: heard.append(sdp)
    peer.send(reliably(peer, invite, 183, 1, "rawtag", ANSWER.to_bytes()))
    peer.send(peer.answer(await peer.request_of("PRACK"), 200))
    peer.call_id = invite.call_id
    ours = tag_of(invite.need("From")) or ""
    peer.send(peer.request("UPDATE", 1, to_tag=ours, body=MOVED.to_bytes()))
    assert (await peer.response()).code == 200
    assert heard == [ANSWER, MOVED]


async def test_an_unreadable_rseq_and_too_many_forks_are_passed_over(phone: Phone, peer: RawPeer) -> None:
    _, invite = await calling(phone, peer)
    peer.send(reliably(peer, invite, 183, 1).replace("RSeq: 1", "RSeq: one"))
    for fork in range(20):
        peer.send(reliably(peer, invite, 183, 1, f"fork{fork}", ANSWER.to_bytes()))
    await until(lambda: phone.ua.counters["received_responses"] >= 21)
    assert (phone.held("dialogs"), phone.ua.counters["malformed"]) == (16, 1)
