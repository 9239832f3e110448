"""What a scripted peer may ask inside a call, in order: the request, and what it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callstream_media_gateway.sip.handler import Reply
from callstream_media_gateway.sip.info import digit_of, dtmf_relay
from callstream_media_gateway.sip.offer_answer import make_offer
from callstream_media_gateway.sip.sdp import parse_sdp

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer

HOLD = make_offer("127.0.0.1", 40000, session_id=1, version=2, direction="sendonly").to_bytes()
VIDEO = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5000 RTP/AVP 96\r\n"


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


ASKED = [
    ("its abilities", "OPTIONS", {}, 200),
    ("a transfer, which its owner does not serve", "REFER", {"extra": "Refer-To: <sip:other@127.0.0.1>\r\n"}, 603),
    ("a transfer to nowhere", "REFER", {}, 400),
    ("what nobody waits for", "PRACK", {"extra": "RAck: 1 1 INVITE\r\n"}, 481),
    ("a subscription", "SUBSCRIBE", {"extra": "Event: dialog\r\n"}, 405),
    ("an unknown method", "FLY", {}, 405),
    ("an extension we lack", "INFO", {"extra": "Require: recipient-list\r\n"}, 420),
    ("hold by UPDATE", "UPDATE", {"body": HOLD}, 200),
    ("nothing by UPDATE", "UPDATE", {}, 200),
    ("video only by UPDATE", "UPDATE", {"body": VIDEO}, 488),
    ("hold", "INVITE", {"body": HOLD}, 200),
    ("our own offer", "INVITE", {}, 200),
    ("video only", "INVITE", {"body": VIDEO}, 488),
    ("a broken offer", "INVITE", {"body": b"v=0\r\nm=\r\n"}, 400),
    ("a move to nowhere", "INVITE", {"body": HOLD, "drop": "Contact", "extra": "Contact: <nowhere>\r\n"}, 400),
]


@pytest.mark.parametrize(("what", "method", "parts", "code"), ASKED, ids=[row[0] for row in ASKED])
async def test_asked_for(phone: Phone, peer: RawPeer, what: str, method: str, parts: dict[str, object], code: int) -> None:
    tag = await peer.call_and_answer()
    before = phone.dialogs[0].local_sdp
    peer.send(peer.request(method, 2, to_tag=tag, **parts))  # type: ignore[arg-type]
    answer = await peer.response()
    assert answer.code == code
    dialog = phone.dialogs[0]
    assert not dialog.is_over
    if parts.get("body") == HOLD and code == 200:
        held = parse_sdp(answer.body).audio
        assert held is not None
        assert held.direction == "recvonly"
        assert dialog.remote_sdp == parse_sdp(HOLD)
    elif method == "INVITE" and code == 200:
        assert parse_sdp(answer.body) == before
    else:
        assert dialog.local_sdp == before
    if method == "INVITE":
        peer.send(peer.request("ACK", 2, to_tag=tag, body=OFFER.to_bytes() if what == "our own offer" else b""))
    peer.send(peer.request("INFO", 3, to_tag=tag))
    while (after := await peer.response()).cseq[1] != "INFO":
        pass
    assert after.code == 200, "the call goes on"


async def test_an_offer_before_the_last_one_is_acknowledged_must_wait(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.invite())
    ok = await peer.response()
    tag = (ok.need("To")).partition("tag=")[2]
    peer.send(peer.request("INVITE", 2, to_tag=tag, body=HOLD))
    while (refused := await peer.response()).cseq[0] == 1:
        pass
    assert refused.code == 500
    assert 0 <= int(refused.need("Retry-After")) <= 10


async def test_an_acknowledgement_that_cannot_be_read_is_no_answer_to_our_offer(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.invite(body=b""))
    tag = (await peer.response()).need("To").partition("tag=")[2]
    peer.send(peer.request("ACK", to_tag=tag, body=b"v=0\r\nrubbish"))
    await peer.request_of("BYE")
    assert ("ended", "no-answer") in phone.story
    assert phone.ua.counters["malformed"] == 1


async def test_the_owner_may_offer_or_refuse_in_the_call(phone: Phone, peer: RawPeer) -> None:
    tag = await peer.call_and_answer()
    fresh = make_offer("127.0.0.1", 47000, session_id=3)
    phone.dialogs[0].on_reinvite = lambda offer: fresh
    peer.send(peer.request("INVITE", 2, to_tag=tag))
    assert parse_sdp((await peer.response()).body) == fresh
    peer.send(peer.request("ACK", 2, to_tag=tag, body=HOLD))
    await until(lambda: phone.dialogs[0].remote_sdp == parse_sdp(HOLD))
    phone.dialogs[0].on_reinvite = lambda offer: 1 // 0
    peer.send(peer.request("INVITE", 3, to_tag=tag, body=HOLD))
    while (refused := await peer.response()).cseq[0] == 2:
        pass
    assert refused.code == 500
    assert phone.ua.counters["handler_errors"] == 1


async def test_no_one_is_let_in_when_the_check_of_sources_breaks(phone: Phone, peer: RawPeer) -> None:
    phone.accept_source = lambda request, source: 1 // 0  # type: ignore[method-assign]
    peer.send(peer.invite())
    assert (await peer.response()).code == 500
    assert phone.calls == []
    assert phone.held() == 0


async def test_a_call_may_be_asked_for_a_password_before_anything_is_held(phone: Phone, peer: RawPeer) -> None:
    challenge = Reply(401, None, [("WWW-Authenticate", 'Digest realm="x", nonce="y"')])
    phone.accept_source = lambda request, source: challenge  # type: ignore[method-assign]
    peer.send(peer.invite())
    asked = await peer.response()
    assert (asked.code, asked.get("WWW-Authenticate")) == (401, 'Digest realm="x", nonce="y"')
    assert (phone.calls, phone.held()) == ([], 0)
    assert (phone.ua.counters["challenged"], phone.ua.counters["refused_sources"]) == (1, 0)


DIGITS = [
    ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"),
    ("application/dtmf-relay", b"signal = *\nduration = 100", "*"),
    ("application/dtmf-relay", b"Signal=11\r\n", "#"),
    ("application/dtmf-relay", b"Signal=d\r\n", "D"),
    ("application/dtmf-relay", b"Signal=55\r\n", None),
    ("application/dtmf-relay", b"Signal=\r\n", None),
    ("application/dtmf-relay", b"Duration=5\r\n", None),
    ("application/dtmf-relay", b"\xff\xfe", None),
    ("application/dtmf", b"7\r\n", "7"),
    ("application/dtmf", b"", None),
    ("text/plain", b"5", None),
]


@pytest.mark.parametrize(("kind", "body", "digit"), DIGITS)
def test_keys_in_info_bodies(kind: str, body: bytes, digit: str | None) -> None:
    assert digit_of(kind, body) == digit


def test_a_key_is_written_as_it_is_read() -> None:
    for key in "0123456789*#ABCD":
        assert digit_of("application/dtmf-relay", dtmf_relay(key, 160)) == key
    for key, duration in (("x", 160), ("", 160), ("1", 10), ("1", 10_000)):
        with pytest.raises(ValueError):
            dtmf_relay(key, duration)


async def test_each_change_is_answered_anew_and_we_write_to_the_newest_address(phone: Phone, peer: RawPeer) -> None:
    """Texts that are kept for as long as nothing changes: our description, the peer's address, the dialog's export."""
    tag = await peer.call_and_answer()
    dialog = phone.dialogs[0]
    before = dialog.export()
    versions = []
    for number, body in ((2, HOLD), (3, OFFER.to_bytes())):
        moved = f"Contact: <sip:peer-{number}@127.0.0.1:{peer.port};x={number}>\r\n"
        peer.send(peer.request("INVITE", number, to_tag=tag, body=body, drop="Contact", extra=moved))
        answer = parse_sdp((await peer.response()).body)
        peer.send(peer.request("ACK", number, to_tag=tag))
        await until(lambda: dialog.unacknowledged is None)
        versions.append((answer.version, answer.media[0].direction))
        assert dialog.export().remote_target == f"sip:peer-{number}@127.0.0.1:{peer.port};x={number}"
        assert dialog.export().local_sdp.encode() == answer.to_bytes() != before.local_sdp.encode()
    assert versions == [(2, "recvonly"), (3, "sendrecv")]
    dialog.bye()
    assert (await peer.request_of("BYE")).uri == f"sip:peer-3@127.0.0.1:{peer.port};x=3"
