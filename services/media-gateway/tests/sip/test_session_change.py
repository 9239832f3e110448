"""Who changes a session in the middle of a call, and what the other owner hears of it (RFC 3261 14, RFC 3311, RFC 3264 8.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from callstream_media_gateway.sip.browser_sdp import OurSide
from callstream_media_gateway.sip.offer_answer import agreed_stream, make_answer, make_offer, offer_again
from callstream_media_gateway.sip.reoffer import MAX_TRIES
from callstream_media_gateway.sip.sdp import SessionDescription

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer
from .test_session_timer import skip, talking

ANSWER = make_answer(OFFER, "127.0.0.1", 41000, session_id=9).to_bytes()


def offer(direction: str = "sendrecv", host: str = "127.0.0.1", version: int = 2) -> SessionDescription:
    return make_offer(host, 40000, session_id=1, version=version, direction=direction)  # type: ignore[arg-type]


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with phones(1, **FAST) as (one,):
        one.when_called = one.answer
        yield one


@pytest.fixture
async def peer(phone: Phone) -> AsyncIterator[RawPeer]:
    raw = RawPeer(phone)
    yield raw
    raw.close()


HOLDS = [
    ("sendonly", offer("sendonly")),
    ("inactive", offer("inactive")),
    ("the old way", offer("sendrecv", host="0.0.0.0")),
]


@pytest.mark.parametrize("by", ["re-INVITE", "UPDATE"])
@pytest.mark.parametrize(("way", "hold"), HOLDS, ids=[row[0] for row in HOLDS])
async def test_a_phones_own_hold_is_told_and_its_end_too(by: str, way: str, hold: SessionDescription) -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talking(caller, callee)
        ours = callee.dialogs[0]
        ours.on_held = lambda: callee.story.append("held")
        ours.on_retrieved = lambda: callee.story.append("retrieved")
        change = caller.dialogs[0].reinvite if by == "re-INVITE" else caller.dialogs[0].update
        for version, session in enumerate((hold, hold, offer(), offer()), 2):
            assert (await change(session._replace(version=version))).code == 200
            assert ours.is_held == (session is hold)
            await until(lambda: ours.unacknowledged is None)
        assert [line for line in callee.story if line in ("held", "retrieved")] == ["held", "retrieved"]


async def test_a_hold_in_the_answer_to_our_offer_is_told_too(phone: Phone, peer: RawPeer) -> None:
    tag = await peer.call_and_answer()
    phone.dialogs[0].on_held = lambda: phone.story.append("held")
    peer.send(peer.request("INVITE", 2, to_tag=tag))
    assert (await peer.response()).code == 200
    peer.send(peer.request("ACK", 2, to_tag=tag, body=offer("sendonly").to_bytes()))
    await until(lambda: "held" in phone.story)


async def test_our_own_hold_and_move_keep_what_was_agreed() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talking(caller, callee)
        ours, theirs = callee.dialogs[0], caller.dialogs[0]
        agreed = agreed_stream(ours.local_sdp, theirs.local_sdp)
        assert (await ours.reinvite(offer_again(ours.local_sdp, "sendonly"))).code == 200
        assert theirs.is_held
        assert agreed_stream(ours.local_sdp, theirs.local_sdp) == agreed._replace(direction="sendonly")
        await until(lambda: theirs.unacknowledged is None)
        moved = offer_again(ours.local_sdp, "sendrecv", host="127.0.0.2", port=42000)
        assert (await ours.reinvite(moved)).code == 200
        assert not theirs.is_held
        assert agreed_stream(theirs.local_sdp, moved)[:2] == ("127.0.0.2", 42000)
        assert moved.version == 3


async def test_a_browser_is_told_of_a_move_in_the_candidate_too() -> None:
    side = OurSide("us", "p" * 22, "sha-256 AB")
    before = make_offer("192.0.2.1", 40000, session_id=1, browser=side)
    moved = offer_again(before, "sendrecv", host="192.0.2.9", port=41000)
    assert before.audio is not None
    assert moved.audio is not None
    candidates = [a for a in moved.audio.attributes if a.startswith("candidate:")]
    assert [a.split()[4:6] for a in candidates] == [["192.0.2.9", "41000"]]
    assert [a for a in moved.audio.attributes if a not in candidates] == [
        a for a in before.audio.attributes if not a.startswith("candidate:")
    ]


async def test_an_update_is_answered_without_ack_and_falls_back_to_a_reinvite() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talking(caller, callee)
        result = await caller.dialogs[0].update(offer("sendonly"))
        assert (result.code, callee.dialogs[0].remote_sdp) == (200, offer("sendonly"))
        assert callee.dialogs[0].unacknowledged is None
        before = callee.dialogs[0].remote_cseq
        caller.dialogs[0].peer_allows = "INVITE, BYE"
        assert (await caller.dialogs[0].update(offer(version=3))).code == 200
        assert callee.dialogs[0].remote_cseq == (before or 0) + 1
        await until(lambda: callee.story.count("acked") == 2)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_an_offer_that_meets_ours_is_glare(phone: Phone, peer: RawPeer, method: str) -> None:
    tag = await peer.call_and_answer()
    await until(lambda: "acked" in phone.story)
    phone.dialogs[0].peer_allows = "UPDATE"
    result = phone.dialogs[0].update(offer("sendonly"))
    ours = await peer.request_of("UPDATE")
    peer.send(peer.request(method, 2, to_tag=tag, body=offer().to_bytes()))
    assert (await peer.response()).code == 491
    peer.send(peer.request("UPDATE", 3, to_tag=tag))
    while (refreshed := await peer.response()).cseq[0] == 2:
        if method == "INVITE":
            peer.send(peer.request("ACK", 2, to_tag=tag))
    assert refreshed.code == 200, "an UPDATE without offer is none"
    peer.send(peer.answer(ours, 200, body=ANSWER))
    assert (await result).code == 200


TRIES = [
    ("a pending offer, for ever", {"code": 491}, MAX_TRIES, 491),
    ("a moment's patience, for ever", {"code": 500, "extra": "Retry-After: 3\r\n"}, MAX_TRIES, 500),
    ("an hour's patience", {"code": 500, "extra": "Retry-After: 3600\r\n"}, 1, 500),
    ("an error", {"code": 500}, 1, 500),
    ("nothing that fits", {"code": 488}, 1, 488),
]


@pytest.mark.parametrize(("why", "reply", "tries", "code"), TRIES, ids=[row[0] for row in TRIES])
async def test_a_change_is_tried_again_for(
    phone: Phone, peer: RawPeer, why: str, reply: dict[str, object], tries: int, code: int
) -> None:
    await peer.call_and_answer()
    await until(lambda: "acked" in phone.story)
    dialog = phone.dialogs[0]
    before = dialog.local_sdp
    result = dialog.reinvite(offer("sendonly"))
    numbers: set[int] = set()
    while len(numbers) < tries:
        invite = await peer.request_of("INVITE")
        if invite.cseq[0] not in numbers:
            numbers.add(invite.cseq[0])
            peer.send(peer.answer(invite, **reply))  # type: ignore[arg-type]
            await until(lambda: dialog.reoffer is None or not dialog.reoffer.is_pending)
            skip(phone, 5)
    assert (await asyncio.wait_for(result, 5)).code == code
    assert dialog.local_sdp == before
    assert not dialog.is_over


async def test_the_peer_is_asked_whether_it_still_knows_the_call() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talking(caller, callee)
        assert await caller.dialogs[0].options() == 200
        assert await callee.dialogs[0].options() == 200
        callee.ua._core.dialogs.clear()
        assert await caller.dialogs[0].options() == 481
        assert ("ended", "gone") in caller.story
