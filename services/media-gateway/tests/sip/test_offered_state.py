"""An INVITE that nobody has answered outlives the process that got it: another user agent rings on, answers or refuses it."""

from __future__ import annotations

import msgspec
import pytest

from callstream_media_gateway.sip import offered_state
from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.offer_answer import make_answer
from callstream_media_gateway.sip.offered_state import OfferedState
from callstream_media_gateway.sip.outgoing_call import OutgoingCall

from .phones import FAST, Phone, phones, until


async def killed_and_back(caller: Phone, callee: Phone) -> tuple[OutgoingCall, IncomingCall]:
    """The callee rings, is killed, and has the state as JSON and nothing else."""
    callee.when_called = lambda call: call.provisional(180)
    calling = caller.call(callee)
    await until(lambda: ("ringing", 180, False) in caller.story)
    state = offered_state.export(callee.calls[0])
    assert state is not None
    kept = msgspec.json.encode(state)
    port = callee.hop.port
    await callee.ua.stop()
    back = Phone(port=port, **FAST)
    await back.ua.start()
    callee.ua, callee.story = back.ua, back.story
    back.ua._inbound._handler = callee
    return calling, callee.ua.restore_offered(msgspec.json.decode(kept, type=OfferedState))


async def test_it_is_answered_by_the_next_process() -> None:
    async with phones(2, **FAST) as (caller, callee):
        _, call = await killed_and_back(caller, callee)
        assert call.offer is not None
        dialog = call.answer(make_answer(call.offer, "127.0.0.1", 40002, session_id=7))
        await until(lambda: "answered" in caller.story and dialog.unacknowledged is None)
        dialog.bye()
        await until(lambda: ("ended", "bye") in caller.story)


async def test_it_is_refused_by_the_next_process_and_nothing_stays() -> None:
    async with phones(2, **FAST) as (caller, callee):
        _, call = await killed_and_back(caller, callee)
        call.reject(503)
        await until(lambda: ("failed", 503) in caller.story)
        await until(lambda: not callee.ua.held()["offered_calls"] and not callee.ua.held()["early_dialogs"])
        assert offered_state.export(call) is None, "over"


async def test_the_callers_cancel_reaches_the_next_process() -> None:
    async with phones(2, **FAST) as (caller, callee):
        calling, call = await killed_and_back(caller, callee)
        told: list[str] = []
        call.on_cancel = lambda: told.append("cancelled")
        calling.cancel()
        await until(lambda: told == ["cancelled"] and ("failed", 487) in caller.story)


@pytest.mark.parametrize("request_text", [b"", b"INVITE", b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n", b"\xff" * 40])
async def test_a_state_that_nobody_exported_is_refused(request_text: bytes) -> None:
    async with phones(1, **FAST) as (phone,):
        with pytest.raises(ParseError):
            phone.ua.restore_offered(OfferedState(request_text, "tag", "udp", "127.0.0.1", 5060))
        assert not any(phone.ua.held().values())
