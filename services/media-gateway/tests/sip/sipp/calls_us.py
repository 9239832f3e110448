"""What sipp does as a caller."""

from __future__ import annotations

from collections.abc import Callable

from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.incoming_call import IncomingCall

from ..phones import OFFER as OURS
from ..phones import Phone, until
from .scenario import Scenario, answer, ring
from .script import HOLD, OFFER, Step, pause, recv, reply, sdp, send

INVITE = send("INVITE", body=OFFER, again=500)
ACK = send("ACK")
REFUSED = send("ACK", branch="INVITE1")  # the ACK to a refusal belongs to its INVITE
BYE = [send("BYE", 9, again=500), recv(200)]
OK = recv(200, has="Contact:")
ENDED = ("acked", ("ended", "bye"))
OUR_ADDRESS = "[remote_ip]:[remote_port]"
OUR_URI = f"sip:{OUR_ADDRESS}"
"""As sipp writes it into its credentials."""


def only_ring(phone: Phone, call: IncomingCall) -> None:
    call.provisional(180)


def early_media(phone: Phone, call: IncomingCall) -> None:
    call.provisional(183, OURS)
    phone.watch(call.answer(OURS))


def lose_the_200(phone: Phone, call: IncomingCall) -> None:
    """The network takes our first 200; the next one is its repetition."""
    transactions = phone.ua._core.transactions
    send = transactions.send

    def lossy(data: bytes, hop: Hop, failed: Callable[[], None] | None) -> None:
        if data.startswith(b"SIP/2.0 200"):
            transactions.send = send
            phone.story.append("lost")
        else:
            send(data, hop, failed)

    transactions.send = lossy
    answer(phone, call)


def silence(phone: Phone, call: IncomingCall) -> None:
    """Nobody is at home."""


def refer_is(code: int):  # type: ignore[no-untyped-def]
    def rings(phone: Phone, call: IncomingCall) -> None:
        def decide(referral):  # type: ignore[no-untyped-def]
            phone.story.append(("refer", str(referral.target)))
            phone.referral = referral  # type: ignore[attr-defined]
            return code

        answer(phone, call)
        phone.dialogs[-1].on_refer = decide

    return rings


async def transfer_succeeds(phone: Phone) -> None:
    await until(lambda: hasattr(phone, "referral") and phone.referral.state == "active")
    phone.referral.progress(180)  # type: ignore[attr-defined]
    phone.referral.progress(200)  # type: ignore[attr-defined]


async def hang_up(phone: Phone) -> None:
    await until(lambda: "acked" in phone.story)
    phone.dialogs[0].bye()


async def give_up_ringing(phone: Phone) -> None:
    await until(lambda: phone.calls)
    phone.calls[0].reject(480)


async def change_the_session(phone: Phone) -> None:
    """Writes down what came of it a turn of the loop later than it came: a BYE at its heels may be heard before it."""
    await until(lambda: "acked" in phone.story)
    result = await phone.dialogs[0].reinvite(OURS)
    phone.story.append(("reinvited", result.code))


def malformed(name: str, code: int, **parts: str) -> Scenario:
    body = parts.pop("body", OFFER)
    return Scenario(f"malformed: {name} ({code})", [send("INVITE", body=body, **parts), recv(code), REFUSED])  # type: ignore[arg-type]


PRACK = send("PRACK", 2, extra="RAck: [$rseq] 1 INVITE")
REQUIRED = send("INVITE", body=OFFER, extra="Require: 100rel")
SUPPORTED = send("INVITE", body=OFFER, extra="Supported: 100rel")


REFRESH = "Supported: timer\nSession-Expires: 90;refresher=uac"
STRANGE_NONCE = (
    'Authorization: Digest username="1001", realm="r", nonce="made-up", uri="sip:x", '
    'response="00000000000000000000000000000000", algorithm=MD5'
)


def login(password: str, user: str = "1001") -> str:
    return f"username={user} password={password}"


def registering(name: str, *steps: Step) -> Scenario:
    challenged = [send("REGISTER", user="1001"), recv(401), send("REGISTER", 2, user="1001"), recv(401, auth=True)]
    return Scenario(name, [*challenged, *steps], serves=True)


async def repeated(phone: Phone) -> None:
    await until(lambda: phone.ua.counters["retransmissions_in"])


async def answer_when_repeated(phone: Phone) -> None:
    await repeated(phone)
    answer(phone, phone.calls[0])


async def answer_after_prack(phone: Phone) -> None:
    await until(lambda: phone.calls and phone.calls[0]._reliable is not None and phone.calls[0]._reliable._data is None)
    answer(phone, phone.calls[0])


async def answer_once_moved(phone: Phone) -> None:
    await until(lambda: phone.held("dialogs") and next(iter(phone.ua._core.dialogs.values())).remote_sdp != phone.calls[0].offer)
    phone.watch(phone.calls[0].answer(OURS))


async def transfer_after_bye(phone: Phone) -> None:
    await until(lambda: ("ended", "bye") in phone.story)
    await transfer_succeeds(phone)


def told(*lines: str) -> list[Step]:
    """The NOTIFYs of a transfer."""
    return [step for line in lines for step in (recv("NOTIFY", has=f"SIP/2.0 {line}"), reply(200))]


CALLS_US = [
    Scenario("the caller hangs up", [INVITE, recv(180), OK, ACK, *BYE], ENDED, ring),
    Scenario("the same over TCP", [send("INVITE", body=OFFER), recv(180), OK, ACK, *BYE], ENDED, ring, transport="t1"),
    Scenario("we hang up", [INVITE, OK, ACK, recv("BYE"), reply(200)], ("acked",), then=hang_up),
    Scenario("nobody answers", [INVITE, recv(100), recv(480), REFUSED], ("invite",), silence, give_up_ringing),
    Scenario("early media", [INVITE, recv(183, has="m=audio"), OK, ACK, *BYE], ENDED, early_media),
    Scenario(
        "no offer: ours is answered by the ACK", [send("INVITE"), recv(200, has="m=audio"), send("ACK", body=OFFER), *BYE], ENDED
    ),
    Scenario("no answer to our offer", [send("INVITE"), OK, ACK, recv("BYE"), reply(200)], (("ended", "no-answer"),)),
    # Races.
    Scenario(
        "CANCEL while it rings",
        [INVITE, recv(180), send("CANCEL", branch="INVITE1"), recv(200), recv(487), REFUSED],
        ("invite", "cancelled"),
        only_ring,
    ),
    Scenario(
        "CANCEL that crosses our 200",
        [INVITE, OK, send("CANCEL", branch="INVITE1"), recv(200, has="CSeq: 1 CANCEL"), ACK, *BYE],
        ENDED,
    ),
    Scenario("CANCEL of nothing", [send("CANCEL", branch="INVITE1"), recv(481)]),
    Scenario(
        "CANCEL before it rings",
        [INVITE, recv(100), send("CANCEL", branch="INVITE1"), recv(200), recv(487), REFUSED],
        ("cancelled",),
        silence,
    ),
    Scenario("the INVITE comes twice", [INVITE, recv(180), INVITE, OK, ACK, *BYE], ENDED, only_ring, answer_when_repeated),
    Scenario(
        "the BYE comes twice",
        [INVITE, OK, ACK, send("BYE", 2), recv(200), send("BYE", 2), pause(50)],
        ENDED,
        then=repeated,
    ),
    Scenario("our 200 is lost", [INVITE, OK, ACK, *BYE], ("lost", *ENDED), lose_the_200),
    Scenario("a late ACK", [INVITE, OK, pause(300), ACK, *BYE], ENDED),
    Scenario("a doubled ACK", [INVITE, OK, ACK, ACK, *BYE], ENDED),
    Scenario("the ACK is lost", [INVITE, OK, send("ACK", lost=True), pause(200), ACK, *BYE], ENDED),
    Scenario("no ACK at all", [INVITE, OK, recv("BYE"), reply(200)], (("ended", "no-ack"),)),
    Scenario("BYE before the ACK", [INVITE, OK, *BYE], ("invite", ("ended", "bye"))),
    Scenario("BYE while it rings", [INVITE, recv(180), send("BYE", 2), recv(200), recv(487), REFUSED], ("cancelled",), only_ring),
    Scenario("another BYE after the end", [INVITE, OK, ACK, send("BYE", 2), recv(200), send("BYE", 3), recv(481)], ENDED),
    Scenario(
        "BYE that crosses our re-INVITE",
        [INVITE, OK, ACK, recv("INVITE"), send("BYE", 2), recv(200), reply(487, first=True), recv("ACK")],
        (("ended", "bye"), ("reinvited", 481)),
        then=change_the_session,
    ),
    Scenario(
        "re-INVITEs that cross",
        [
            *[INVITE, OK, ACK, recv("INVITE"), send("INVITE", 2, body=HOLD), recv(491), send("ACK", 2, branch="INVITE2")],
            *[reply(491, first=True), recv("ACK"), recv("INVITE"), reply(200, body=OFFER), recv("ACK"), *BYE],
        ],
        (("reinvited", 200),),
        then=change_the_session,
    ),
    # Sessions.
    Scenario(
        "hold and retrieve",
        [
            *[INVITE, OK, ACK, send("INVITE", 2, body=HOLD), recv(200, has="recvonly"), send("ACK", 2)],
            *[send("INVITE", 3, body=sdp(version=3)), recv(200, has="sendrecv"), send("ACK", 3), *BYE],
        ],
        ("held", "retrieved", ("ended", "bye")),
    ),
    Scenario(
        "hold and retrieve by UPDATE",
        [
            *[INVITE, OK, ACK, send("UPDATE", 2, body=HOLD), recv(200, has="recvonly")],
            *[send("UPDATE", 3, body=sdp(version=3)), recv(200, has="sendrecv"), *BYE],
        ],
        ("held", "retrieved"),
    ),
    Scenario(
        "hold of the old way",
        [INVITE, OK, ACK, send("UPDATE", 2, body=sdp(version=2, host="0.0.0.0")), recv(200), *BYE],
        ("held",),
    ),
    Scenario("UPDATE without offer", [INVITE, OK, ACK, send("UPDATE", 2), recv(200), *BYE], ENDED),
    Scenario(
        "re-INVITE without offer",
        [INVITE, OK, ACK, send("INVITE", 2), recv(200, has="m=audio"), send("ACK", 2, body=OFFER), *BYE],
        ("acked", "acked"),
    ),
    Scenario(
        "re-INVITE before the ACK",
        [
            *[INVITE, OK, send("INVITE", 2, body=HOLD), recv(500, has="Retry-After"), send("ACK", 2, branch="INVITE2")],
            *[ACK, *BYE],
        ],
        ENDED,
    ),
    Scenario(
        "a session that does not fit leaves the old one",
        [INVITE, OK, ACK, send("INVITE", 2, body=sdp(formats="18")), recv(488), send("ACK", 2, branch="INVITE2"), *BYE],
        ENDED,
    ),
    # Reliable provisional responses.
    Scenario(
        "100rel required",
        [REQUIRED, recv(180, rseq=True), PRACK, recv(200, has="CSeq: [0-9]+ PRACK"), OK, ACK, *BYE],
        ENDED,
        only_ring,
        answer_after_prack,
    ),
    Scenario(
        "100rel supported, with early media",
        [SUPPORTED, recv(183, has="m=audio", rseq=True), PRACK, recv(200, has="CSeq: [0-9]+ PRACK"), OK, ACK, *BYE],
        ENDED,
        early_media,
    ),
    Scenario(
        "a late PRACK",
        [SUPPORTED, recv(183, rseq=True), pause(200), PRACK, recv(200, has="CSeq: [0-9]+ PRACK"), OK, ACK, *BYE],
        ENDED,
        early_media,
    ),
    Scenario(
        "a PRACK for something else",
        [
            *[REQUIRED, recv(180, rseq=True), send("PRACK", 2, extra="RAck: 1 1 INVITE"), recv(481)],
            *[
                send("PRACK", 3, extra="RAck: [$rseq] 1 INVITE"),
                recv(200, has="CSeq: [0-9]+ PRACK"),
                send("BYE", 4),
                recv(200),
                recv(487),
                REFUSED,
            ],
        ],
        ("cancelled",),
        only_ring,
    ),
    Scenario("no PRACK at all", [REQUIRED, recv(180), recv(504), REFUSED], ("cancelled",), only_ring),
    Scenario(
        "no offer, 100rel: the PRACK answers",
        [
            *[send("INVITE", extra="Require: 100rel"), recv(183, has="m=audio", rseq=True)],
            *[send("PRACK", 2, extra="RAck: [$rseq] 1 INVITE", body=OFFER), recv(200, has="CSeq: [0-9]+ PRACK"), OK, ACK, *BYE],
        ],
        ENDED,
        early_media,
    ),
    Scenario(
        "early media moves by UPDATE",
        [
            *[
                SUPPORTED,
                recv(183, rseq=True),
                PRACK,
                recv(200, has="CSeq: [0-9]+ PRACK"),
                send("UPDATE", 3, body=sdp(45000, version=2)),
            ],
            *[recv(200, has="UPDATE[^m]*m=audio"), OK, ACK, *BYE],
        ],
        ENDED,
        lambda phone, call: call.provisional(183, OURS),
        answer_once_moved,
    ),
    # Session timers.
    Scenario(
        "a session timer too short, and again",
        [
            *[send("INVITE", body=OFFER, extra="Supported: timer\nSession-Expires: 30"), recv(422, has="Min-SE: 90"), REFUSED],
            *[send("INVITE", 2, body=OFFER, extra=REFRESH, fresh=True)],
            *[recv(200, has="Session-Expires: 90;refresher=uac"), send("ACK", 2), send("UPDATE", 3, extra=REFRESH)],
            *[recv(200, has="Session-Expires: 90;refresher=uac"), *BYE],
        ],
        ENDED,
    ),
    # Keys, questions and transfers.
    Scenario(
        "a key by INFO",
        [INVITE, OK, ACK, send("INFO", 2, body="Signal=5\n", kind="application/dtmf-relay"), recv(200), *BYE],
        (("info", "application/dtmf-relay"),),
    ),
    Scenario("OPTIONS in the call", [INVITE, OK, ACK, send("OPTIONS", 2), recv(200, has="Allow:.*REFER"), *BYE], ENDED),
    Scenario("OPTIONS outside", [send("OPTIONS"), recv(200, has="Supported: 100rel, norefersub, replaces, timer")]),
    Scenario("an unknown method in the call", [INVITE, OK, ACK, send("FLY", 2), recv(405, has="Allow:"), *BYE], ENDED),
    Scenario(
        "a blind transfer",
        [
            INVITE,
            OK,
            ACK,
            send("REFER", 2, extra="Refer-To: <sip:1002@x>\nReferred-By: <sip:1001@x>"),
            recv(202),
            *told("100 Trying", "180 Ringing", "200 OK"),
            *BYE,
        ],
        (("refer", "sip:1002@x"), ("ended", "bye")),
        refer_is(202),
        transfer_succeeds,
    ),
    Scenario(
        "a transfer whose phone leaves at once",
        [
            INVITE,
            OK,
            ACK,
            send("REFER", 2, extra="Refer-To: <sip:1002@x>"),
            recv(202),
            recv("NOTIFY"),
            reply(200),
            send("BYE", 3),
            recv(200),
            *told("180 Ringing", "200 OK"),
        ],
        (("ended", "bye"),),
        refer_is(202),
        transfer_after_bye,
    ),
    Scenario(
        "a refused transfer",
        [INVITE, OK, ACK, send("REFER", 2, extra="Refer-To: <sip:1002@x>"), recv(603), *BYE],
        ENDED,
        refer_is(603),
    ),
    Scenario(
        "a transfer without a word",
        [
            *(INVITE, OK, ACK, send("REFER", 2, extra="Refer-To: <sip:1002@x>\nRefer-Sub: false\nSupported: norefersub")),
            *(recv(202, has="Refer-Sub: false"), *BYE),
        ],
        (("refer", "sip:1002@x"), ("ended", "bye")),
        refer_is(202),
    ),
    Scenario("a transfer to nowhere", [INVITE, OK, ACK, send("REFER", 2), recv(400), *BYE], ENDED, refer_is(202)),
    Scenario(
        "Replaces without a match", [send("INVITE", body=OFFER, extra="Replaces: x@y;to-tag=1;from-tag=2"), recv(481), REFUSED]
    ),
    # Refusals.
    Scenario(
        "an extension we lack", [send("INVITE", body=OFFER, extra="Require: fly"), recv(420, has="Unsupported: fly"), REFUSED]
    ),
    Scenario("no codec in common", [send("INVITE", body=sdp(formats="18")), recv(488), REFUSED], ("invite",)),
    Scenario(
        "the same INVITE by two ways",
        [
            INVITE,
            recv(180),
            send("INVITE", body=OFFER, branch="other", fresh=True),
            recv(482),
            send("ACK", branch="other"),
            send("CANCEL", branch="INVITE1"),
            recv(200),
            recv(487),
            REFUSED,
        ],
        ("invite", "cancelled"),
        only_ring,
    ),
    Scenario("no hop left, but none needed", [send("INVITE", body=OFFER, forwards="0"), OK, ACK, *BYE], ENDED),
    malformed("SIP of the future", 505, version="SIP/7.0"),
    malformed("an unknown scheme", 416, uri="nobodyKnowsThisScheme:x"),
    malformed("headers in the Request-URI", 400, uri="sip:phone@[remote_ip]?Route=%3Csip:x%3E"),
    malformed("a broken description", 400, body="v=0\nm=audio x\n"),
    malformed("a body of another kind", 415, body="hello", kind="text/plain"),
    malformed("two Call-IDs", 400, extra="Call-ID: another"),
    malformed("a broken Record-Route", 400, extra="Record-Route: <sip:"),
    malformed("two Contacts", 400, extra="Contact: <sip:a@b>"),
    malformed("half a Replaces", 400, extra="Replaces: x;to-tag=1"),
    # Passwords.
    # sipp knows no SHA-256: it passes over our first challenge, and the second one offers MD5 alone.
    registering(
        "a challenged registration",
        send("REGISTER", 3, user="1001", uri=OUR_URI, auth=login("pw1001")),
        recv(200, has="expires="),
    ),
    registering("a wrong password", send("REGISTER", 3, user="1001", uri=OUR_URI, auth=login("wrong")), recv(401)),
    registering("a wrong user", send("REGISTER", 3, user="1001", uri=OUR_URI, auth=login("pw1001", "9999")), recv(401)),
    registering("a nonce of somebody else", send("REGISTER", 3, user="1001", extra=STRANGE_NONCE), recv(401)),
    Scenario(
        "half an Authorization",
        [send("REGISTER", extra='Authorization: Digest username="1001"'), recv(400)],
        rings=only_ring,
        serves=True,
    ),
]
