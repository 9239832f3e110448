"""Offers and answers of the WebRTC profile, with a description as Chromium writes it."""

import pytest

from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.media.worker_commands import DtlsPeer
from callstream_media_gateway.sip.browser_sdp import OurSide
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.offer_answer import agreed_stream, holds, make_answer, make_offer
from callstream_media_gateway.sip.sdp import SessionDescription, parse_sdp

PRINT = ":".join(["AB"] * 32)
OURS = OurSide("oooo", "o" * 32, "sha-256 " + ":".join(["01"] * 32))
CHROMIUM = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS f3a7
m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 8f1c.local 51000 typ host generation 0
a=ice-ufrag:thei
a=ice-pwd:the+password+of+the+browser
a=ice-options:trickle
a=fingerprint:sha-256 {PRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:f3a7 9b0c
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3735928559 cname:x
""".replace("\n", "\r\n")


def offer(**changed: str) -> SessionDescription:
    """Chromium's offer; name=line replaces the a= line of that name, name="" removes it."""
    text = CHROMIUM
    for name, line in changed.items():
        attribute = name.replace("_", "-")
        lines = [old for old in text.split("\r\n") if old.partition(":")[0] != f"a={attribute}"]
        at = len(lines) - 1
        text = "\r\n".join([*lines[:at], *([line] if line else []), *lines[at:]])
    return parse_sdp(text.encode())


def answer(given: SessionDescription) -> SessionDescription:
    """Our answer, as it arrives there."""
    return parse_sdp(make_answer(given, "192.0.2.1", 40_000, session_id=1, browser=OURS).to_bytes())


def test_the_answer_is_lite_bundled_and_passive_at_one_port() -> None:
    answered = answer(offer())
    line = answered.audio
    assert line is not None
    assert (line.protocol, line.port, line.direction) == ("UDP/TLS/RTP/SAVPF", 40_000, "sendrecv")
    assert answered.attributes == ("ice-lite", "group:BUNDLE 0")
    assert {
        "mid:0",
        "rtcp-mux",
        "ice-ufrag:oooo",
        f"ice-pwd:{OURS.password}",
        f"fingerprint:{OURS.fingerprint}",
        "setup:passive",
        "candidate:1 1 UDP 2130706431 192.0.2.1 40000 typ host",
        "end-of-candidates",
    } <= set(line.attributes)


def test_a_browser_without_an_address_yet_is_not_on_hold() -> None:
    given = offer()
    stream = agreed_stream(answer(given), given)
    assert stream.direction == "sendrecv"
    assert not holds(given)
    assert stream.browser is not None
    assert (stream.browser.ufrag, stream.browser.fingerprints) == ("thei", (f"sha-256 {PRINT}",))


@pytest.mark.parametrize(("theirs", "ours", "we_begin"), [("actpass", "passive", False), ("passive", "active", True)])
def test_who_begins_the_handshake(theirs: str, ours: str, we_begin: bool) -> None:
    given = offer(setup=f"a=setup:{theirs}")
    answered = answer(given)
    assert answered.audio is not None
    assert f"setup:{ours}" in answered.audio.attributes
    stream = agreed_stream(answered, given)
    assert stream.browser is not None
    assert stream.browser.we_begin is we_begin


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"rtcp_mux": ""}, "rtcp-mux"),
        ({"ice_ufrag": ""}, "ice-ufrag"),
        ({"ice_ufrag": "a=ice-ufrag:ab"}, "ice-ufrag"),
        ({"ice_pwd": ""}, "ice-pwd"),
        ({"ice_pwd": "a=ice-pwd:short"}, "ice-pwd"),
        ({"fingerprint": ""}, "fingerprint"),
        ({"fingerprint": "a=fingerprint:sha-1 AB:CD"}, "fingerprint"),
        ({"fingerprint": "a=fingerprint:sha-256 AB:CD"}, "fingerprint"),
        ({"setup": ""}, "setup"),
        ({"setup": "a=setup:holdconn"}, "setup"),
    ],
)
def test_what_a_browser_must_say_and_does_not_is_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(NotAcceptableError, match=named):
        SdpSession("192.0.2.1", offer(**changed), fingerprint=OURS.fingerprint)


def test_a_peer_that_is_lite_too_is_refused() -> None:
    lite = parse_sdp(CHROMIUM.replace("a=group", "a=ice-lite\r\na=group", 1).encode())
    with pytest.raises(NotAcceptableError, match="ice-lite"):
        SdpSession("192.0.2.1", lite, fingerprint=OURS.fingerprint)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(True, "RTP/AVP"), (True, "RTP/SAVP"), (False, "UDP/TLS/RTP/SAVPF"), (False, "RTP/SAVP")]
)
def test_an_answer_of_another_profile_than_the_offer_is_refused(ours: bool, theirs: str) -> None:
    sent = make_offer("192.0.2.1", 40_000, session_id=1, browser=OURS if ours else None)
    text = CHROMIUM.replace("UDP/TLS/RTP/SAVPF", theirs).replace("actpass", "active")
    with pytest.raises(NotAcceptableError, match="profile"):
        agreed_stream(sent, parse_sdp(text.encode()))


def test_an_offer_with_keys_in_its_description_is_refused() -> None:
    """RTP/SAVP with SDES keys is not spoken (RFC 8827 §6.5 forbids it to browsers too)."""
    with pytest.raises(NotAcceptableError):
        SdpSession("192.0.2.1", parse_sdp(CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP").encode()), fingerprint="sha-256 AB")


def test_without_a_certificate_no_browser_is_taken() -> None:
    with pytest.raises(NotAcceptableError):
        SdpSession("192.0.2.1", offer())


@pytest.mark.parametrize("setup", ["active", "passive"])
def test_our_offer_leaves_the_role_to_the_browser(setup: str) -> None:
    session = SdpSession("192.0.2.1", None, fingerprint=OURS.fingerprint, browser=True)
    session.opened(40_002)
    sent = parse_sdp(session.local.to_bytes())
    assert sent.audio is not None
    assert {"setup:actpass", "candidate:1 1 UDP 2130706431 192.0.2.1 40002 typ host"} <= set(sent.audio.attributes)
    session.answered(offer(setup=f"a=setup:{setup}"))
    told = session.update("leg", 0)
    assert told.peer == DtlsPeer("thei", (f"sha-256 {PRINT}",), setup == "passive")
    assert told.remote is None


def test_an_answer_that_leaves_the_role_open_is_refused() -> None:
    session = SdpSession("192.0.2.1", None, fingerprint=OURS.fingerprint, browser=True)
    with pytest.raises(NotAcceptableError, match="setup"):
        session.answered(offer())


def test_video_beside_the_audio_is_refused_by_name() -> None:
    video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
    text = CHROMIUM.replace("BUNDLE 0", "BUNDLE 0 1") + video
    answered = answer(parse_sdp(text.encode()))
    assert answered.attributes == ("ice-lite", "group:BUNDLE 0")
    assert (answered.media[1].port, answered.media[1].attributes) == (0, ("mid:1",))


def test_a_hold_keeps_the_handshake_and_an_ice_restart_gets_new_credentials() -> None:
    session = SdpSession("192.0.2.1", offer(), fingerprint=OURS.fingerprint)
    session.opened(40_000)
    begun = session.create("leg", "call")
    held = session.answer_again(parse_sdp(CHROMIUM.replace("a=sendrecv", "a=sendonly").encode()))
    assert held.audio is not None
    assert held.audio.direction == "recvonly"
    assert (session.update("leg", 0).ice, session.update("leg", 0).peer) == (begun.ice, begun.peer)
    session.answer_again(offer(ice_ufrag="a=ice-ufrag:anew", ice_pwd="a=ice-pwd:another+password+it+has"))
    restarted = session.update("leg", 0)
    assert restarted.ice is not None
    assert begun.ice is not None
    assert restarted.ice.ufrag != begun.ice.ufrag
    assert restarted.ice.password != begun.ice.password
    assert restarted.peer == DtlsPeer("anew", (f"sha-256 {PRINT}",))


def test_a_handshake_keeps_its_roles_whatever_a_later_offer_leaves_open() -> None:
    session = SdpSession("192.0.2.1", None, fingerprint=OURS.fingerprint, browser=True)
    session.answered(offer(setup="a=setup:passive"))
    before = session.update("leg", 0).peer
    again = session.answer_again(offer())
    assert again.audio is not None
    assert "setup:active" in again.audio.attributes
    assert session.update("leg", 0).peer == before


def test_a_session_can_be_taken_up_from_both_descriptions() -> None:
    session = SdpSession("192.0.2.1", offer(), fingerprint=OURS.fingerprint)
    session.opened(40_000)
    again = SdpSession.restored(parse_sdp(session.local.to_bytes()), offer())
    assert again.update("leg", 7) == session.update("leg", 7)
