"""Calls between two user agents over loopback."""

from __future__ import annotations

import asyncio

import pytest

from callstream_media_gateway.sip.backoff import Backoff
from callstream_media_gateway.sip.digest import Credentials, ha1
from callstream_media_gateway.sip.digest_gate import DigestGate, Secrets
from callstream_media_gateway.sip.errors import CallOverError
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.info import digit_of
from callstream_media_gateway.sip.nonces import Nonces
from callstream_media_gateway.sip.offer_answer import make_offer

from .phones import FAST, Phone, phones, until

STATE = ("dialogs", "offered_calls", "early_dialogs", "client_transactions", "server_transactions", "timers")


async def talk(caller: Phone, callee: Phone, **more: object) -> None:
    """Bring a call up and wait until both sides are settled."""
    callee.when_called = callee.answer
    caller.call(callee, **more)  # type: ignore[arg-type]
    await until(lambda: "answered" in caller.story and "acked" in callee.story)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
async def test_a_call_rings_is_answered_and_ended_by_either_side(transport: str, who_hangs_up: str) -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: call.provisional(180)
        caller.call(callee, next_hop=callee.tcp if transport == "tcp" else callee.hop)
        await until(lambda: ("ringing", 180, False) in caller.story)
        assert callee.calls[0].transport == transport
        callee.answer(callee.calls[0])
        await until(lambda: "answered" in caller.story and "acked" in callee.story)
        assert callee.dialogs[0].remote_sdp == callee.calls[0].offer
        assert caller.dialogs[0].remote_sdp == callee.dialogs[0].local_sdp
        ending, hearing = (caller, callee) if who_hangs_up == "caller" else (callee, caller)
        ending.dialogs[0].bye()
        await until(lambda: ("ended", "bye") in hearing.story)
        assert [line for line in ending.story if line[0] == "ended"] == []
        await until(lambda: caller.held(*STATE) + callee.held(*STATE) == 0)


async def test_early_media_reaches_the_caller_before_the_answer() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: call.provisional(183, call.offer)
        caller.call(callee)
        await until(lambda: ("ringing", 183, True) in caller.story)


@pytest.mark.parametrize("code", [302, 403, 404, 486, 503, 603])
async def test_a_rejection_reaches_the_caller_and_leaves_nothing(code: int) -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: call.reject(code)
        caller.call(callee)
        await until(lambda: ("failed", code) in caller.story)
        await until(lambda: caller.held() + callee.held() == 0)
        with pytest.raises(CallOverError):
            callee.calls[0].reject(486)


async def test_a_stranger_is_refused_and_nothing_is_held_for_it() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.refuse = 403
        caller.call(callee)
        await until(lambda: ("failed", 403) in caller.story)
        assert callee.calls == []
        assert callee.held() == 0
        assert callee.ua.counters["refused_sources"] >= 1


async def test_a_callback_that_raises_costs_its_own_call_only() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: 1 / 0
        caller.call(callee)
        await until(lambda: ("failed", 500) in caller.story)
        assert callee.ua.counters["handler_errors"] == 1
        await talk(caller, callee)


async def test_a_cancel_after_ringing_ends_the_call_on_both_sides() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: call.provisional(180)
        call = caller.call(callee)
        await until(lambda: ("ringing", 180, False) in caller.story)
        call.cancel()
        call.cancel()
        await until(lambda: ("failed", 487) in caller.story and "cancelled" in callee.story)
        assert callee.calls[0].is_over
        with pytest.raises(CallOverError):
            callee.answer(callee.calls[0])
        await until(lambda: caller.held() + callee.held() == 0)
        assert caller.story.count(("failed", 487)) == 1


async def test_a_cancel_before_any_response_waits_for_the_first_one() -> None:
    async with phones(2, **FAST) as (caller, callee):
        caller.call(callee).cancel()
        await until(lambda: ("failed", 487) in caller.story and "cancelled" in callee.story)
        await until(lambda: caller.held() + callee.held() == 0)


async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    async with phones(2, **FAST) as (caller, callee):
        call = caller.call(callee)

        def answer_while_the_caller_gives_up(incoming: IncomingCall) -> None:
            call.cancel()  # the CANCEL waits for a response, and the first one is the 200
            callee.answer(incoming)

        callee.when_called = answer_while_the_caller_gives_up
        await until(lambda: ("failed", 487) in caller.story and ("ended", "bye") in callee.story)
        assert "answered" not in caller.story
        assert "cancelled" not in callee.story
        await until(lambda: caller.held(*STATE) + callee.held(*STATE) == 0)


async def test_a_cancel_that_nobody_answers_does_not_hold_the_call_for_ever() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: call.provisional(180)
        call = caller.call(callee)
        await until(lambda: ("ringing", 180, False) in caller.story)
        await callee.ua.stop()
        call.cancel()
        await until(lambda: ("failed", 487) in caller.story)
        await until(lambda: caller.held() == 0)


async def test_nobody_there_is_a_timeout_on_udp_and_an_error_at_once_on_tcp() -> None:
    async with phones(2, **FAST) as (caller, gone):
        uri, hop = gone.uri(), gone.hop
        await gone.ua.stop()
        caller.call(uri, next_hop=hop._replace(transport="tcp"))
        await until(lambda: caller.story == [("failed", 503)])
        caller.call(uri, next_hop=hop)
        await until(lambda: caller.story == [("failed", 503), ("failed", 408)])
        assert caller.ua.counters["retransmissions_out"] >= 3
        assert caller.held() == 0


async def test_a_name_without_an_address_fails_the_call() -> None:
    async with phones(1, **FAST) as (caller,):
        caller.call("sip:x@a..b")
        await until(lambda: caller.story == [("failed", 503)])


async def test_a_transport_that_we_do_not_speak_fails_and_is_never_replaced_by_another() -> None:
    async with phones(2, **FAST) as (caller, callee):
        caller.call(callee.uri() + ";transport=sctp")
        await until(lambda: caller.story == [("failed", 503)])
        assert callee.ua.counters["received_requests"] == 0


async def test_both_sides_may_hang_up_at_once() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        caller.dialogs[0].bye()
        callee.dialogs[0].bye()
        await until(lambda: not caller.ua._core.leaving and not callee.ua._core.leaving)
        assert caller.ua.counters["stray_requests"] + callee.ua.counters["stray_requests"] == 0
        assert [line for line in caller.story + callee.story if line[0] == "ended"] == []


async def test_localhost_is_resolved() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = lambda call: call.reject(486)
        caller.call(f"sip:x@localhost:{callee.hop.port}")
        await until(lambda: caller.story == [("failed", 486)])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_keys_travel_by_info_both_ways(transport: str) -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee, next_hop=callee.tcp if transport == "tcp" else callee.hop)
        heard: list[str | None] = []
        for phone in (caller, callee):
            phone.dialogs[0].on_info = lambda kind, body: heard.append(digit_of(kind, body))
        assert await caller.dialogs[0].send_digit("5") == 200
        assert await callee.dialogs[0].send_digit("#", 250) == 200
        assert heard == ["5", "#"]
        with pytest.raises(ValueError):
            caller.dialogs[0].send_digit("55")


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_reinvite_puts_the_call_on_hold_by_default(who: str) -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        asking, asked = (caller, callee) if who == "caller" else (callee, caller)
        hold = make_offer("127.0.0.1", 40000, session_id=1, version=2, direction="sendonly")
        result = await asking.dialogs[0].reinvite(hold)
        assert result.code == 200
        assert result.sdp is not None
        assert result.sdp.audio is not None
        assert result.sdp.audio.direction == "recvonly"
        assert asked.dialogs[0].remote_sdp == hold
        assert asking.dialogs[0].local_sdp == hold
        asking.dialogs[0].bye()
        await until(lambda: ("ended", "bye") in asked.story)


async def test_a_reinvite_can_be_refused_and_the_call_goes_on() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        before = caller.dialogs[0].local_sdp
        callee.dialogs[0].on_reinvite = lambda offer: 488
        assert (await caller.dialogs[0].reinvite(make_offer("127.0.0.1", 1, session_id=1))).code == 488
        assert caller.dialogs[0].local_sdp == before
        assert await caller.dialogs[0].send_digit("1") == 200


async def test_two_reinvites_that_cross_are_both_carried_out_in_the_end() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        offer = make_offer("127.0.0.1", 40100, session_id=1, version=2)
        counter_offer = make_offer("127.0.0.1", 40200, session_id=2, version=2)
        one, two = caller.dialogs[0].reinvite(offer), callee.dialogs[0].reinvite(counter_offer)
        assert (await caller.dialogs[0].reinvite(offer)).code == 491, "one at a time"
        results = await asyncio.wait_for(asyncio.gather(one, two), 10)
        assert [result.code for result in results] == [200, 200]


async def test_a_peer_that_forgot_the_dialog_ends_it() -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee)
        callee.ua._core.dialogs.clear()
        assert await caller.dialogs[0].send_digit("1") == 481
        assert ("ended", "gone") in caller.story
        assert callee.ua.counters["stray_requests"] == 1


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_call_is_challenged_and_goes_through_with_credentials(algorithm: str) -> None:
    async with phones(2, **FAST) as (caller, callee):
        known = Secrets(ha1("MD5", "trunk", "r", "pw"), ha1("SHA-256", "trunk", "r", "pw"))
        clock = asyncio.get_running_loop().time
        gate = DigestGate("r", lambda user: known if user == "trunk" else None, clock, Nonces(b"k"), Backoff())

        def challenge(call: IncomingCall) -> None:
            verdict = gate.check(call.request, call.source)
            if isinstance(verdict, Reply):
                wanted = [header for header in verdict.headers if algorithm in header[1]]
                call.reject(verdict.code, verdict.reason, wanted)
            else:
                callee.answer(call)

        callee.when_called = challenge
        caller.call(callee, credentials=Credentials("trunk", "pw"))
        await until(lambda: "answered" in caller.story)
        assert callee.story.count("invite") == 2
        caller.call(callee, credentials=Credentials("trunk", "wrong"))
        await until(lambda: ("failed", 401) in caller.story)
        caller.call(callee)
        await until(lambda: caller.story.count(("failed", 401)) == 2)


async def test_fifty_calls_at_once_leave_nothing_behind() -> None:
    async with phones(2, **FAST) as (caller, callee):
        callee.when_called = callee.answer
        for _ in range(50):
            caller.call(callee)
        await until(lambda: len(caller.dialogs) == 50 and callee.story.count("acked") == 50)
        for dialog in caller.dialogs:
            dialog.bye()
        await until(lambda: callee.story.count(("ended", "bye")) == 50)
        await until(lambda: caller.held() + callee.held() == 0)
        for phone in (caller, callee):
            assert phone.ua.counters["internal_errors"] == phone.ua.counters["handler_errors"] == 0


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_call_outlives_its_tcp_connection(who: str) -> None:
    async with phones(2, **FAST) as (caller, callee):
        await talk(caller, callee, next_hop=callee.tcp)
        for phone in (caller, callee):
            for connection in list(phone.ua._core.transport.streams.held):
                connection.abort()
        await until(lambda: caller.held("connections") + callee.held("connections") == 0)
        ending, hearing = (caller, callee) if who == "caller" else (callee, caller)
        ending.dialogs[0].bye()
        await until(lambda: ("ended", "bye") in hearing.story)


async def test_the_second_user_agent_on_a_taken_port_is_told_so() -> None:
    async with phones(1) as (first,):
        with pytest.raises(OSError):
            await Phone(port=first.hop.port).ua.start()


def test_the_any_address_needs_a_name_for_peers() -> None:
    with pytest.raises(ValueError, match="advertised_host"):
        Phone(host="0.0.0.0")


async def test_ipv6_loopback_carries_calls() -> None:
    try:
        async with phones(2, host="::1", **FAST) as (caller, callee):
            await talk(caller, callee, next_hop=Hop("udp", "::1", callee.hop.port))
    except OSError:
        pytest.skip("no IPv6 here")
