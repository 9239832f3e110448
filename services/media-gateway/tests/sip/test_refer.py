"""Transfers that a phone asks for: REFER, NOTIFY, Replaces (RFC 3515, RFC 3891, RFC 3892)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from callstream_media_gateway.adapters.dialog_events import listen
from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.domain.inputs import PhoneRefers
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.referral import Referral
from callstream_media_gateway.sip.replaces import Replaces, parse_replaces

from .phones import FAST, Phone, phones, until
from .raw import RawPeer
from .test_session_timer import skip


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


def refer(peer: RawPeer, tag: str, to: str, cseq: int = 2, extra: str = "") -> str:
    return peer.request("REFER", cseq, to_tag=tag, extra=f"Refer-To: {to}\r\n{extra}")


async def accepted(phone: Phone, peer: RawPeer, to: str, extra: str = "") -> tuple[str, Referral]:
    tag = await peer.call_and_answer()
    referrals: list[Referral] = []
    phone.dialogs[0].on_refer = lambda referral: referrals.append(referral) or 202  # type: ignore[func-returns-value]
    peer.send(refer(peer, tag, to, extra=extra))
    assert (await peer.response()).code == 202
    return tag, referrals[0]


async def told(peer: RawPeer, code: int = 200) -> tuple[str, str, str]:
    """The next NOTIFY, which is answered: its event, its state, its body."""
    notify = await peer.request_of("NOTIFY")
    peer.send(peer.answer(notify, code))
    assert notify.content_type == "message/sipfrag"
    return notify.need("Event"), notify.need("Subscription-State").partition(";")[0], notify.body.decode().strip()


async def test_a_blind_transfer_is_told_how_it_goes(phone: Phone, peer: RawPeer) -> None:
    by = 'Referred-By: "Ann" <sip:ann@x>\r\n'
    _, referral = await accepted(phone, peer, "<sip:1002@example.com;user=phone?Subject=x>", by)
    assert (str(referral.target), referral.replaces, referral.replaced) == ("sip:1002@example.com;user=phone", None, None)
    assert referral.referred_by is not None
    assert referral.referred_by.name == "Ann"
    assert await told(peer) == ("refer", "active", "SIP/2.0 100 Trying")
    referral.progress(180)
    assert await told(peer) == ("refer", "active", "SIP/2.0 180 Ringing")
    referral.progress(200)
    assert await told(peer) == ("refer", "terminated", "SIP/2.0 200 OK")
    assert referral.is_over
    referral.progress(200)
    assert await peer.silence()
    assert not phone.dialogs[0].is_over


async def test_a_phone_that_leaves_is_told_to_the_end(phone: Phone, peer: RawPeer) -> None:
    tag, referral = await accepted(phone, peer, "<sip:1002@x>")
    await told(peer)
    peer.send(peer.request("BYE", 3, to_tag=tag))
    await until(lambda: ("ended", "bye") in phone.story)
    referral.progress(486, "Busy")
    assert (await peer.response()).code == 200
    assert await told(peer) == ("refer", "terminated", "SIP/2.0 486 Busy")


async def test_a_phone_that_does_not_listen_keeps_its_call(phone: Phone, peer: RawPeer) -> None:
    _, referral = await accepted(phone, peer, "<sip:1002@x>")
    await told(peer, 481)
    await until(lambda: referral.is_over)
    referral.progress(180)
    assert await peer.silence()
    assert not phone.dialogs[0].is_over
    await until(lambda: phone.held("timers") == 0)


async def test_a_transfer_that_never_ends_is_given_up(phone: Phone, peer: RawPeer) -> None:
    _, referral = await accepted(phone, peer, "<sip:1002@x>")
    await told(peer)
    await until(lambda: phone.held("client_transactions") == 0)
    skip(phone, 181)
    assert await told(peer) == ("refer", "terminated", "SIP/2.0 408 Request Timeout")
    assert referral.is_over


async def test_a_second_transfer_has_a_name_of_its_own(phone: Phone, peer: RawPeer) -> None:
    tag, referral = await accepted(phone, peer, "<sip:1002@x>")
    await told(peer)
    referral.progress(404)
    await told(peer)
    peer.send(refer(peer, tag, "<sip:1003@x>", cseq=7))
    assert (await peer.response()).code == 202
    assert (await told(peer))[0] == "refer;id=7"


@pytest.mark.parametrize("value", ["false", "False;x=1"])
async def test_a_phone_that_wants_to_hear_nothing_is_told_nothing(phone: Phone, peer: RawPeer, value: str) -> None:
    tag = await peer.call_and_answer()
    referrals: list[Referral] = []
    phone.dialogs[0].on_refer = lambda referral: referrals.append(referral) or 202  # type: ignore[func-returns-value]
    peer.send(refer(peer, tag, "<sip:1002@x>", extra=f"Refer-Sub: {value}\r\nRequire: norefersub\r\n"))
    accepted = await peer.response()
    assert (accepted.code, accepted.get("Refer-Sub")) == (202, "false")
    referrals[0].progress(200)
    assert await peer.silence()
    assert referrals[0].is_over


REFUSED = [
    ("by its owner", "<sip:1002@x>", "", 403),
    ("no target", "", "", 400),
    ("two targets", "<sip:a@x>, <sip:b@x>", "", 400),
    ("a broken target", "<sip:>", "", 400),
    ("half a Replaces", "<sip:a@x?Replaces=only-a-call-id>", "", 400),
    ("a broken Referred-By", "<sip:a@x>", "Referred-By: <\r\n", 400),
    ("no call", "<sip:a@x;method=SUBSCRIBE>", "", 501),
]


@pytest.mark.parametrize(("why", "to", "extra", "code"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_a_transfer_is_refused(phone: Phone, peer: RawPeer, why: str, to: str, extra: str, code: int) -> None:
    tag = await peer.call_and_answer()
    phone.dialogs[0].on_refer = lambda referral: 403
    peer.send(refer(peer, tag, to, extra=extra))
    assert (await peer.response()).code == code
    assert await peer.silence(), "no NOTIFY"
    peer.send(peer.request("INFO", 3, to_tag=tag))
    assert (await peer.response()).code == 200, "the call goes on"


async def test_an_attended_transfer_names_the_other_call_of_the_phone(phone: Phone, peer: RawPeer) -> None:
    first = await peer.call_and_answer()
    peer.call_id += "-2"
    await peer.call_and_answer()
    customer, consulted = phone.dialogs
    named = quote(f"{consulted.call_id};to-tag={consulted.local_tag};from-tag={consulted.remote_tag}", safe="")
    found: list[Dialog | None] = []
    customer.on_refer = lambda referral: found.append(referral.replaced) or 202  # type: ignore[func-returns-value]
    peer.call_id = customer.call_id
    peer.send(refer(peer, first, f"<sip:1002@x?Replaces={named}>"))
    assert (await peer.response()).code == 202
    assert found == [consulted]


def test_a_replaces_header_is_read_and_refused_by_name() -> None:
    assert parse_replaces("12@x;from-tag=b;to-tag=a;early-only") == Replaces("12@x", "a", "b", True)
    assert parse_replaces("12@x;to-tag=a;from-tag=0") == Replaces("12@x", "a", "")
    for broken in ("", "12@x", "12@x;to-tag=a", ";to-tag=a;from-tag=b", "12@x;to-tag;from-tag=b"):
        with pytest.raises(ParseError, match="Replaces"):
            parse_replaces(broken)


async def test_a_call_takes_the_place_of_another(phone: Phone, peer: RawPeer) -> None:
    tag = await peer.call_and_answer()
    other = RawPeer(phone)
    other.tag = "othertag"
    taken: list[IncomingCall] = []
    phone.dialogs[0].on_replace = taken.append
    header = f"Replaces: {peer.call_id};to-tag={tag};from-tag={peer.tag}\r\nRequire: replaces\r\n"
    other.send(other.invite(extra=header))
    await until(lambda: taken)
    assert (taken[0].replaces, phone.story.count("invite")) == (phone.dialogs[0], 1)
    assert not phone.dialogs[0].is_over
    phone.answer(taken[0])
    assert (await other.response()).code == 200
    bye = await peer.request_of("BYE")
    peer.send(peer.answer(bye, 200))
    assert [dialog.is_over for dialog in phone.dialogs] == [True, False]
    assert ("ended", "bye") not in phone.story
    other.close()


async def test_a_rejected_replacement_leaves_the_call_alone(phone: Phone, peer: RawPeer) -> None:
    tag = await peer.call_and_answer()
    other = RawPeer(phone)
    phone.dialogs[0].on_replace = lambda call: call.reject(486)
    other.send(other.invite(extra=f"Replaces: {peer.call_id};to-tag={tag};from-tag={peer.tag}\r\n"))
    assert (await other.response()).code == 486
    assert not phone.dialogs[0].is_over
    other.close()


NOT_REPLACED = [
    ("one that we do not have", "nobody;to-tag={tag};from-tag={peer}", "", 481),
    ("one that is more than early", "{call};to-tag={tag};from-tag={peer};early-only", "", 486),
    ("half a name", "{call};to-tag={tag}", "", 400),
    ("two at once", "{call};to-tag={tag};from-tag={peer}", "Replaces: x;to-tag=1;from-tag=2\r\n", 400),
]


@pytest.mark.parametrize(("what", "header", "extra", "code"), NOT_REPLACED, ids=[row[0] for row in NOT_REPLACED])
async def test_a_call_cannot_take_the_place_of(
    phone: Phone, peer: RawPeer, what: str, header: str, extra: str, code: int
) -> None:
    tag = await peer.call_and_answer()
    phone.dialogs[0].on_replace = lambda call: call.reject(500)
    other = RawPeer(phone)
    named = header.format(call=peer.call_id, tag=tag, peer=peer.tag)
    other.send(other.invite(extra=f"Replaces: {named}\r\n{extra}"))
    assert (await other.response()).code == code
    other.close()


async def test_a_call_whose_owner_knows_nothing_of_it_is_not_replaced(phone: Phone, peer: RawPeer) -> None:
    tag = await peer.call_and_answer()
    other = RawPeer(phone)
    other.send(other.invite(extra=f"Replaces: {peer.call_id};to-tag={tag};from-tag={peer.tag}\r\n"))
    assert (await other.response()).code == 603
    assert phone.story.count("invite") == 1
    other.close()


async def test_a_call_that_rings_is_no_call_to_replace(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: call.provisional(180)
    peer.send(peer.invite(extra="Require: 100rel\r\n"))
    ringing = await peer.response()
    tag = ringing.need("To").partition("tag=")[2]
    other = RawPeer(phone)
    other.send(other.invite(extra=f"Replaces: {peer.call_id};to-tag={tag};from-tag={peer.tag}\r\n"))
    assert (await other.response()).code == 481
    other.close()


async def test_the_first_notify_follows_the_202(phone: Phone, peer: RawPeer) -> None:
    tag = await peer.call_and_answer()
    phone.dialogs[0].on_refer = lambda referral: referral.progress(200) or 202  # type: ignore[func-returns-value]
    peer.send(refer(peer, tag, "<sip:1002@x>"))
    assert (await peer.response()).code == 202
    first = await peer.receive()
    assert isinstance(first, Request)
    assert first.body == b"SIP/2.0 100 Trying\r\n"


async def test_the_gateways_legs_take_one_transfer_at_a_time_and_say_more_than_no_behind_their_202(
    phone: Phone, peer: RawPeer
) -> None:
    tag = await peer.call_and_answer()
    dialog = phone.dialogs[0]
    asked: list[object] = []
    listen(dialog, "leg", SdpSession.restored(dialog.local_sdp, None), asked.append, lambda: None)
    peer.send(refer(peer, tag, "<sip:%2B49%2030@x>"))
    assert (await peer.response()).code == 202
    assert await told(peer) == ("refer", "active", "SIP/2.0 100 Trying")
    assert asked == [PhoneRefers(leg_id="leg", typed="+49 30")]
    peer.send(refer(peer, tag, "<sip:1003@x>", cseq=3))
    assert (await peer.response()).code == 491
    assert dialog.referral is not None
    dialog.referral.progress(403)
    assert await told(peer) == ("refer", "terminated", "SIP/2.0 403 Forbidden")
    own = quote(f"{dialog.call_id};to-tag={dialog.local_tag};from-tag={dialog.remote_tag}", safe="")
    for cseq, to, code in (
        (4, f"<sip:1002@x?Replaces={own}>", 202),
        (5, "<sip:x@x?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>", 603),
    ):
        peer.send(refer(peer, tag, to, cseq))
        assert (await peer.response()).code == code
        if code == 202:
            await told(peer)
            dialog.referral.progress(481)
            await told(peer)
    assert asked[1:] == [PhoneRefers(leg_id="leg", typed="1002", other="leg")]
