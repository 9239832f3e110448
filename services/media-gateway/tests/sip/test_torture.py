"""Messages in the spirit of RFC 4475, in our own words: legal but strange ones are served, broken ones refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callstream_media_gateway.sip.message import Request, parse_message
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.via import parse_via, split_top

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with phones(1, **FAST) as (one,):
        yield one


@pytest.fixture
async def peer(phone: Phone) -> AsyncIterator[RawPeer]:
    raw = RawPeer(phone)
    yield raw
    raw.close()


SDP = OFFER.to_bytes().decode()
STRANGE = (
    f"""INVITE sip:desk.7@host.example.com;strange SIP/2.0
TO :
 sip:desk.7@host.example.com ;   tag    = 19nn
from   : "A Caller \\\\\\""       <sip:caller@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: strange.1@192.0.2.1
Content-Length   : {len(SDP)}
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
Never-Heard-Of-It:   a value
 that goes on here
Another-Unknown-One: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknown=value;none>
v:  SIP  / 2.0  / TCP     relay.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"A quoted name \\"\\"" <sip:caller@example.com> ; new =
      value ;
  second ; q = 0.33

""".replace("\n", "\r\n").encode()
    + SDP.encode()
)


def test_folded_spaced_and_abbreviated_to_the_limit_of_the_grammar() -> None:
    message = parse_message(STRANGE)
    assert isinstance(message, Request)
    assert message.cseq == (9, "INVITE")
    assert message.body == SDP.encode()
    sender = NameAddr.parse(message.need("From"))
    assert (sender.name, sender.tag) == ('A Caller \\"', "98asjd8")
    assert NameAddr.parse(message.need("To")).tag == "19nn"
    vias = [parse_via(value) for value in message.values("Via")]
    assert [(via.transport, via.host, via.branch) for via in vias] == [
        ("udp", "192.0.2.2", "390skdjuw"),
        ("tcp", "relay.example.com", "z9hG4bK9ikj8"),
        ("udp", "192.168.255.111", "z9hG4bK30239"),
    ]
    contact = NameAddr.parse(message.values("Contact")[0])
    assert contact.params == {"new": "value", "second": None, "q": "0.33"}
    assert message.get("Never-Heard-Of-It") == "a value that goes on here"
    assert message.get("Subject") == ""
    assert split_top(message.need("Via"))[1] == ""


WEIRD_USER = "sip:1_odd~(sure!)&isn't+it$/mad?,/;;*:&it+has=1,pass$wo~d.(too)@example.com"

SERVED = [
    ("a user part of every allowed character", {"uri": WEIRD_USER}),
    ("escapes in the user", {"uri": "sip:sips%3Auser%40example.com@example.net"}),
    ("an escaped null", {"uri": "sip:null-%00-null@example.com"}),
    ("parameters inside the user", {"uri": "sip:user;par=u%40example.net@example.com"}),
    ("a telephone number", {"uri": "tel:+86-10-6666"}),
    ("Max-Forwards used up", {"drop": "Max-Forwards", "extra": "Max-Forwards: 0\r\n"}),
    ("a Max-Forwards that is nonsense", {"drop": "Max-Forwards", "extra": "Max-Forwards: 300000\r\n"}),
    ("a date of no calendar", {"extra": "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"}),
    ("a Via of an unknown transport below", {"extra": "Via: SIP/2.0/UNKNOWN u.example.com;branch=z9hG4bKx\r\n"}),
    ("superfluous separators", {"drop": "Contact", "extra": 'Contact: "Joe" <sip:joe@127.0.0.1>;;;;\r\n'}),
    ("no space before the address", {"drop": "From", "extra": "From: caller<sip:c@example.com>;tag=323\r\n"}),
    ("a comma in a bare name", {"drop": "From", "extra": "From: Bell, A <sip:c@example.com>;tag=43\r\n"}),
    ("spaces inside the brackets", {"drop": "To", "extra": 'To: "W, T" < sip:t@example.org >\r\n'}),
    ("a thousand bytes of name", {"drop": "From", "extra": f"From: {'l' * 1000} <sip:c@example.com>;tag={'t' * 1000}\r\n"}),
    ("a thousand-fold parameter", {"uri": "sip:a@example.com" + ";p=v" * 1000}),
    ("forty routes", {"extra": "".join(f"Record-Route: <sip:{n}.example.com;lr>\r\n" for n in range(40))}),
    ("names that are no UTF-8", {"extra": "Subject: \udcffx\r\n"}),
    ("no contact and no tag, as before RFC 3261", {"drop": "Contact"}),
]


@pytest.mark.parametrize(("what", "parts"), SERVED, ids=[row[0] for row in SERVED])
async def test_strange_but_legal_calls_are_offered(phone: Phone, peer: RawPeer, what: str, parts: dict[str, str]) -> None:
    phone.when_called = phone.answer
    peer.send(peer.invite(**parts).encode("utf-8", "surrogateescape"))
    assert (await peer.response()).code == 200
    assert phone.calls[0].from_.uri.scheme == "sip"
    assert str(Uri.parse(phone.calls[0].request.uri)) == str(phone.calls[0].request_uri)
    assert phone.ua.counters["malformed"] == 0


async def test_a_caller_of_before_rfc_3261_is_served_without_branch_and_tag(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: call.provisional(180)
    old = peer.invite(drop="From", extra="From: <sip:old@example.com>\r\n", branch="z9hG4bK")
    peer.send(old)
    assert (await peer.response()).code == 180
    peer.send(old)
    assert (await peer.response()).code == 180
    assert phone.story == ["invite"]
    peer.send(peer.request("CANCEL", drop="From", extra="From: <sip:old@example.com>\r\n", branch="z9hG4bK"))
    await until(lambda: "cancelled" in phone.story)


REFUSED = [
    ("a quote without its end", {"drop": "To", "extra": 'To: "J <sip:j@example.com>\r\n'}, 400),
    ("a bracket without its end", {"drop": "Contact", "extra": "Contact: <sip:j@example.com\r\n"}, 400),
    ("a sequence number beyond counting", {"drop": "CSeq", "extra": "CSeq: 36893488147419103232 INVITE\r\n"}, 400),
    ("the Request-URI in brackets", {"uri": "<sip:user@example.com>"}, 400),
    ("a space in the Request-URI", {"uri": "sip:user@example.com; lr"}, 400),
    ("spaces around the Request-URI", {"uri": " sip:user@example.com "}, 400),
    ("headers in the Request-URI", {"uri": "sip:user@example.com?Route=%3Csip:example.com%3E"}, 400),
    ("a scheme nobody knows", {"uri": "nobodyknowsthis:opaque"}, 416),
    ("a scheme with dots", {"uri": "soap.beep://192.0.2.103:3002"}, 416),
    ("an extension nobody knows", {"extra": "Require: nothingSupportsThis, nothingSupportsThisEither\r\n"}, 420),
    ("a body of an unknown type", {"content_type": "application/unknownformat"}, 415),
    ("a body in parts", {"content_type": "multipart/mixed;boundary=x"}, 415),
    ("a length beyond the message", {"drop": "Content-Length", "extra": "Content-Length: 9999\r\n"}, 400),
    ("a negative length", {"drop": "Content-Length", "extra": "Content-Length: -999\r\n"}, 400),
    ("two lengths", {"extra": "Content-Length: 1\r\n"}, 400),
    ("two of everything", {"extra": "CSeq: 8 INVITE\r\nTo: <sip:z@y>\r\nFrom: <sip:y@z>;tag=1\r\nCall-ID: z\r\n"}, 400),
    ("a method that its CSeq denies", {"cseq_method": "OPTIONS"}, 400),
]


@pytest.mark.parametrize(("what", "parts", "code"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_broken_calls_are_refused(phone: Phone, peer: RawPeer, what: str, parts: dict[str, str], code: int) -> None:
    peer.send(peer.invite(**parts))
    assert (await peer.response()).code == code
    assert phone.calls == []
    assert phone.held() == 0
    assert phone.ua.counters["internal_errors"] == 0


@pytest.mark.parametrize("method", ["!odd-Method0123456789_*+`.%indeed'~", "RE%47IST%45R", "invite"])
async def test_methods_that_are_tokens_but_none_of_ours_are_not_implemented(phone: Phone, peer: RawPeer, method: str) -> None:
    peer.send(peer.request(method))
    assert (await peer.response()).code == 501


async def test_what_follows_the_message_in_its_datagram_is_ignored(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.request("OPTIONS") + peer.invite())
    assert (await peer.response()).cseq[1] == "OPTIONS"
    assert await peer.silence()
    assert phone.calls == []


RESPONSES = [
    ("a reason of any letters", "SIP/2.0 200 = 2**3 * 5**2 но сто", True),
    ("no reason", "SIP/2.0 100 ", True),
    ("no reason and no space", "SIP/2.0 100", True),
    ("a code beyond counting", "SIP/2.0 4294967301 better not", False),
]


@pytest.mark.parametrize(("what", "line", "readable"), RESPONSES, ids=[row[0] for row in RESPONSES])
async def test_status_lines(phone: Phone, peer: RawPeer, what: str, line: str, readable: bool) -> None:
    peer.send(f"{line}\r\n".encode() + peer.request("OPTIONS").partition("\r\n")[2].encode())
    name = "stray_responses" if readable else "malformed"
    await until(lambda: phone.ua.counters[name] == 1)
