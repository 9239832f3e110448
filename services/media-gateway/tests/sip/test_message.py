"""The parser forgives what phones really send; the writer forgives nothing."""

from __future__ import annotations

import pytest
import sipmessage
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.message import MAX_HEADERS, Message, Request, Response, parse_message, parse_seconds
from callstream_media_gateway.sip.salvage import salvage_request

HEAD = (
    "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1;rport\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Ann, \\"B\\"" <sip:ann@example.com>;tag=1\r\n'
    "To: <sip:bob@example.com>\r\n"
    "Call-ID: abc@example.com\r\n"
    "CSeq: 7 INVITE\r\n"
)


def request(extra: str = "", body: bytes = b"", start: str = "INVITE sip:bob@example.com SIP/2.0") -> bytes:
    return f"{start}\r\n{HEAD}{extra}\r\n".encode("utf-8", "surrogateescape") + body


READ = [
    ("compact forms", "m: <sip:a@b>\r\nk: timer\r\n", "Contact", ["<sip:a@b>"]),
    ("any case", "cOnTaCt: <sip:a@b>\r\n", "Contact", ["<sip:a@b>"]),
    ("white space around the colon", "Contact \t:   <sip:a@b>  \r\n", "Contact", ["<sip:a@b>"]),
    ("a folded line", "Contact: <sip:a@b>;\r\n\t q=1,\r\n <sip:c@d>\r\n", "Contact", ["<sip:a@b>; q=1", "<sip:c@d>"]),
    ("several values on a line", "Route: <sip:a;lr>,<sip:b;lr>\r\n", "Route", ["<sip:a;lr>", "<sip:b;lr>"]),
    ("several lines", "Route: <sip:a;lr>\r\nRoute: <sip:b;lr>\r\n", "Route", ["<sip:a;lr>", "<sip:b;lr>"]),
    ("a comma in a quoted name", 'Contact: "A, B" <sip:a@b>, <sip:c@d>\r\n', "Contact", ['"A, B" <sip:a@b>', "<sip:c@d>"]),
    ("a comma in a URI", "Contact: <sip:a,b@c>, <sip:d@e>\r\n", "Contact", ["<sip:a,b@c>", "<sip:d@e>"]),
    ("the asterisk", "Contact: *\r\n", "Contact", ["*"]),
    ("an empty value", "Subject:\r\n", "Subject", []),
    ("empty list elements", "Supported: timer,, ,100rel\r\n", "Supported", ["timer", "100rel"]),
    ("an unknown header", "x-my-own: 1\r\n", "X-My-Own", ["1"]),
    ("a header without commas to split", "Subject: one\r\n", "Subject", ["one"]),
    ("bytes that are no UTF-8", "Subject: \udcff\udcfe\r\n", "Subject", ["\udcff\udcfe"]),
    ("UTF-8", "Subject: 你好\r\n", "Subject", ["你好"]),
]


@pytest.mark.parametrize(("what", "lines", "name", "values"), READ, ids=[row[0] for row in READ])
def test_headers_are_read(what: str, lines: str, name: str, values: list[str]) -> None:
    message = parse_message(request(lines))
    assert message.values(name) == values
    again = parse_message(message.to_bytes())
    assert again.headers == [*message.headers, ("Content-Length", "0")]


@pytest.mark.parametrize("data", [request().replace(b"\r\n", b"\n"), b"\r\n\r\n" + request()])
def test_bare_line_feeds_and_leading_blank_lines_are_forgiven(data: bytes) -> None:
    assert parse_message(data).cseq == (7, "INVITE")


def test_a_body_is_cut_at_its_length_and_taken_whole_without_one() -> None:
    assert parse_message(request("Content-Length: 3\r\n", b"abcdef")).body == b"abc"
    assert parse_message(request("l: 0\r\n", b"abcdef")).body == b""
    assert parse_message(request("", b"abcdef")).body == b"abcdef"


REFUSED = [
    (b"", "message"),
    (request()[:-2], "message"),
    (request()[:100], "message"),
    (b"INVITE\r\n\r\n", "request line"),
    (request(start="INVITE  sip:a@b SIP/2.0"), "request line"),
    (request(start="INVITE sip:a@b SIP/2.0 "), "request line"),
    (request(start="INVITE sip:a b@c SIP/2.0"), "request line"),
    (request(start="IN(VITE sip:a@b SIP/2.0"), "request line"),
    (request(start="INVITE sip:a@b HTTP/1.1"), "request line"),
    (request(start="INVITE sip:a@b SIP/3.0"), "SIP-Version"),
    (request(start="SIP/2.0 20 OK"), "status line"),
    (request(start="SIP/2.0 700 OK"), "status line"),
    (request(start="SIP/2.0 2⁰0 OK"), "status line"),
    (request("no colon here\r\n"), "header"),
    (request(": no name\r\n"), "header"),
    (request("Bad Name: 1\r\n"), "header"),
    (request("Subject: a\rb\r\n"), "header"),
    (request("Content-Length: -1\r\n"), "Content-Length"),
    (request("Content-Length: 1e3\r\n"), "Content-Length"),
    (request("Content-Length: 5\r\n", b"abcd"), "Content-Length"),
    (request("Content-Length: 0\r\nl: 5\r\n"), "Content-Length"),
    (request("t: <sip:x@y>\r\n"), "To"),
    (request("Call-ID: other\r\n"), "Call-ID"),
    (request("X: 1\r\n" * MAX_HEADERS), "message"),
    (b"x" * 65_536, "message"),
]


@pytest.mark.parametrize(("data", "field"), REFUSED)
def test_broken_messages_name_what_is_broken(data: bytes, field: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_message(data)
    assert refused.value.field == field


@pytest.mark.parametrize("value", ["INVITE", "-1 INVITE", "2147483648 INVITE", "99999999999999 INVITE", "1", "１ INVITE"])
def test_a_bad_cseq_is_refused(value: str) -> None:
    with pytest.raises(ParseError, match="CSeq"):
        _ = Message([("CSeq", value)]).cseq


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("60;refresher=uac", 60), (" 60 (one minute)", 60), ("0", 0)])
def test_seconds(text: str, seconds: int) -> None:
    assert parse_seconds(text, "Expires") == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "4294967296", "1.5"])
def test_bad_seconds_name_their_header(text: str) -> None:
    with pytest.raises(ParseError, match="Min-SE"):
        parse_seconds(text, "Min-SE")


def test_the_writer_counts_the_body_and_refuses_line_breaks() -> None:
    response = Response(200, None, [("Subject", "x"), ("Content-Length", "99")], b"body")
    assert response.to_bytes() == b"SIP/2.0 200 OK\r\nSubject: x\r\nContent-Length: 4\r\n\r\nbody"
    for forged in ("a\r\nVia: x", "a\nb", "a\rb"):
        with pytest.raises(ValueError, match="line break"):
            Request("BYE", "sip:a@b", [("Subject", forged)]).to_bytes()


def test_what_is_left_of_a_broken_request_can_be_answered() -> None:
    broken = request("Content-Length: x\r\nrubbish\r\n")
    saved = salvage_request(broken)
    assert saved is not None
    assert saved.method == "INVITE"
    assert saved.call_id == "abc@example.com"
    assert salvage_request(b"SIP/2.0 200 OK\r\n\r\n") is None
    assert salvage_request(broken.replace(b"Via", b"Oops")) is None


ORACLE = [
    request(),
    request("Contact: <sip:a@b:5060;transport=tcp>;expires=60\r\n"),
    request("Route: <sip:a.example.com;lr>\r\nContent-Type: application/sdp\r\nContent-Length: 4\r\n", b"v=0\n"),
    request('Contact: "Bob" <sip:bob@10.0.0.1>\r\nUser-Agent: x y/1.0\r\nSupported: timer, 100rel\r\n'),
    request("f2: a\r\nX-Trunk: b=c;d\r\n"),
    request("", start="SIP/2.0 180 Ringing"),
    request("", start="SIP/2.0 200 OK"),
]


@pytest.mark.parametrize("data", ORACLE)
def test_messages_that_another_parser_accepts_are_read_alike(data: bytes) -> None:
    ours, theirs = parse_message(data), sipmessage.Message.parse(data)
    assert ours.body == theirs.body
    if isinstance(ours, Request):
        assert isinstance(theirs, sipmessage.Request)
        assert (ours.method, ours.uri) == (theirs.method, str(theirs.uri))
    else:
        assert isinstance(theirs, sipmessage.Response)
        assert ours.code == theirs.code
    assert ours.call_id == theirs.call_id
    assert ours.cseq == (theirs.cseq.sequence, theirs.cseq.method)
    assert len(ours.values("Via")) == len(theirs.via)
    assert len(ours.values("Contact")) == len(theirs.contact)


@given(st.binary(max_size=600))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_message(data)
    except ParseError:
        salvage_request(data)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_change_to_a_message_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(request("Contact: <sip:a@b>\r\nContent-Length: 4\r\n", b"abcd"))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=4)) or b'"'
    try:
        message = parse_message(bytes(whole))
    except ParseError:
        return
    for name in ("Via", "Contact", "Route"):
        message.values(name)
    assert parse_message(message.to_bytes()).body == message.body


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60))
def test_any_text_without_line_breaks_survives_in_a_header(text: str) -> None:
    sent = Request("BYE", "sip:a@b", [("Subject", text)])
    assert parse_message(sent.to_bytes()).get("Subject") == text.strip()
