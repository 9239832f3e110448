"""A call outlives the process that answered it: its dialog is exported, and restored by another user agent."""

from __future__ import annotations

import msgspec
import pytest

from callstream_media_gateway.sip import invite_state
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.dialog_state import CSEQ_JUMP, DialogState
from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.invite_state import InviteState
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer
from callstream_media_gateway.sip.session_timer import Agreement
from callstream_media_gateway.sip.uri import NameAddr

from .phones import FAST, OFFER, Phone, phones, until
from .raw import RawPeer
from .test_session_timer import skip


async def talk(caller: Phone, callee: Phone) -> None:
    callee.when_called = callee.answer
    caller.call(callee)
    await until(lambda: "answered" in caller.story and "acked" in callee.story)


async def killed_and_back(phone: Phone) -> Dialog:
    """The same phone after a kill -9: another user agent on its port, which has the state as JSON and nothing else."""
    kept = msgspec.json.encode(phone.dialogs[0].export())
    port = phone.hop.port
    await phone.ua.stop()
    back = Phone(port=port, **FAST)
    await back.ua.start()
    phone.ua, phone.story = back.ua, back.story
    back.ua._inbound._handler = phone
    dialog = phone.ua.restore(msgspec.json.decode(kept, type=DialogState))
    phone.dialogs = [phone.watch(dialog)]
    return dialog


@pytest.mark.parametrize("killed", ["caller", "callee"])
@pytest.mark.parametrize("ends", ["we hang up", "the peer hangs up"])
async def test_a_restored_call_goes_on_and_ends(killed: str, ends: str) -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        ours, peer = (caller, callee) if killed == "caller" else (callee, caller)
        before = ours.dialogs[0].local_cseq
        dialog = await killed_and_back(ours)
        held = make_offer("127.0.0.1", 40000, session_id=1, version=9, direction="sendonly")
        assert (await dialog.reinvite(held)).code == 200
        assert dialog.local_cseq >= before + CSEQ_JUMP
        assert peer.dialogs[0].remote_sdp == held
        await until(lambda: peer.dialogs[0].unacknowledged is None)
        assert (await peer.dialogs[0].reinvite(peer.dialogs[0].local_sdp)).code == 200
        assert await peer.dialogs[0].send_digit("1") == await dialog.send_digit("2") == 200
        await until(lambda: dialog.unacknowledged is None)
        ending, hearing = (ours, peer) if ends == "we hang up" else (peer, ours)
        ending.dialogs[0].bye()
        await until(lambda: ("ended", "bye") in hearing.story)
        await until(lambda: ours.held() + peer.held() == 0)
        assert ours.ua.counters["out_of_order"] == peer.ua.counters["out_of_order"] == 0


async def test_a_dialog_may_be_lost_and_restored_again_from_its_first_export() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        state = caller.dialogs[0].export()
        numbers = []
        for seconds_later in (0, 5, 60):
            dialog = caller.ua.restore(msgspec.structs.replace(state, started_at=state.started_at - seconds_later))
            assert await dialog.send_digit("1") == 200
            numbers.append(dialog.local_cseq)
        assert numbers == sorted(set(numbers))


async def test_a_peer_that_hung_up_meanwhile_is_noticed_by_the_refresh() -> None:
    async with phones(2, session_expires=600, **FAST) as (caller, callee):
        await talk(caller, callee)
        callee.ua._core.dialogs.clear()
        dialog = await killed_and_back(caller)
        assert dialog.session.agreement == Agreement(600, True)
        skip(caller, 6)
        await until(lambda: ("ended", "gone") in caller.story)
        assert caller.held("dialogs") == 0


async def test_an_answer_to_a_reinvite_of_the_lost_process_is_acknowledged() -> None:
    async with phones(1, **FAST) as (phone,):
        phone.when_called = phone.answer
        peer = RawPeer(phone)
        await peer.call_and_answer()
        await until(lambda: "acked" in phone.story)
        phone.dialogs[0].reinvite(make_offer("127.0.0.1", 40004, session_id=2, version=2))
        lost = await peer.request_of("INVITE")
        await killed_and_back(phone)
        peer.send(peer.answer(lost, 200, body=OFFER.to_bytes()))
        ack = await peer.request_of("ACK")
        assert ack.cseq == (lost.cseq[0], "ACK")
        peer.close()


async def test_a_name_in_no_encoding_comes_back_as_it_was() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        odd = b'"\xff\xe5\xbc\xa0" <sip:x@y>;tag=1'.decode("utf-8", "surrogateescape")
        callee.dialogs[0].remote = NameAddr.parse(odd)
        kept = msgspec.json.encode(callee.dialogs[0].export())
        assert str(callee.ua.restore(msgspec.json.decode(kept, type=DialogState)).remote) == odd


async def test_a_change_asks_for_another_export() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        changes: list[str] = []
        caller.dialogs[0].on_changed = lambda: changes.append("caller")
        callee.dialogs[0].on_changed = lambda: changes.append("callee")
        await caller.dialogs[0].reinvite(make_offer("127.0.0.1", 40010, session_id=1, version=2))
        assert sorted(changes) == ["callee", "caller"]
        state = callee.dialogs[0].export()
        again = callee.ua.restore(state).export()
        assert msgspec.structs.replace(again, local_cseq=state.local_cseq) == state
        assert (state.local_sdp, state.remote_sdp) == (
            callee.dialogs[0].local_sdp.to_bytes().decode(),
            caller.dialogs[0].local_sdp.to_bytes().decode(),
        )


async def test_a_state_that_is_none_is_refused_by_name() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        state = caller.dialogs[0].export()
        for field, value in (("local", "<"), ("remote_target", "nowhere"), ("route_set", ("<sip:",)), ("local_sdp", "v=1")):
            with pytest.raises(ParseError, match=field.partition("_sdp")[0] if field != "local_sdp" else "sdp"):
                caller.ua.restore(msgspec.structs.replace(state, **{field: value}))


async def test_a_ringing_call_with_early_media_is_answered_in_the_next_process() -> None:
    async with phones(1, **FAST) as (phone,):
        peer = RawPeer(phone)
        call = phone.call(f"sip:raw@127.0.0.1:{peer.port}")
        invite = await peer.request_of("INVITE")
        early = make_answer(OFFER, "127.0.0.1", 41000, session_id=9)
        peer.send(peer.answer(invite, 183, "x", early.to_bytes(), "Require: 100rel\r\nRSeq: 7\r\n"))
        prack = await peer.request_of("PRACK")
        peer.send(peer.answer(prack, 200))
        kept = msgspec.json.encode(invite_state.export(call))
        port = phone.hop.port
        await phone.ua.stop()
        back = Phone(port=port, **FAST)
        await back.ua.start()
        again = back.ua.restore_invite(msgspec.json.decode(kept, type=InviteState))
        again.on_answered = lambda dialog, sdp: back.story.append((dialog.remote_sdp, sdp))
        peer.send(peer.answer(invite, 200, "x"))
        await until(lambda: back.story == [(early, early)])
        assert (await peer.request_of("ACK")).cseq == (1, "ACK")
        next(iter(back.ua._core.dialogs.values())).bye()
        assert (await peer.request_of("BYE")).cseq[0] > prack.cseq[0]
        peer.close()
        await back.ua.stop()
