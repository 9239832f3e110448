"""Session descriptions, offers and answers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.sip.errors import NotAcceptableError, ParseError
from callstream_media_gateway.sip.offer_answer import (
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    agreed_stream,
    answer_again,
    answer_direction,
    make_answer,
    make_offer,
    offer_again,
)
from callstream_media_gateway.sip.sdp import Codec, Direction, parse_sdp

HEAD = "v=0\r\no=- 5 6 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
A101 = "m=audio 0 RTP/AVP 8 0 101"
AUDIO = "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
VIDEO = "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


def offer(text: str):  # type: ignore[no-untyped-def]
    return parse_sdp((HEAD + text).encode())


def answered(text: str, **wishes: object):  # type: ignore[no-untyped-def]
    return make_answer(offer(text), "127.0.0.1", 40000, session_id=1, **wishes)  # type: ignore[arg-type]


def test_a_description_is_read_and_written_back() -> None:
    sdp = offer(AUDIO + "a=sendonly\r\na=rtcp:4001\r\n" + VIDEO)
    audio = sdp.audio
    assert audio is not None
    assert (audio.host, audio.port, audio.direction, audio.ptime) == ("10.0.0.1", 4000, "sendonly", 20)
    assert [codec.name for codec in audio.codecs] == ["PCMA", "PCMU", "TELEPHONE-EVENT"]
    assert audio.codecs[2].fmtp == "0-15"
    assert audio.attributes == ("rtcp:4001",)
    assert parse_sdp(sdp.to_bytes()).audio == audio._replace(codecs=audio.codecs)


def test_a_description_that_was_written_is_another_text_once_it_has_changed() -> None:
    mine = make_offer("127.0.0.1", 40000, session_id=1)
    before = mine.to_bytes()
    held = offer_again(mine, "inactive", port=40002)
    again = answer_again(offer(AUDIO + "a=sendonly\r\n"), mine)
    assert b"m=audio 40002" in held.to_bytes()
    assert b"a=inactive" in held.to_bytes()
    assert b"o=- 1 2 " in again.to_bytes()
    assert b"a=recvonly" in again.to_bytes()
    assert mine.to_bytes() == before == mine._replace(version=1).to_bytes()


def test_lines_that_were_read_before_mean_what_they_stand_beside() -> None:
    plain, other = offer(AUDIO).media[0], offer(AUDIO.replace("8 0 101", "0 101")).media[0]
    assert [codec.payload_type for codec in plain.codecs] == [8, 0, 101]
    assert [codec.payload_type for codec in other.codecs] == [0, 101]
    assert [line.direction for line in offer("a=inactive\r\n" + AUDIO + AUDIO + "a=recvonly\r\n").media] == [
        "inactive",
        "recvonly",
    ]
    assert offer(AUDIO).media[0].direction == "sendrecv"
    assert offer(AUDIO.replace("audio", "image")).media[0].codecs == ()


FORGIVEN = [
    ("bare line feeds", (HEAD + AUDIO).replace("\r\n", "\n"), 4000),
    (
        "a connection per line only",
        "v=0\r\no=- 5 6 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 2.2.2.2\r\n",
        1,
    ),
    ("unknown lines", HEAD + "k=clear:x\r\nz=0 0\r\nb=AS:64\r\n" + AUDIO, 4000),
    ("several ports", HEAD + "m=audio 4000/2 RTP/AVP 0\r\n", 4000),
    ("IPv6", HEAD.replace("IP4 10.0.0.1", "IP6 ::1") + AUDIO, 4000),
    ("a multicast time to live", HEAD.replace("c=IN IP4 10.0.0.1", "c=IN IP4 224.1.1.1/127") + AUDIO, 4000),
    ("a strange payload type", HEAD + "m=audio 4000 RTP/AVP 0 300 x\r\n", 4000),
]


@pytest.mark.parametrize(("what", "text", "port"), FORGIVEN, ids=[row[0] for row in FORGIVEN])
def test_forgiven(what: str, text: str, port: int) -> None:
    audio = parse_sdp(text.encode()).audio
    assert audio is not None
    assert audio.port == port


REFUSED = [
    ("", "sdp v="),
    ("v=1\r\n", "sdp v="),
    ("v=0\r\ns=-\r\n", "sdp o="),
    (HEAD.replace("o=- 5 6", "o=- x 6") + AUDIO, "sdp o="),
    (HEAD.replace("o=- 5 6 IN", "o=- 5 IN") + AUDIO, "sdp o="),
    (HEAD.replace("c=IN IP4 10.0.0.1\r\n", "") + AUDIO, "sdp c="),
    (HEAD.replace("c=IN IP4 10.0.0.1", "c=10.0.0.1") + AUDIO, "sdp c="),
    (HEAD + "m=audio x RTP/AVP 0\r\n", "sdp m="),
    (HEAD + "m=audio 70000 RTP/AVP 0\r\n", "sdp m="),
    (HEAD + "m=audio 4000\r\n", "sdp m="),
    (HEAD + "garbage\r\n", "sdp"),
    (HEAD + VIDEO * 20, "sdp m="),
]


@pytest.mark.parametrize(("text", "field"), REFUSED)
def test_refused_by_name(text: str, field: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse_sdp(text.encode())
    assert refused.value.field == field


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for data in (body, HEAD.encode() + body, (HEAD + AUDIO).encode() + body):
        try:
            sdp = parse_sdp(data)
        except ParseError:
            continue
        parse_sdp(sdp.to_bytes())


ANSWERS = [
    ("the offer's order", AUDIO, "m=audio 40000 RTP/AVP 8 0 101"),
    ("the offer's payload types", AUDIO.replace("101", "96"), "m=audio 40000 RTP/AVP 8 0 96"),
    ("what we know only", "m=audio 4000 RTP/AVP 18 0 3\r\n", "m=audio 40000 RTP/AVP 0"),
    ("a dynamic type for a static codec", "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 pcma/8000\r\n", "m=audio 40000 RTP/AVP 97"),
    ("RTP/AVPF as offered", "m=audio 4000 RTP/AVPF 0\r\n", "m=audio 40000 RTP/AVPF 0"),
    ("only the first audio line", AUDIO + AUDIO, "m=audio 40000 RTP/AVP 8 0 101|" + A101),
    ("video refused in its place", VIDEO + AUDIO, "m=video 0 RTP/AVP 96|m=audio 40000 RTP/AVP 8 0 101"),
    (
        "a refused line stays refused",
        AUDIO.replace("4000", "0") + AUDIO,
        A101 + "|m=audio 40000 RTP/AVP 8 0 101",
    ),
    ("secure audio refused", AUDIO.replace("AVP", "SAVP") + AUDIO, "m=audio 0 RTP/SAVP 8 0 101|m=audio 40000 RTP/AVP 8 0 101"),
]


@pytest.mark.parametrize(("what", "text", "lines"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_keeps(what: str, text: str, lines: str) -> None:
    body = answered(text).to_bytes().decode()
    assert [line for line in body.split("\r\n") if line.startswith("m=")] == lines.split("|")


@pytest.mark.parametrize(
    "text",
    [
        "",
        VIDEO,
        "m=audio 4000 RTP/AVP 18\r\n",
        "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        "m=audio 4000 RTP/SAVP 0\r\n",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/16000\r\n",
    ],
)
def test_nothing_in_common_is_not_acceptable(text: str) -> None:
    with pytest.raises(NotAcceptableError):
        answered(text)


DIRECTIONS: list[tuple[Direction, Direction, Direction]] = [
    ("sendrecv", "sendrecv", "sendrecv"),
    ("sendonly", "sendrecv", "recvonly"),
    ("recvonly", "sendrecv", "sendonly"),
    ("inactive", "sendrecv", "inactive"),
    ("sendrecv", "sendonly", "sendonly"),
    ("sendonly", "sendonly", "inactive"),
    ("recvonly", "recvonly", "inactive"),
    ("sendrecv", "inactive", "inactive"),
]


@pytest.mark.parametrize(("offered", "wished", "says"), DIRECTIONS)
def test_directions_answer_each_other(offered: Direction, wished: Direction, says: Direction) -> None:
    assert answer_direction(offered, wished) == says
    audio = answered(AUDIO + f"a={offered}\r\n", direction=wished).audio
    assert audio is not None
    assert audio.direction == says


def test_both_sides_agree_on_the_same_stream() -> None:
    ours = make_offer("127.0.0.1", 40000, session_id=1)
    theirs = make_answer(ours, "10.0.0.2", 5000, session_id=2, codecs=(PCMU, TELEPHONE_EVENT))
    caller, callee = agreed_stream(ours, theirs), agreed_stream(theirs, ours)
    assert (caller.host, caller.port, caller.codec.name, caller.event_type) == ("10.0.0.2", 5000, "PCMU", 101)
    assert (callee.host, callee.port, callee.codec.name, callee.event_type) == ("127.0.0.1", 40000, "PCMU", 101)
    assert caller.payload_type_in == 0
    assert caller.direction == "sendrecv"
    assert caller.ptime == 20


def test_each_side_sends_the_payload_types_that_the_other_named() -> None:
    ours = make_offer("127.0.0.1", 40000, session_id=1, codecs=(PCMA, Codec(96, "TELEPHONE-EVENT")))
    theirs = offer("m=audio 9 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")
    stream = agreed_stream(ours, theirs)
    assert (stream.event_type, stream.event_type_in) == (101, 96)


def test_a_peer_without_telephone_events_gets_none() -> None:
    ours = make_offer("127.0.0.1", 40000, session_id=1)
    assert agreed_stream(ours, offer("m=audio 9 RTP/AVP 8\r\n")).event_type is None


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        (AUDIO, "sendrecv"),
        (AUDIO + "a=sendonly\r\n", "recvonly"),
        (AUDIO + "a=inactive\r\n", "inactive"),
        (AUDIO + "c=IN IP4 0.0.0.0\r\n", "recvonly"),
    ],
)
def test_hold_is_understood_in_both_spellings(text: str, direction: str) -> None:
    assert agreed_stream(make_offer("127.0.0.1", 40000, session_id=1), offer(text)).direction == direction


@pytest.mark.parametrize("text", ["m=audio 0 RTP/AVP 8\r\n", "m=audio 9 RTP/AVP 18\r\n", ""])
def test_a_refused_answer_is_no_stream(text: str) -> None:
    with pytest.raises(NotAcceptableError):
        agreed_stream(make_offer("127.0.0.1", 40000, session_id=1), offer(text))


def test_the_same_answer_again_keeps_its_version_and_a_changed_one_raises_it() -> None:
    first = answered(AUDIO)
    assert answer_again(offer(AUDIO), first) == first
    held = answer_again(offer(AUDIO + "a=sendonly\r\n"), first)
    assert held.version == first.version + 1
    assert held.audio is not None
    assert held.audio.direction == "recvonly"
    assert held.audio.port == 40000


def test_a_peer_whose_codecs_are_others_now_is_still_answered() -> None:
    first = answered("m=audio 4000 RTP/AVP 8\r\n")
    again = answer_again(offer("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"), first)
    assert agreed_stream(again, offer("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n")).codec.name == "OPUS"
    assert again.version == first.version + 1
    with pytest.raises(NotAcceptableError):
        answer_again(offer("m=audio 4000 RTP/AVP 18\r\n"), first)


def test_a_line_break_cannot_be_smuggled_in() -> None:
    with pytest.raises(ValueError, match="line break"):
        make_offer("127.0.0.1\r\na=x", 1, session_id=1).to_bytes()


OPUS_FIRST = (
    "m=audio 4000 RTP/AVP 96 9 8 13 97 98\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10;useinbandfec=1\r\n"
    "a=rtpmap:97 telephone-event/48000\r\na=rtpmap:98 telephone-event/8000\r\n"
)


@pytest.mark.parametrize(
    ("what", "text", "codec", "dynamic_in", "event"),
    [
        ("Opus preferred", OPUS_FIRST, "OPUS", ((96, "OPUS"),), (97, 48000)),
        ("G.711 preferred", OPUS_FIRST.replace("96 9 8", "8 9 96"), "PCMA", ((96, "OPUS"),), (98, 8000)),
        ("G.722 alone", "m=audio 4000 RTP/AVP 9\r\n", "G722", (), (None, 8000)),
        ("keys at 8 kHz beside Opus", OPUS_FIRST.replace("13 97", "13"), "OPUS", ((96, "OPUS"),), (98, 8000)),
        ("a dynamic type for PCMU", "m=audio 4 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000\r\n", "PCMU", ((97, "PCMU"),), (None, 8000)),
    ],
)
def test_the_peers_first_codec_is_spoken(
    what: str, text: str, codec: str, dynamic_in: tuple[tuple[int, str], ...], event: tuple[int | None, int]
) -> None:
    stream = agreed_stream(answered(text), offer(text))
    assert stream.codec.name == codec
    assert stream.dynamic_in == dynamic_in
    assert (stream.event_type, stream.event_rate) == event


def test_comfort_noise_is_taken_when_offered_and_never_offered() -> None:
    line = answered("m=audio 4000 RTP/AVP 8 13\r\n").to_bytes().decode()
    assert "m=audio 40000 RTP/AVP 8 13\r\n" in line
    assert "a=rtpmap:13 CN/8000\r\n" in line
    assert "CN/8000" not in make_offer("127.0.0.1", 40000, session_id=1).to_bytes().decode()
    with pytest.raises(NotAcceptableError):
        answered("m=audio 4000 RTP/AVP 13\r\n")


def test_an_opus_answer_names_what_we_can_decode() -> None:
    body = answered(OPUS_FIRST).to_bytes().decode()
    assert "a=rtpmap:96 opus/48000/2\r\n" in body
    assert "a=fmtp:96 maxplaybackrate=8000;" in body
    assert "useinbandfec=1" in body
    assert "a=rtpmap:97 telephone-event/48000\r\n" in body


def test_keys_of_a_rate_that_no_agreed_speech_has_are_not_answered() -> None:
    body = answered(OPUS_FIRST.replace("96 9", "9")).to_bytes().decode()
    assert "m=audio 40000 RTP/AVP 9 8 13 98\r\n" in body


def test_a_static_codec_whose_mapping_cannot_be_read_is_what_its_number_says() -> None:
    theirs = offer("m=audio 4000 RTP/AVP 8 97\r\na=rtpmap:8 PCMA/800a=\r\na=rtpmap:97 opus\r\n")
    assert theirs.audio is not None
    assert [codec.name for codec in theirs.audio.codecs] == ["PCMA"]
    assert parse_sdp(theirs.to_bytes()).to_bytes() == theirs.to_bytes()
