"""The forty-nine messages of RFC 4475, each by its name there and in our own words, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.handler import Reply
from callstream_media_gateway.sip.message import Request, parse_message
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.via import parse_via, split_top

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer
from .test_registration import serve


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with phones(1, **FAST) as (one,):
        one.when_called = one.answer
        one.register_reply = lambda request, source: Reply(200)
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
    192.0.2.2;branch=390skdjuw;rport
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

Made = Callable[[RawPeer], str | bytes]


def ask(method: str, **parts: str) -> Made:
    """A request with these parts (see RawPeer.request); `header` replaces the line of that name."""

    def make(peer: RawPeer) -> str:
        given: dict[str, object] = dict(parts)
        header = given.pop("header", None)
        if header is not None:
            given["drop"], given["extra"] = str(header).partition(":")[0], f"{header}\r\n"
        if method == "INVITE":
            given.setdefault("body", OFFER.to_bytes())
        return peer.request(method, **given)  # type: ignore[arg-type]

    return make


def line(text: str, method: str = "INVITE") -> Made:
    """The same request with another first line."""
    return lambda peer: text + "\r\n" + str(ask(method)(peer)).partition("\r\n")[2]


def without(*names: str) -> Made:
    def make(peer: RawPeer) -> str:
        head, blank, body = str(ask("INVITE")(peer)).partition("\r\n\r\n")
        return "\r\n".join(row for row in head.split("\r\n") if not row.startswith(names)) + blank + body

    return make


def old(peer: RawPeer) -> str:
    """As before RFC 3261: neither branch nor tag, no Max-Forwards and no Contact."""
    text = str(without("Max-Forwards", "Contact")(peer))
    return text.replace(f";tag={peer.tag}", "").replace(";branch=z9hG4bK", ";x=")


LONG = {"uri": "sip:a@example.com" + ";p=v" * 1000, "header": f"From: {'l' * 1000} <sip:c@example.com>;tag={'t' * 1000}"}
ROUTES = "".join(f"Record-Route: <sip:{n}.example.com;lr>\r\n" for n in range(40))
TRANSPORTS = "".join(f"Via: SIP/2.0/{name} t.example.com;branch=z9hG4bK{name}\r\n" for name in ("SCTP", "TLS", "UNKNOWN", "TCP"))
ODD_METHOD = "!interesting-Method0123456789_*+`.%indeed'~"
ODD_USER = "sip:1_odd~(sure!)&isn't+it$/mad?,/;;*:&it+has=1,pass$wo~d.(too)@example.com"
TWICE = "CSeq: 8 INVITE\r\nTo: <sip:z@y>\r\nFrom: <sip:y@z>;tag=1\r\nCall-ID: z\r\n"

REQUESTS: list[tuple[str, str, Made, int]] = [
    # Valid (3.1.1).
    ("wsinv", "folded, spaced and abbreviated, in a dialog that we do not have", lambda peer: STRANGE, 481),
    ("intmeth", "a method of every character", ask(ODD_METHOD, uri=ODD_USER), 501),
    ("esc01", "escapes in the user", ask("INVITE", uri="sip:sips%3Auser%40example.com@example.net"), 200),
    ("escnull", "an escaped null", ask("REGISTER", header="Contact: <sip:null-%00-null@example.com>"), 200),
    ("esc02", "percent signs that escape nothing", ask("RE%47IST%45R"), 501),
    ("lwsdisp", "no space before the bracket", ask("OPTIONS", header="From: caller<sip:c@example.com>;tag=323"), 200),
    ("longreq", "very long values", ask("INVITE", **LONG), 200),
    ("longreq", "and very many", ask("INVITE", extra=ROUTES), 200),
    ("dblreq", "another message behind it in its datagram", lambda p: p.request("REGISTER") + p.invite(), 200),
    ("semiuri", "parameters inside the user", ask("OPTIONS", uri="sip:user;par=u%40example.net@example.com"), 200),
    ("transports", "transports of any name below", ask("OPTIONS", extra=TRANSPORTS), 200),
    ("mpart01", "a body in parts, for a method we lack", ask("MESSAGE", content_type="multipart/mixed;boundary=x"), 405),
    # Invalid (3.1.2).
    ("badinv01", "superfluous separators in Contact", ask("INVITE", header='Contact: "Joe" <sip:joe@127.0.0.1>;;;;'), 200),
    ("badinv01", "and in a Via below", ask("INVITE", extra="Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n"), 200),
    ("clerr", "a length beyond the message", ask("INVITE", header="Content-Length: 9999"), 400),
    ("ncl", "a negative length", ask("INVITE", header="Content-Length: -999"), 400),
    ("scalar02", "a sequence number beyond counting", ask("REGISTER", header="CSeq: 36893488147419103232 REGISTER"), 400),
    ("quotbal", "a quote without its end", ask("INVITE", header='To: "J <sip:j@example.com>'), 400),
    ("ltgtruri", "the Request-URI in brackets", ask("INVITE", uri="<sip:user@example.com>"), 400),
    ("lwsruri", "a space in the Request-URI", ask("INVITE", uri="sip:user@example.com; lr"), 400),
    ("lwsstart", "two spaces around the Request-URI", ask("INVITE", uri=" sip:user@example.com "), 400),
    ("trws", "spaces behind the version", line("OPTIONS sip:a@example.com SIP/2.0  ", "OPTIONS"), 400),
    ("escruri", "headers in the Request-URI", ask("INVITE", uri="sip:u@example.com?Route=%3Csip:example.com%3E"), 400),
    ("baddate", "a date of no calendar", ask("INVITE", extra="Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"), 200),
    ("regbadct", "a Contact with headers outside of brackets", ask("INVITE", header="Contact: sip:u@x?Route=%3Csip:y%3E"), 400),
    ("badaspec", "spaces inside the brackets", ask("INVITE", header='To: "W, T" < sip:t@example.org >'), 200),
    ("baddn", "a comma in a bare name", ask("OPTIONS", header="From: Bell, A <sip:c@example.com>;tag=43"), 200),
    ("badvers", "a version to come", line("OPTIONS sip:a@example.com SIP/7.0", "OPTIONS"), 505),
    ("mismatch01", "a method that its CSeq denies", ask("OPTIONS", cseq_method="INVITE"), 400),
    ("mismatch02", "an unknown one that its CSeq denies", ask("NEWMETHOD", cseq_method="INVITE"), 400),
    # Transactions (3.2).
    ("badbranch", "the magic cookie and nothing behind it", ask("OPTIONS", branch="z9hG4bK"), 200),
    # Users (3.3).
    ("insuf", "headers that every message must have are missing", without("From", "To", "Call-ID"), 400),
    ("unkscm", "a scheme nobody knows", ask("OPTIONS", uri="nobodyknowsthis:opaque"), 416),
    ("unkscm", "the same for a call", ask("INVITE", uri="nobodyknowsthis:opaque"), 416),
    ("novelsc", "a scheme with dots", ask("INVITE", uri="soap.beep://192.0.2.103:3002"), 416),
    ("unksm2", "an address of another scheme", ask("INVITE", header="To: <isbn:2983792873>"), 400),
    ("bext01", "extensions nobody knows", ask("OPTIONS", extra="Require: nobody, knows\r\nProxy-Require: these\r\n"), 420),
    ("invut", "a body of an unknown type", ask("INVITE", content_type="application/unknownformat"), 415),
    ("multi01", "two of everything", ask("INVITE", extra=TWICE), 400),
    ("mcl01", "two lengths", ask("INVITE", extra="Content-Length: 1\r\n"), 400),
    ("zeromf", "no hop left, but none needed", ask("OPTIONS", header="Max-Forwards: 0"), 200),
    ("sdp01", "a caller that takes no description", ask("INVITE", extra="Accept: text/nobodyKnowsThis\r\n"), 406),
    # Old (3.4).
    ("inv2543", "a caller of before RFC 3261", old, 200),
    # Of the same kind, and not in the RFC.
    ("", "a telephone number", ask("INVITE", uri="tel:+86-10-6666"), 200),
    ("", "a user part of every allowed character", ask("INVITE", uri=ODD_USER), 200),
    ("", "a Max-Forwards that is nonsense", ask("INVITE", header="Max-Forwards: 300000"), 200),
    ("", "text that is no UTF-8", ask("INVITE", extra="Subject: \udcffx\r\n"), 200),
    ("", "a bracket without its end", ask("INVITE", header="Contact: <sip:j@example.com"), 400),
    ("", "a method in small letters", ask("invite"), 501),
    ("", "a caller that takes any body", ask("INVITE", extra="Accept: text/plain, */*;q=0.1\r\n"), 200),
]


@pytest.mark.parametrize(("name", "what", "make", "code"), REQUESTS, ids=[f"{row[0]} {row[1]}".strip() for row in REQUESTS])
async def test_a_request_is_answered(phone: Phone, peer: RawPeer, name: str, what: str, make: Made, code: int) -> None:
    made = make(peer)
    peer.send(made.encode("utf-8", "surrogateescape") if isinstance(made, str) else made)
    answer = await peer.response()
    assert answer.code == code, answer
    called = code == 200 and answer.need("CSeq").endswith("INVITE")
    assert len(phone.calls) == called
    assert phone.ua.counters["internal_errors"] == phone.ua.counters["handler_errors"] == 0
    if called:
        assert str(Uri.parse(phone.calls[0].request.uri)) == str(phone.calls[0].request_uri)
        assert phone.calls[0].from_.uri.scheme == "sip"
        assert phone.ua.counters["malformed"] == 0
    else:
        assert phone.held("dialogs", "offered_calls", "early_dialogs") == 0


def response(first: str, *headers: str) -> Made:
    def make(peer: RawPeer) -> bytes:
        text = first + "\r\n" + peer.request("OPTIONS").partition("\r\n")[2]
        for header in headers:
            name = header.partition(":")[0]
            rows = [header if row.startswith(name + ":") else row for row in text.split("\r\n")]
            text = "\r\n".join(rows)
        return text.encode()

    return make


RESPONSES = [
    ("unreason", "a reason of any letters", response("SIP/2.0 200 = 2**3 * 5**2 но сто"), "stray_responses"),
    ("noreason", "no reason", response("SIP/2.0 100 "), "stray_responses"),
    ("", "not even a space for it", response("SIP/2.0 100"), "stray_responses"),
    (
        "scalarlg",
        "a sequence number beyond counting",
        response("SIP/2.0 503 x", "CSeq: 9292394834772304023312 OPTIONS"),
        "malformed",
    ),
    ("bigcode", "a code beyond counting", response("SIP/2.0 4294967301 better not"), "malformed"),
    (
        "bcast",
        "meant for everybody",
        response("SIP/2.0 200 OK", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKx"),
        "stray_responses",
    ),
]


@pytest.mark.parametrize(("name", "what", "make", "counter"), RESPONSES, ids=[f"{row[0]} {row[1]}".strip() for row in RESPONSES])
async def test_a_response_is_counted_and_goes_nowhere(
    phone: Phone, peer: RawPeer, name: str, what: str, make: Made, counter: str
) -> None:
    peer.send(make(peer))
    await until(lambda: phone.ua.counters[counter] == 1)
    assert await peer.silence()


ADDRESSES = [
    ("cparam01", "sip:+19725552222@gw1.example.net;unknownparam", {}, {"unknownparam": None}),
    ("cparam02", "<sip:+19725552222@gw1.example.net;unknownparam>", {"unknownparam": None}, {}),
]


@pytest.mark.parametrize(("name", "text", "of_uri", "of_header"), ADDRESSES, ids=[row[0] for row in ADDRESSES])
def test_whose_a_parameter_is(name: str, text: str, of_uri: dict[str, None], of_header: dict[str, None]) -> None:
    address = NameAddr.parse(text)
    assert (address.uri.params, address.params) == (of_uri, of_header)


async def test_regescrt_headers_inside_brackets_belong_to_the_uri_and_register(phone: Phone, peer: RawPeer) -> None:
    contact = "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"
    peer.send(peer.request("REGISTER", drop="Contact", extra=f"Contact: {contact}\r\n"))
    assert (await peer.response()).code == 200
    assert NameAddr.parse(contact).uri.headers == "Route=%3Csip:sip.example.com%3E"
    with pytest.raises(ParseError):
        NameAddr.parse(contact.strip("<>"))


async def test_regaut01_a_password_of_an_unknown_scheme_is_none(phone: Phone, peer: RawPeer) -> None:
    serve(phone)
    peer.send(peer.request("REGISTER", extra="Authorization: NoOneKnowsThisScheme opaque-data=here\r\n"))
    answer = await peer.response()
    assert answer.code in (400, 401)
    assert phone.held("server_transactions") == 0


def test_every_message_of_the_rfc_is_here() -> None:
    named = (
        {row[0] for row in REQUESTS} | {row[0] for row in RESPONSES} | {row[0] for row in ADDRESSES} | {"regescrt", "regaut01"}
    )
    assert len(named - {""}) == 49


def test_wsinv_is_read_to_the_limit_of_the_grammar() -> None:
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


async def test_a_caller_of_before_rfc_3261_may_repeat_itself_and_give_up(phone: Phone, peer: RawPeer) -> None:
    phone.when_called = lambda call: call.provisional(180)
    old = peer.invite(drop="From", extra="From: <sip:old@example.com>\r\n", branch="z9hG4bK")
    peer.send(old)
    assert (await peer.response()).code == 180
    peer.send(old)
    assert (await peer.response()).code == 180
    assert phone.story == ["invite"]
    peer.send(peer.request("CANCEL", drop="From", extra="From: <sip:old@example.com>\r\n", branch="z9hG4bK"))
    await until(lambda: "cancelled" in phone.story)
