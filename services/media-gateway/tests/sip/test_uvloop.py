"""The gateway runs on uvloop, whose transports are not asyncio's own."""

from __future__ import annotations

import pytest

from .phones import FAST, phones, until

uvloop = pytest.importorskip("uvloop")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_on_uvloop(transport: str) -> None:
    async def call() -> None:
        async with phones(2, **FAST) as (caller, callee):
            callee.when_called = callee.answer
            caller.call(callee, next_hop=callee.tcp if transport == "tcp" else callee.hop)
            await until(lambda: "answered" in caller.story and "acked" in callee.story)
            callee.dialogs[0].bye()
            await until(lambda: ("ended", "bye") in caller.story)
            assert caller.ua.counters["transport_errors"] == callee.ua.counters["transport_errors"] == 0

    uvloop.run(call())
