"""Session timers (RFC 4028): who refreshes, how often, and what happens when nobody does."""

from __future__ import annotations

import asyncio

import pytest

from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.message import Message
from callstream_media_gateway.sip.offer_answer import make_answer
from callstream_media_gateway.sip.responses import tag_of
from callstream_media_gateway.sip.session_timer import Agreement, answer_wish, read_answer, too_small

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer

TIMER = ("Supported", "timer")
ANSWER = make_answer(OFFER, "127.0.0.1", 41000, session_id=9).to_bytes()


def wish(value: str, *more: tuple[str, str]) -> Message:
    return Message([("Session-Expires", value), *more])


# what the caller asked, what we like, what our 200 says, what holds
AS_CALLEE = [
    ("nothing", Message([TIMER]), 0, None, None),
    ("nothing, we like one", Message([TIMER]), 1800, "1800;refresher=uas", Agreement(1800, True)),
    ("nothing and knows nothing, we like one", Message([]), 1800, "1800;refresher=uas", Agreement(1800, True)),
    ("one, undecided", wish("600", TIMER), 0, "600;refresher=uac", Agreement(600, False)),
    ("one from a proxy before a phone that knows nothing", wish("600"), 0, "600;refresher=uas", Agreement(600, True)),
    ("that we refresh", wish("600;refresher=uas", TIMER), 0, "600;refresher=uas", Agreement(600, True)),
    ("that it refreshes", wish("600;refresher=uac", TIMER), 0, "600;refresher=uac", Agreement(600, False)),
    ("a longer one than we like", wish("3600", TIMER), 1800, "1800;refresher=uac", Agreement(1800, False)),
    ("not below its minimum", wish("3600", TIMER, ("Min-SE", "2000")), 1800, "2000;refresher=uac", Agreement(2000, False)),
]


@pytest.mark.parametrize(("asks", "request_", "ours", "says", "holds"), AS_CALLEE, ids=[row[0] for row in AS_CALLEE])
def test_a_caller_asks_for(asks: str, request_: Message, ours: int, says: str | None, holds: Agreement | None) -> None:
    headers, agreement = answer_wish(request_, ours)
    assert dict(headers).get("Session-Expires") == says
    assert (("Require", "timer") in headers) is bool(says and says.endswith("uac"))
    assert agreement == holds


AS_CALLER = [
    ("nothing", Message([]), 0, None),
    ("nothing to our wish: then we refresh", Message([]), 600, Agreement(600, True)),
    ("that we refresh", wish("600;refresher=uac"), 1800, Agreement(600, True)),
    ("that it refreshes", wish("600;refresher=uas"), 1800, Agreement(600, False)),
    ("one that we never asked for", wish("600;refresher=uas"), 0, Agreement(600, False)),
    ("one too short to be serious", wish("1;refresher=uas"), 0, Agreement(90, False)),
]


@pytest.mark.parametrize(("says", "response", "asked", "holds"), AS_CALLER, ids=[row[0] for row in AS_CALLER])
def test_a_callee_answers(says: str, response: Message, asked: int, holds: Agreement | None) -> None:
    assert read_answer(response, asked) == holds


def test_too_short_is_refused_only_to_those_who_can_ask_again() -> None:
    assert too_small(wish("60", TIMER)) == [("Min-SE", "90")]
    assert too_small(wish("60")) is None
    assert too_small(wish("90", TIMER)) is None
    for broken in (wish("soon", TIMER), wish("600", TIMER, ("Min-SE", "x"))):
        with pytest.raises(ParseError):
            too_small(broken)


def skip(phone: Phone, seconds: float) -> None:
    """Let a phone live through its timers of so many seconds at once."""
    timers, real = phone.ua._core.timers, phone.ua._core.timers.now
    timers.now = lambda: real() + seconds
    timers.run_due()
    timers.now = real


async def talking(caller: Phone, callee: Phone) -> None:
    callee.when_called = callee.answer
    caller.call(callee)
    await until(lambda: "answered" in caller.story and "acked" in callee.story)


@pytest.mark.parametrize("by", ["UPDATE", "re-INVITE"])
async def test_a_refreshed_call_goes_on(by: str) -> None:
    async with phones(2, session_expires=600, **FAST) as (caller, callee):
        await talking(caller, callee)
        ours, theirs = caller.dialogs[0], callee.dialogs[0]
        assert ours.session.agreement == Agreement(600, True)
        assert theirs.session.agreement == Agreement(600, False)
        ours.peer_allows = "INVITE, BYE" + ", UPDATE" * (by == "UPDATE")
        offers: list[object] = []
        theirs.on_reinvite = lambda offer: offers.append(offer) or theirs.local_sdp  # type: ignore[func-returns-value]
        before = theirs.remote_cseq or 0
        skip(caller, 301)
        await until(lambda: theirs.remote_cseq == before + 1 and ours.reoffer is None and theirs.unacknowledged is None)
        assert len(offers) == (by == "re-INVITE")
        assert ours.session.agreement == Agreement(600, True)
        assert theirs.session.agreement == Agreement(600, False)
        assert not ours.is_over
        assert not theirs.is_over


async def test_without_a_refresh_the_waiting_side_hangs_up() -> None:
    async with phones(2, session_expires=600, **FAST) as (caller, callee):
        await talking(caller, callee)
        skip(callee, 567)
        assert ("ended", "session-expired") not in callee.story
        skip(callee, 569)
        assert ("ended", "session-expired") in callee.story
        await until(lambda: ("ended", "bye") in caller.story)


async def test_a_refresh_without_an_answer_ends_the_call() -> None:
    async with phones(2, session_expires=600, **FAST) as (caller, callee):
        await talking(caller, callee)
        callee.dialogs[0].on_reinvite = lambda offer: 500
        caller.dialogs[0].peer_allows = ""
        skip(caller, 301)
        await until(lambda: caller.dialogs[0].reoffer is None)
        skip(caller, 603)
        assert ("ended", "session-expired") in caller.story


@pytest.mark.parametrize("by", ["UPDATE", "re-INVITE"])
async def test_a_refresh_that_is_refused_for_the_moment_is_tried_again(by: str) -> None:
    async with phones(1, session_expires=600, **FAST) as (phone,):
        phone.when_called = phone.answer
        peer = RawPeer(phone)
        tag = await peer.call_and_answer()
        await until(lambda: "acked" in phone.story)
        peer.send(peer.request("UPDATE", 2, to_tag=tag, extra="Session-Expires: 600;refresher=uas\r\nSupported: timer\r\n"))
        assert (await peer.response()).code == 200
        dialog = phone.dialogs[0]
        dialog.peer_allows = by.removeprefix("re-")
        method = "UPDATE" if by == "UPDATE" else "INVITE"
        skip(phone, 301)
        first = await peer.request_of(method)
        peer.send(peer.answer(first, 503))
        await until(lambda: dialog.session._again is not None)
        skip(phone, 61)
        while (second := await peer.request_of(method)).cseq == first.cseq:
            pass
        peer.send(peer.answer(second, 200, body=ANSWER if by == "re-INVITE" else b"", extra="Session-Expires: 600\r\n"))
        await until(lambda: dialog.reoffer is None and phone.held("client_transactions") == 0)
        skip(phone, 299)
        assert not dialog.is_over, "the second one counts"
        peer.close()


async def test_a_timer_that_is_too_brief_for_the_peer_is_offered_again_longer() -> None:
    async with phones(1, session_expires=600, **FAST) as (phone,):
        peer = RawPeer(phone)
        phone.call(f"sip:raw@127.0.0.1:{peer.port}")
        invite = await peer.request_of("INVITE")
        assert invite.get("Session-Expires") == "600"
        peer.send(peer.answer(invite, 422, "x", extra="Min-SE: 1200\r\n"))
        while (again := await peer.request_of("INVITE")).cseq[0] == 1:
            pass
        assert (again.get("Session-Expires"), again.get("Min-SE")) == ("1200", "1200")
        peer.send(peer.answer(again, 422, "y", extra="Min-SE: 1200\r\n"))
        await until(lambda: phone.story == [("failed", 422)])
        peer.close()


async def test_a_scripted_peer_is_refused_too_short_a_timer_before_and_in_the_call() -> None:
    async with phones(1, **FAST) as (phone,):
        phone.when_called = phone.answer
        peer = RawPeer(phone)
        brief = "Session-Expires: 30\r\nSupported: timer\r\n"
        peer.send(peer.invite(extra=brief))
        refusal = await peer.response()
        assert (refusal.code, refusal.get("Min-SE")) == (422, "90")
        assert phone.held() == 0
        peer.send(peer.invite(cseq=2, extra="x: 600;refresher=uac\r\nk: timer\r\nRequire: timer\r\n"))
        ok = await peer.response()
        assert (ok.get("Session-Expires"), ok.get("Require")) == ("600;refresher=uac", "timer")
        tag = tag_of(ok.need("To")) or ""
        peer.send(peer.request("ACK", 2, to_tag=tag))
        await until(lambda: "acked" in phone.story)
        peer.send(peer.request("UPDATE", 3, to_tag=tag, extra=brief))
        assert (await peer.response()).code == 422
        peer.send(peer.request("UPDATE", 4, to_tag=tag, extra="Session-Expires: 90\r\nSupported: timer\r\n"))
        assert (await peer.response()).get("Session-Expires") == "90;refresher=uac"
        assert phone.dialogs[0].session.agreement == Agreement(90, False)
        peer.send(peer.request("UPDATE", 5, to_tag=tag, extra="Session-Expires: often\r\n"))
        assert (await peer.response()).code == 400
        await asyncio.sleep(0)
        assert not phone.dialogs[0].is_over
        peer.close()
