"""URIs, addresses, Via and what hides in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.reach import hop_to, is_hidden, way_to
from callstream_media_gateway.sip.responses import tag_of
from callstream_media_gateway.sip.uri import NameAddr, Uri
from callstream_media_gateway.sip.via import mark_received, parse_via, split_top, way_back

URIS: list[tuple[str, tuple[str, str | None, str, int | None]]] = [
    ("sip:bob@example.com", ("sip", "bob", "example.com", None)),
    ("SIP:Bob@EXAMPLE.com:5070", ("sip", "Bob", "example.com", 5070)),
    ("sips:example.com;transport=tcp", ("sips", None, "example.com", None)),
    ("sip:my_host_1.local", ("sip", None, "my_host_1.local", None)),
    ("sip:u@[2001:db8::1]:5060", ("sip", "u", "[2001:db8::1]", 5060)),
    ("sip:[::1]", ("sip", None, "[::1]", None)),
    ("sip:a;b=c@host", ("sip", "a;b=c", "host", None)),
    ("sip:a%40b@host", ("sip", "a%40b", "host", None)),
    ("sip:a?b@host", ("sip", "a?b", "host", None)),
    ("sip:+86-10;phone-context=x@gw;user=phone", ("sip", "+86-10;phone-context=x", "gw", None)),
    ("sip:host?To=sip:x%40y", ("sip", None, "host", None)),
    ("tel:+8610;ext=5", ("tel", "+8610", "", None)),
]


@pytest.mark.parametrize(("text", "parts"), URIS)
def test_uris_are_read_and_written_back(text: str, parts: tuple[str, str | None, str, int | None]) -> None:
    uri = Uri.parse(text)
    assert uri[:4] == parts
    assert Uri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    ["", "sip:", "bob@example.com", "http://x", "sip:@host", "sip:a@", "sip:a@h:99999", "sip:a@h:x", "sip:a@[::1", "sip:a@h h"],
)
def test_bad_uris_name_their_field(text: str) -> None:
    with pytest.raises(ParseError, match="Contact"):
        Uri.parse(text, "Contact")


ADDRESSES = [
    ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
    ("<sip:a@b;lr>;tag=1;x", "", "sip:a@b;lr", {"tag": "1", "x": None}),
    ('"Ann \\"B\\" <x>" <sip:a@b>', 'Ann "B" <x>', "sip:a@b", {}),
    ("Ann B <sip:a@b> ; Tag = 5", "Ann B", "sip:a@b", {"tag": "5"}),
    ("你好 <sip:a@b>", "你好", "sip:a@b", {}),
    ('<sip:a@b>;p="x;y,z"', "", "sip:a@b", {"p": "x;y,z"}),
]


@pytest.mark.parametrize(("text", "name", "uri", "params"), ADDRESSES)
def test_addresses_are_read_and_written_back(text: str, name: str, uri: str, params: dict[str, str | None]) -> None:
    address = NameAddr.parse(text)
    assert (address.name, str(address.uri), address.params) == (name, uri, params)
    assert NameAddr.parse(str(address)) == address
    assert tag_of(text) == params.get("tag")


def test_an_address_that_was_written_is_another_text_once_it_has_changed() -> None:
    address = NameAddr.parse('"Ann" <sip:a:pw@b:5070;lr?x=y>;tag=1')
    assert str(address) == '"Ann" <sip:a:pw@b:5070;lr?x=y>;tag=1'
    assert str(address.uri._replace(port=None, password=None)) == "sip:a@b;lr?x=y"
    assert str(address.tagged("2")) == '"Ann" <sip:a:pw@b:5070;lr?x=y>;tag=2'
    assert str(address._replace(uri=Uri("sip", None, "c"))) == '"Ann" <sip:c>;tag=1'
    assert str(address) == '"Ann" <sip:a:pw@b:5070;lr?x=y>;tag=1'
    assert address == NameAddr("Ann", address.uri, {"tag": "1"})


@pytest.mark.parametrize("text", ["", "<sip:a@b", '"Ann <sip:a@b>', '"Ann" sip:a@b', "<sip:a@b> x"])
def test_bad_addresses_name_their_field(text: str) -> None:
    with pytest.raises(ParseError, match="From"):
        NameAddr.parse(text, "From")


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for parse in (Uri.parse, NameAddr.parse, parse_via):
        try:
            read = parse(text)
        except ParseError:
            continue
        str(read)


VIAS = [
    ("SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;rport", ("udp", "10.0.0.1", 5070)),
    ("SIP / 2.0 / TCP  host.example ; branch=z9hG4bKx", ("tcp", "host.example", None)),
    ("SIP/2.0/UDP [::1]:5060;branch=z9hG4bKx", ("udp", "[::1]", 5060)),
    ("sip/2.0/udp my_host;branch=z9hG4bKx", ("udp", "my_host", None)),
]


@pytest.mark.parametrize(("text", "parts"), VIAS)
def test_vias_are_read(text: str, parts: tuple[str, str, int | None]) -> None:
    via = parse_via(text)
    assert via[:3] == parts
    assert via.branch == "z9hG4bKx"
    assert parse_via(str(via)) == via


@pytest.mark.parametrize("text", ["", "SIP/2.0/UDP", "HTTP/1.1/TCP h", "SIP/3.0/UDP h", "SIP/2.0/UDP h:x"])
def test_bad_vias_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match="Via"):
        parse_via(text)


def test_the_top_via_of_a_line_of_several() -> None:
    assert split_top("SIP/2.0/UDP a;x=1, SIP/2.0/UDP b") == ("SIP/2.0/UDP a;x=1", ", SIP/2.0/UDP b")


WAYS_BACK = [
    ("the source asked for", "SIP/2.0/UDP 10.0.0.1:5070;rport", Hop("udp", "1.2.3.4", 999), Hop("udp", "1.2.3.4", 999)),
    ("the port of the Via", "SIP/2.0/UDP 10.0.0.1:5070", Hop("udp", "1.2.3.4", 999), Hop("udp", "1.2.3.4", 5070)),
    ("the default port", "SIP/2.0/UDP 10.0.0.1", Hop("udp", "1.2.3.4", 999), Hop("udp", "1.2.3.4", 5060)),
    ("the connection", "SIP/2.0/TCP 10.0.0.1:5070", Hop("tcp", "1.2.3.4", 999), Hop("tcp", "1.2.3.4", 999)),
]


@pytest.mark.parametrize(("what", "via", "source", "back"), WAYS_BACK, ids=[row[0] for row in WAYS_BACK])
def test_responses_go_back_to(what: str, via: str, source: Hop, back: Hop) -> None:
    marked = mark_received(parse_via(via), source)
    assert marked.params.get("received") == source.host
    assert way_back(marked, source) == back


HEARD = Hop("udp", "8.8.8.8", 999)
WAYS = [
    ("the target", [], {}, Hop("udp", "9.9.9.9", 70)),
    ("the first route", ["<sip:1.1.1.1:7;lr>"], {}, Hop("udp", "1.1.1.1", 7)),
    ("the first route, before translation", ["<sip:1.1.1.1:7;lr>"], {"hidden": True}, Hop("udp", "1.1.1.1", 7)),
    ("the source of a phone behind translation", [], {"hidden": True}, HEARD),
    ("the open connection", ["<sip:1.1.1.1:7;lr>"], {"connected": True}, HEARD),
]


@pytest.mark.parametrize(("what", "routes", "more", "way"), WAYS, ids=[row[0] for row in WAYS])
def test_requests_in_a_dialog_go_to(what: str, routes: list[str], more: dict[str, bool], way: Hop) -> None:
    route_set = [NameAddr.parse(route) for route in routes]
    found = {"connected": False, "hidden": False} | more
    assert way_to(Uri.parse("sip:a@9.9.9.9:70"), route_set, HEARD, **found) == way


HIDDEN = [
    ("at home", "10.0.0.5", "10.0.0.5", "10.0.0.5", False),
    ("behind a translator", "192.168.1.5", "192.168.1.5", "8.8.8.8", True),
    ("behind one inside a private network", "192.168.1.5", "192.168.1.5", "10.0.0.1", True),
    ("behind one, by its private contact alone", "192.168.1.5", "host.example", "8.8.8.8", True),
    ("another machine of the trunk", "9.9.9.9", "8.8.8.8", "8.8.8.8", False),
    ("another private machine", "10.0.0.7", "10.0.0.5", "10.0.0.5", False),
    ("a name", "host.example", "host.example", "8.8.8.8", False),
]


@pytest.mark.parametrize(("what", "contact", "claimed", "source", "hidden"), HIDDEN, ids=[row[0] for row in HIDDEN])
def test_a_peer_is(what: str, contact: str, claimed: str, source: str, hidden: bool) -> None:
    assert is_hidden(Uri.parse(f"sip:a@{contact}"), claimed, Hop("udp", source, 5060)) is hidden


def test_a_uri_says_where_it_lives() -> None:
    assert hop_to(Uri.parse("sip:a@h;transport=TCP")) == Hop("tcp", "h", 5060)
    assert hop_to(Uri.parse("sip:a@h:7;maddr=10.0.0.9")) == Hop("udp", "10.0.0.9", 7)
    assert hop_to(Uri.parse("sip:a@[::1]:7")) == Hop("udp", "::1", 7)
    assert hop_to(Uri.parse("sips:a@h")).transport == hop_to(Uri.parse("sip:a@h;transport=tls")).transport == "tls"


FOUND_BY_FUZZING = [
    "tel:+86 10 <sip:a@b>",
    "tel:+86\x1c1",
    "sip:a b@example.com",
    'sip:a@example.com;x="<"',
    "sip:a@example.com?x=>",
]


@pytest.mark.parametrize("text", FOUND_BY_FUZZING)
def test_what_another_reader_would_take_for_something_else_is_no_uri(text: str) -> None:
    with pytest.raises(ParseError):
        Uri.parse(text)


def test_what_has_no_token_for_a_name_is_no_parameter() -> None:
    address = NameAddr.parse('<sip:a@b>;tag=1;x # "y~ = "z;q=0.5;<x>=1')
    assert address.params == {"tag": "1", "q": "0.5"}
    assert str(address) == "<sip:a@b>;tag=1;q=0.5"
