"""Calls between two user agents over loopback."""

from __future__ import annotations

import pytest

from .phones import phones, until


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("who_hangs_up", ["caller", "callee"])
async def test_a_call_rings_is_answered_and_ended_by_either_side(transport: str, who_hangs_up: str) -> None:
    async with phones(2, t1=0.02, t2=0.05, t4=0.02) as (caller, callee):
        callee.when_called = lambda call: call.provisional(180)
        caller.call(callee, next_hop=callee.tcp if transport == "tcp" else callee.hop)
        await until(lambda: ("ringing", 180, False) in caller.story)
        callee.answer(callee.calls[0])
        await until(lambda: "answered" in caller.story and "acked" in callee.story)
        assert callee.dialogs[0].remote_sdp == callee.calls[0].offer
        assert caller.dialogs[0].remote_sdp == callee.dialogs[0].local_sdp
        ending, hearing = (caller, callee) if who_hangs_up == "caller" else (callee, caller)
        ending.dialogs[0].bye()
        await until(lambda: ("ended", "bye") in hearing.story)
        assert not [line for line in ending.story if line[0] == "ended"]
        names = ("dialogs", "offered_calls", "client_transactions", "server_transactions", "timers")
        await until(lambda: caller.held(*names) + callee.held(*names) == 0)
        assert caller.ua.counters["internal_errors"] == callee.ua.counters["internal_errors"] == 0
