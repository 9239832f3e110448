"""What must not hurt: garbage on the SIP port, half messages, huge ones, poison in the event log, broken configuration.

After each the next ordinary call goes through, no process has ended, and nothing is held for what was refused.
"""

import asyncio
import socket
from collections.abc import Callable

import pytest

from callstream.contracts.subjects import DEAD_LETTER_STREAM, event_subject
from callstream_local.demo.verdict import judge
from callstream_local.inside.api import ApiError
from callstream_local.stack import Stack

from .conftest import OpenCentre, agent, caller
from .figures import gateway_figures

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVITE = (
    "INVITE sip:+861055550100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKbad{n}\r\nMax-Forwards: 70\r\n"
    "From: <sip:+8613600000001@127.0.0.1>;tag=a{n}\r\nTo: <sip:+861055550100@127.0.0.1>\r\nCall-ID: bad{n}\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:x@127.0.0.1:9>\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}"
)


def invite(n: int, body: str = "", length: int | None = None) -> bytes:
    return INVITE.format(n=n, body=body, length=len(body) if length is None else length).encode()


def big_header(n: int) -> bytes:
    return invite(n).replace(b"Max-Forwards", b"Subject: " + b"x" * 60_000 + b"\r\nMax-Forwards")


DATAGRAMS: dict[str, Callable[[int], bytes]] = {
    "random bytes": lambda n: bytes((n * 7 + i * 31) % 256 for i in range(700)),
    "nothing but line ends": lambda n: b"\r\n" * (n + 2),
    "half a message": lambda n: invite(n)[: 40 + n],
    "a body that is cut off": lambda n: invite(n, "v=0\r\n", length=400),
    "an SDP that is none": lambda n: invite(n, "this is no session description"),
    "an offer without audio": lambda n: invite(
        n, "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=video 9 RTP/AVP 31\r\n"
    ),
    "an oversized header": big_header,
    "headers without end": lambda n: invite(n).replace(b"Contact", b"X: y\r\n" * 2000 + b"Contact"),
    "a method of nobody's": lambda n: invite(n).replace(b"INVITE", b"FROBNICATE"),
    "a negative length": lambda n: invite(n, length=-5),
}


async def the_next_call_goes_through(open_centre: OpenCentre) -> None:
    async with open_centre([caller()], [agent(0)]) as centre:
        await centre.perform()
        evidence = await centre.settle()
    assert [p for p in judge(evidence).problems if "arrived" not in p] == []
    assert evidence.records[0].access_status == "answered"


async def test_garbage_on_the_sip_port_hurts_nobody(stack: Stack, open_centre: OpenCentre) -> None:
    before = stack.restarts()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        for make in DATAGRAMS.values():
            for n in range(20):
                stranger.sendto(make(n), stack.sip_addr)
            await asyncio.sleep(0.01)  # the socket's buffer is no part of the test
    for make in DATAGRAMS.values():
        reader, writer = await asyncio.open_connection(*stack.sip_addr)
        writer.write(make(1))
        writer.write_eof()
        async with asyncio.timeout(10):
            await reader.read()  # until the gateway has had enough of it
        writer.close()
    await the_next_call_goes_through(open_centre)
    # An answer that nobody acknowledges is held for 32 s (RFC 3261 13.3.1.4), a refused call not at all.
    async with asyncio.timeout(60):
        while (figures := await gateway_figures(stack))["calls_active"] or figures["legs_active"]:
            await asyncio.sleep(0.2)
    assert stack.restarts() == before


async def test_poison_in_the_log_becomes_a_dead_letter_and_the_rest_flows_on(stack: Stack, open_centre: OpenCentre) -> None:
    before = stack.restarts()
    client = await stack.nats.connect()
    try:
        stream = client.jetstream()
        letters = (await stream.stream_info(DEAD_LETTER_STREAM)).state.messages
        broken = {"ce-id": "poison-1", "ce-type": "call.arrived.v1", "ce-time": "2026-01-01T00:00:00Z"}
        unknown = {"ce-id": "poison-2", "ce-type": "call.exploded.v9", "ce-time": "2026-01-01T00:00:00Z"}
        await stream.publish(event_subject("main", "call", "POISON", "arrived"), b'{"caller": 5}', headers=broken)
        await stream.publish(event_subject("main", "call", "POISON", "exploded"), b"{}", headers=unknown)
        await stream.publish(event_subject("main", "call", "POISON", "ended"), b"\xff\x00 no JSON")
        await the_next_call_goes_through(open_centre)
        # ivr, routing, agent-state and reporting each keep at least one of the three.
        async with asyncio.timeout(10):
            while (await stream.stream_info(DEAD_LETTER_STREAM)).state.messages < letters + 4:
                await asyncio.sleep(0.1)
    finally:
        await client.close()
    assert stack.restarts() == before


async def test_a_flow_that_leads_nowhere_is_refused_with_node_and_field_and_the_old_one_goes_on(open_centre: OpenCentre) -> None:
    start = {"kind": "start", "id": "start", "next": "nirvana"}
    broken = {"flows": [{"id": "hotline", "name": "Hotline", "nodes": [start]}]}
    async with open_centre() as centre:
        with pytest.raises(ApiError, match=r"start.*next.*nirvana"):
            await asyncio.to_thread(centre.api.post, "console", "/v1/apply", broken)
    await the_next_call_goes_through(open_centre)
