"""What sipp does when our phone calls it."""

from __future__ import annotations

import asyncio

from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.offer_answer import make_offer
from callstream_media_gateway.sip.reach import hop_to
from callstream_media_gateway.sip.sdp import SessionDescription

from ..phones import Phone, until
from .scenario import Scenario
from .script import HOLD, OFFER, Step, again, pause, recv, reply, sdp, send

INVITED = recv("INVITE")
OK = reply(200, first=True, body=OFFER, again=500)
ACK = recv("ACK")
BYE = [send("BYE", 1, callee=True, again=500), recv(200)]
HUNG_UP = [recv("BYE"), reply(200)]
ENDED = ("answered", ("ended", "bye"))
RELIABLE = "Require: 100rel\nRSeq: {}"


def ringing(code: int = 180, rseq: int = 0, body: str = "", tag: str = "") -> Step:
    return reply(code, first=True, body=body, tag=tag, extra=RELIABLE.format(rseq) if rseq else "")


async def answered(phone: Phone) -> None:
    await until(lambda: "answered" in phone.story)


async def hang_up(phone: Phone) -> None:
    await answered(phone)
    phone.dialogs[0].bye()


async def cancel_when_it_rings(phone: Phone) -> None:
    await until(lambda: any(line[0] == "ringing" for line in phone.story))
    phone.placed.cancel()


async def cancel_at_once(phone: Phone) -> None:
    phone.placed.cancel()


def change(by: str, code: int):  # type: ignore[no-untyped-def]
    async def then(phone: Phone) -> None:
        await answered(phone)
        dialog = phone.dialogs[0]
        new: SessionDescription = make_offer("127.0.0.1", 40000, session_id=1, version=2, direction="sendonly")
        result = await (dialog.update(new) if by == "UPDATE" else dialog.reinvite(new))
        phone.story.append((by, result.code))
        assert result.code == code
        dialog.bye()

    return then


async def ask(phone: Phone) -> None:
    await answered(phone)
    phone.story.append(("options", await phone.dialogs[0].options()))
    phone.dialogs[0].bye()


async def press(phone: Phone) -> None:
    await answered(phone)
    phone.story.append(("info", await phone.dialogs[0].send_digit("5")))
    phone.dialogs[0].bye()


async def follow(phone: Phone) -> None:
    phone.placed.on_redirect = hop_to


async def noticed_hold(phone: Phone) -> None:
    await answered(phone)
    phone.dialogs[0].on_held = lambda: phone.story.append("held")
    phone.dialogs[0].on_retrieved = lambda: phone.story.append("retrieved")
    await asyncio.sleep(0)


CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n{}", algorithm=MD5, qop="auth"'
HERE = "127.0.0.1:[local_port]"
CREDENTIALS = (("credentials", Credentials("trunk", "pw")),)

CALLED_BY_US = [
    Scenario("the callee hangs up", [INVITED, ringing(), OK, ACK, *BYE], (("ringing", 180, False), *ENDED)),
    Scenario("the same over TCP", [INVITED, ringing(), OK, ACK, *BYE], ENDED, transport="t1"),
    Scenario("we hang up", [INVITED, OK, ACK, *HUNG_UP], ("answered",), then=hang_up),
    Scenario("early media", [INVITED, ringing(183, body=OFFER), OK, ACK, *BYE], (("ringing", 183, True), *ENDED)),
    Scenario("early media and a 200 without any", [INVITED, ringing(183, body=OFFER), reply(200, first=True), ACK, *BYE], ENDED),
    Scenario("three kinds of ringing", [INVITED, ringing(181), ringing(182), ringing(), OK, ACK, *BYE], ENDED),
    *(
        Scenario(f"refused with {code}", [INVITED, reply(code, first=True), ACK], (("failed", code),))
        for code in (404, 480, 486, 503, 600)
    ),
    # Races.
    Scenario(
        "CANCEL while it rings",
        [INVITED, ringing(), recv("CANCEL"), reply(200), reply(487, first=True), ACK],
        (("failed", 487),),
        then=cancel_when_it_rings,
    ),
    Scenario(
        "CANCEL that crosses the 200",
        [INVITED, ringing(), recv("CANCEL"), reply(200), reply(200, first=True, body=OFFER), ACK, *HUNG_UP],
        (("failed", 487),),
        then=cancel_when_it_rings,
    ),
    Scenario(
        "CANCEL waits for the first response",
        [INVITED, pause(60), ringing(), recv("CANCEL"), reply(200), reply(487, first=True), ACK],
        (("failed", 487),),
        then=cancel_at_once,
    ),
    Scenario(
        "a CANCEL whose INVITE is never answered",
        [INVITED, ringing(), recv("CANCEL"), reply(200)],
        (("failed", 487),),
        then=cancel_when_it_rings,
    ),
    Scenario("nobody answers", [INVITED, pause(1500)], (("failed", 408),)),
    Scenario(
        "the 200 comes twice: so does the ACK",
        [INVITED, reply(200, first=True, body=OFFER), ACK, reply(200, first=True, body=OFFER), ACK, *BYE],
        ENDED,
    ),
    Scenario(
        "BYEs that cross", [INVITED, OK, ACK, recv("BYE"), send("BYE", 1, callee=True), recv(200)], ("answered",), then=hang_up
    ),
    Scenario(
        "the 200 is lost, and repeated",
        [INVITED, ringing(), reply(200, first=True, body=OFFER, lost=True), pause(50), OK, ACK, *BYE],
        ENDED,
    ),
    Scenario(
        "no 200 comes through",
        [
            INVITED,
            ringing(),
            reply(200, first=True, body=OFFER, lost=True),
            recv("CANCEL"),
            reply(200),
            reply(487, first=True),
            ACK,
        ],
        (("failed", 487),),
        then=cancel_when_it_rings,
    ),
    # Forks.
    Scenario(
        "a second phone answers too",
        [
            INVITED,
            reply(200, first=True, body=OFFER, tag="a"),
            ACK,
            reply(200, first=True, body=OFFER, tag="b"),
            recv("ACK", has="To:.*u1b"),
            recv("BYE", has="To:.*u1b"),
            reply(200),
            *[send("BYE", 1, callee=True, tag="a"), recv(200)],
        ],
        ENDED,
    ),
    Scenario(
        "two phones ring, the second answers",
        [
            INVITED,
            ringing(tag="a"),
            ringing(183, body=OFFER, tag="b"),
            reply(200, first=True, body=OFFER, tag="b"),
            recv("ACK", has="To:.*u1b"),
            send("BYE", 1, callee=True, tag="b"),
            recv(200),
        ],
        ENDED,
    ),
    # Elsewhere.
    Scenario(
        "moved, and followed",
        [
            INVITED,
            reply(302, first=True, contact=f"<sip:there@{HERE}>"),
            ACK,
            recv("INVITE", has="INVITE sip:there@"),
            OK,
            ACK,
            *BYE,
        ],
        ENDED,
        then=follow,
    ),
    Scenario(
        "moved in a circle",
        [
            INVITED,
            reply(302, first=True, contact=f"<sip:there@{HERE}>"),
            ACK,
            recv("INVITE"),
            reply(302, first=True, contact=f"<sip:sipp@{HERE}>"),
            ACK,
        ],
        (("failed", 302),),
        then=follow,
    ),
    Scenario("moved, not followed", [INVITED, reply(301, first=True, contact=f"<sip:there@{HERE}>"), ACK], (("failed", 301),)),
    # Passwords and timers.
    Scenario(
        "challenged",
        [
            INVITED,
            reply(401, first=True, extra=CHALLENGE.format(1)),
            ACK,
            recv("INVITE", has='Authorization: Digest username="trunk"'),
            OK,
            ACK,
            *BYE,
        ],
        ENDED,
        call=CREDENTIALS,
    ),
    Scenario(
        "challenged twice",
        [
            INVITED,
            reply(401, first=True, extra=CHALLENGE.format(1)),
            ACK,
            INVITED,
            reply(401, first=True, extra=CHALLENGE.format(2)),
            ACK,
        ],
        (("failed", 401),),
        call=CREDENTIALS,
    ),
    Scenario(
        "challenged with what we do not speak",
        [INVITED, reply(401, first=True, extra='WWW-Authenticate: Basic realm="r"'), ACK],
        (("failed", 401),),
        call=CREDENTIALS,
    ),
    Scenario(
        "a session timer too short for the callee",
        [
            recv("INVITE", has="Session-Expires: 600"),
            reply(422, first=True, extra="Min-SE: 1200"),
            ACK,
            recv("INVITE", has="Session-Expires: 1200"),
            OK,
            ACK,
            *BYE,
        ],
        ENDED,
        config=(("session_expires", 600),),
    ),
    # Reliable provisional responses.
    Scenario(
        "reliable ringing",
        [INVITED, ringing(rseq=7), recv("PRACK", has="RAck: 7 1 INVITE"), reply(200), OK, ACK, *BYE],
        (("ringing", 180, False), *ENDED),
    ),
    Scenario(
        "reliable ringing, repeated",
        [
            INVITED,
            ringing(rseq=7),
            recv("PRACK"),
            reply(200),
            ringing(rseq=7),
            ringing(rseq=8),
            recv("PRACK", has="RAck: 8 1 INVITE"),
            reply(200),
            OK,
            ACK,
            *BYE,
        ],
        ENDED,
    ),
    Scenario(
        "the answer is early and reliable",
        [INVITED, ringing(183, 7, OFFER), recv("PRACK"), reply(200), reply(200, first=True), ACK, *BYE],
        (("ringing", 183, True), *ENDED),
    ),
    Scenario(
        "early media moves by UPDATE",
        [
            INVITED,
            ringing(183, 7, OFFER),
            recv("PRACK"),
            reply(200),
            send("UPDATE", 1, callee=True, body=sdp(45000, version=2)),
            recv(200, has="m=audio"),
            reply(200, first=True),
            ACK,
            send("BYE", 2, callee=True),
            recv(200),
        ],
        (("ringing", 183, True), ("ringing", 183, True), *ENDED),
    ),
    # Sessions.
    Scenario(
        "we change the session",
        [INVITED, OK, ACK, again("INVITE", has="a=sendonly"), reply(200, body=OFFER), ACK, *HUNG_UP],
        (("re-INVITE", 200),),
        then=change("re-INVITE", 200),
    ),
    Scenario(
        "we change the session by UPDATE",
        [
            INVITED,
            reply(200, first=True, body=OFFER, extra="Allow: INVITE, ACK, BYE, UPDATE"),
            ACK,
            recv("UPDATE", has="a=sendonly"),
            reply(200, body=OFFER),
            *HUNG_UP,
        ],
        (("UPDATE", 200),),
        then=change("UPDATE", 200),
    ),
    Scenario(
        "our change is refused",
        [INVITED, OK, ACK, again("INVITE"), reply(488), ACK, *HUNG_UP],
        (("re-INVITE", 488),),
        then=change("re-INVITE", 488),
    ),
    Scenario(
        "our change must wait",
        [
            INVITED,
            OK,
            ACK,
            again("INVITE"),
            reply(500, extra="Retry-After: 0"),
            ACK,
            again("INVITE"),
            reply(200, body=OFFER),
            ACK,
            *HUNG_UP,
        ],
        (("re-INVITE", 200),),
        then=change("re-INVITE", 200),
    ),
    Scenario(
        "the callee has forgotten the call",
        [INVITED, OK, ACK, again("INVITE"), reply(481), ACK],
        (("ended", "gone"),),
        then=change("re-INVITE", 481),
    ),
    Scenario(
        "the callee holds and retrieves",
        [
            INVITED,
            OK,
            ACK,
            pause(50),
            send("INVITE", 1, callee=True, body=HOLD),
            recv(200, has="recvonly"),
            send("ACK", 1, callee=True),
            send("INVITE", 2, callee=True, body=sdp(version=3)),
            recv(200),
            send("ACK", 2, callee=True),
            send("BYE", 3, callee=True),
            recv(200),
        ],
        ("held", "retrieved", ("ended", "bye")),
        then=noticed_hold,
    ),
    Scenario(
        "we ask whether the call lives", [INVITED, OK, ACK, recv("OPTIONS"), reply(200), *HUNG_UP], (("options", 200),), then=ask
    ),
    Scenario(
        "a key by INFO", [INVITED, OK, ACK, recv("INFO", has="Signal=5"), reply(200), *HUNG_UP], (("info", 200),), then=press
    ),
    # What cannot be used.
    Scenario("no codec in common", [INVITED, reply(200, first=True, body=sdp(formats="18")), ACK, *HUNG_UP], (("failed", 488),)),
    Scenario("a 200 that says nothing", [INVITED, reply(200, first=True), ACK, *HUNG_UP], (("failed", 488),)),
    Scenario(
        "a 200 with a broken description", [INVITED, reply(200, first=True, body="v=0\nm=\n"), ACK, *HUNG_UP], (("failed", 488),)
    ),
    Scenario(
        "ringing with a broken description",
        [INVITED, ringing(183, body="v=0\nm=\n"), OK, ACK, *BYE],
        (("ringing", 183, False), *ENDED),
    ),
]
