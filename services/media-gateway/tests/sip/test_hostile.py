"""Thousands of damaged copies of real messages, in the middle of real calls: nothing breaks, nothing stays."""

from __future__ import annotations

import random
import re

import pytest

from callstream_media_gateway.sip.dialog_out import InDialogRequest
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.errors import NotAcceptableError
from callstream_media_gateway.sip.handler import Hop
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer

from .phones import FAST, Phone, phones, until
from .test_registration import serve

_BRANCH = re.compile(rb"branch=z9hG4bK[0-9a-f]+")
NOBODY = Hop("udp", "127.0.0.1", 9)


async def live(caller: Phone, callee: Phone) -> None:
    """A registration and a call with everything in it."""
    await caller.ua.register("sip:1001@x", callee.hop, Credentials("1001", "pw1001"))

    def pick_up(call: IncomingCall) -> None:
        call.provisional(180)
        if call.offer is None:
            callee.answer(call)
            return
        try:
            sdp = make_answer(call.offer, "127.0.0.1", 40002, session_id=2)
        except NotAcceptableError:  # a damaged offer
            call.reject(488)
            return
        call.provisional(183, sdp)
        dialog = callee.watch(call.answer(sdp))
        dialog.on_refer = lambda referral: 202

    callee.when_called = pick_up
    caller.call(callee)
    await until(lambda: "answered" in caller.story and "acked" in callee.story)
    dialog = caller.dialogs[-1]
    await dialog.send_digit("1")
    await dialog.reinvite(make_offer("127.0.0.1", 40000, session_id=1, version=2, direction="sendonly"))
    await until(lambda: callee.dialogs[-1].unacknowledged is None)
    await dialog.update(make_offer("127.0.0.1", 40000, session_id=1, version=3))
    await dialog.options()
    refer = [("Refer-To", "<sip:1002@x?Replaces=c%3Bto-tag%3Da%3Bfrom-tag%3Db>"), ("Referred-By", "<sip:1001@x>")]
    await InDialogRequest(dialog, "REFER", refer, b"").code


def record(phone: Phone) -> list[bytes]:
    """Everything this phone sends from now on."""
    sent: list[bytes] = []
    send = phone.ua._core.transport.send

    def recording(data: bytes, hop: Hop, failed: object = None) -> None:
        sent.append(data)
        send(data, hop, failed)  # type: ignore[arg-type]

    phone.ua._core.transport.send = recording  # type: ignore[method-assign]
    phone.ua._core.transactions.send = recording
    return sent


def damaged(message: bytes, dice: random.Random) -> bytes:
    """A copy with one to four injuries: bytes changed, cut out, doubled, swapped with another line, or the end lost."""
    if dice.random() < 0.7:  # else most copies would be absorbed as repetitions
        message = _BRANCH.sub(b"branch=z9hG4bK%x" % dice.getrandbits(40), message)
    if dice.random() < 0.3:
        message = message.replace(b"Call-ID: ", b"Call-ID: %x" % dice.getrandbits(20), 1)
    data = bytearray(message)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) or 1)
        kind = dice.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 1:
            del data[at : at + dice.randint(1, 20)]
        elif kind == 2:
            data[at:at] = data[at : at + dice.randint(1, 40)]
        elif kind == 3:
            data[at:at] = dice.choice([b"\r\n", b'"', b"<", b">", b";", b",", b":", b"@", b"\0", b"\xff", b" ", b"%"])
        elif kind == 4:
            lines = bytes(data).split(b"\r\n")
            one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            data = bytearray(b"\r\n".join(lines))
        else:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_damaged_copies_of_real_messages_break_nothing(seed: int) -> None:
    dice = random.Random(seed)
    async with phones(2, **FAST) as (caller, callee):
        serve(callee)
        sent = [record(caller), record(callee)]
        await live(caller, callee)
        messages = [message for phone in sent for message in phone]
        methods = {message.split(b" ")[0] for message in messages}
        assert methods >= {
            b"INVITE",
            b"ACK",
            b"PRACK",
            b"UPDATE",
            b"INFO",
            b"OPTIONS",
            b"REFER",
            b"NOTIFY",
            b"REGISTER",
            b"SIP/2.0",
        }
        for phone in (caller, callee):
            hear = phone.ua._inbound.on_message
            for _ in range(2500):
                hear(damaged(dice.choice(messages), dice), NOBODY)
            counters = phone.ua.counters
            assert counters["internal_errors"] == counters["handler_errors"] == 0
            assert counters["malformed"] > 100
        assert callee.ua.counters["calls_in"] > 5, "some copies are still calls"
        for phone in (caller, callee):
            for call in phone.calls:
                if not call.is_over:
                    call.reject(480)
            for dialog in phone.dialogs:
                dialog.bye()
        for phone in (caller, callee):
            await until(lambda phone=phone: phone.held("dialogs", "offered_calls", "early_dialogs") == 0)  # type: ignore[misc]
        caller.story.clear()
        callee.story.clear()
        await live(caller, callee)
