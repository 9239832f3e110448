"""Who does not get in, and that nothing is held for them."""

import asyncio
import socket
from typing import Any

import pytest
from prometheus_client import REGISTRY

from callstream.contracts import call_events as call
from callstream.contracts.config import BlockedCaller
from callstream.contracts.lines import Trunk
from callstream.contracts.outcome import fold_all
from callstream.kernel.outcomes import CallOutcome, Party, Reason
from callstream_media_gateway.sip.offer_answer import make_offer
from callstream_media_gateway.sip.sdp import Codec

from .house import House


def refused(reason: Reason) -> float:
    return REGISTRY.get_sample_value("callstream_gateway_calls_refused_total", {"reason": reason}) or 0.0


@pytest.mark.feature("F175")
async def test_strangers_unknown_numbers_and_full_trunks_are_refused_and_leave_no_trace(open_house: House) -> None:
    g729 = make_offer("127.0.0.1", 40_000, session_id=1, codecs=(Codec(18, "G729"),))
    rows: list[tuple[str, dict[str, Any], int, Reason]] = [
        ("an unknown number", {"number": "02166660000"}, 404, Reason.UNKNOWN_NUMBER),
        ("no common codec", {"offer": g729}, 488, Reason.NO_COMMON_CODEC),
    ]
    for name, how, status, reason in rows:
        before = refused(reason)
        caller = await open_house.caller(**how)
        await caller.until(("failed", status))
        assert refused(reason) == before + 1, name

    first, second = await open_house.caller(), await open_house.caller()
    await first.until("ringing")
    await second.until("ringing")
    third = await open_house.caller()
    await third.until(("failed", 503))
    assert len(open_house.gateway.switchboard.calls) == 2
    await open_house.call_id(2)
    assert len(open_house.call_ids()) == 2, "only what came in is in the log"

    await open_house.publish(Trunk(id="carrier", peers=("192.0.2.1",), country="CN"))
    async with asyncio.timeout(5):
        while open_house.gateway.on_invite._peers.of("127.0.0.1"):
            await asyncio.sleep(0.01)
    before = refused(Reason.UNKNOWN_PEER)
    stranger = await open_house.caller()
    await stranger.until(("failed", 403))
    assert refused(Reason.UNKNOWN_PEER) == before + 1
    assert open_house.gateway.user_agent.counters["refused_sources"] == 1
    assert len(open_house.gateway.switchboard.calls) == 2, "calls that were in stay in"


async def test_a_trunk_that_brings_too_many_calls_within_a_second_is_slowed_down(open_house: House) -> None:
    await open_house.publish(Trunk(id="carrier", peers=("127.0.0.1",), max_calls_per_s=2))
    async with asyncio.timeout(5):
        while open_house.gateway.on_invite._peers.of("127.0.0.1")[0][1].max_calls_per_s != 2:
            await asyncio.sleep(0.01)
    now = 100.0
    open_house.gateway.on_invite.seconds = lambda: now
    for story in (["ringing"], ["ringing"], [("failed", 503)]):
        caller = await open_house.caller()
        await caller.until(story[0])
        now += 0.3
    now = 101.0
    later = await open_house.caller()
    await later.until("ringing")
    assert len(open_house.gateway.switchboard.calls) == 3


@pytest.mark.feature("F129", "F270")
async def test_a_blacklisted_caller_is_refused_before_any_flow_and_told_as_blocked(open_house: House) -> None:
    await open_house.publish(BlockedCaller(number="+862011112222", reason="threats"))
    async with asyncio.timeout(5):
        while open_house.service.config.blocked(open_house.tenant, "+862011112222") is None:
            await asyncio.sleep(0.01)
    before = refused(Reason.BLACKLISTED)
    caller = await open_house.caller()
    await caller.until(("failed", 603))
    blocked = await open_house.event(call.CallBlocked)
    assert (blocked.caller, blocked.called, blocked.trunk, blocked.sip_status) == (
        "+862011112222", "+862166668888", "carrier", 603,
    )  # fmt: skip
    assert refused(Reason.BLACKLISTED) == before + 1
    assert (open_house.call_ids(), len(open_house.gateway.switchboard.calls)) == ([], 0), "no call: nothing for a flow to answer"
    (told,) = [recorded for recorded in open_house.log if recorded.aggregate == "call"]
    summary = fold_all([told])
    assert summary is not None
    assert (summary.outcome, summary.party, summary.requested_at) == (CallOutcome.BLOCKED, Party.SYSTEM, None)

    other = await open_house.caller(caller="sip:02011113333@trunk.test")
    await other.until("ringing")
    await open_house.nc.jetstream().publish(
        f"$KV.CONFIG.{open_house.tenant}.blocked.862011112222", b"", headers={"KV-Operation": "DEL"}
    )
    async with asyncio.timeout(5):
        while open_house.service.config.blocked(open_house.tenant, "+862011112222") is not None:
            await asyncio.sleep(0.01)
    pardoned = await open_house.caller()
    await pardoned.until("ringing")


def sip_count(what: str) -> float:
    return REGISTRY.get_sample_value("callstream_gateway_sip_total", {"what": what}) or 0.0


async def test_garbage_harms_nobody(open_house: House) -> None:
    agent_hop = open_house.hop
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for datagram in (b"", b"\x00" * 60_000, b"INVITE sip:", b"SIP/2.0 200 OK\r\n\r\n", b"\r\n\r\n", bytes(range(256))):
            sock.sendto(datagram, (agent_hop.host, agent_hop.port))
    caller = await open_house.caller()
    await caller.until("ringing")
    await open_house.call_id()
    held = open_house.gateway.user_agent.held()
    assert (held["offered_calls"], len(open_house.call_ids())) == (1, 1)
    assert sip_count("malformed") >= 3, "what was thrown away is counted where operators look"


async def test_while_draining_trunks_are_sent_elsewhere(open_house: House) -> None:
    running = await open_house.caller()
    await running.until("ringing")
    draining = asyncio.create_task(open_house.gateway.drain())
    await asyncio.sleep(0)
    refused_caller = await open_house.caller()
    await refused_caller.until(("failed", 503))
    assert running.story[-1] == "ringing", "running calls go on for the grace"
    await draining
    await running.until(("failed", 503))
    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.DRAINING, Party.SYSTEM)
