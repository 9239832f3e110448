"""A foreign carrier: sipp is the registrar and the trunk, and checks our digest answers itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from callstream.contracts.credentials import TrunkCredential
from callstream.contracts.outbound import NumberFormat, NumberStyle, TrunkRegistration
from callstream_local.ports import free_port
from callstream_media_gateway.domain.inputs import PhoneAnswered, PhoneRings

from .carriers import TENANT, side, trunk
from .phones import until
from .test_sipp import SIPP, reachable, sipp
from .test_trunk_watch import secrets_of

pytestmark = pytest.mark.skipif(SIPP is None, reason="sipp is not installed (package sip-tester)")

REALM = "itsp.example"

ANSWER = """  <send{more}><![CDATA[

SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]s
[last_Call-ID:]
[last_CSeq:]
{headers}Content-Length: {length}
{body}
]]></send>
"""
SDP = """
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 45000 RTP/AVP 8
"""
CHALLENGE = f'WWW-Authenticate: Digest realm="{REALM}", nonce="abc", algorithm=MD5, qop="auth"\n'


def answer(status: str, headers: str = "", body: str = "", more: str = "") -> str:
    return ANSWER.format(status=status, headers=headers, body=body, length="[len]" if body else "0", more=more)


REGISTRAR = (
    '<scenario name="registrar">\n  <recv request="REGISTER"/>\n'
    + answer("401 Unauthorized", CHALLENGE)
    + """  <recv request="REGISTER">
    <action><verifyauth assign_to="good" username="acc7" password="right"/></action>
  </recv>
  <nop next="yes" test="good"/>
"""
    + answer("403 Forbidden")
    + '  <nop><action><error message="a wrong answer to the challenge"/></action></nop>\n  <label id="yes"/>\n'
    + answer("200 OK", "[last_Contact:];expires=600\n")
    + "</scenario>\n"
)

CARRIER = (
    '<scenario name="carrier">\n  <recv request="INVITE"/>\n'
    + answer("401 Unauthorized", CHALLENGE)
    + """  <recv request="ACK"/>
  <recv request="INVITE">
    <action>
      <verifyauth assign_to="good" username="acc7" password="right"/>
      <ereg regexp="sip:013900000001@" search_in="msg" check_it="true" assign_to="uri"/>
    </action>
  </recv>
  <nop next="yes" test="good"/>
  <nop><action><error message="a wrong answer to the challenge"/></action></nop>
  <label id="yes"/>
"""
    + answer("180 Ringing")
    + answer("200 OK", "Contact: <sip:[local_ip]:[local_port]>\nContent-Type: application/sdp\n", SDP)
    + '  <recv request="ACK"/>\n  <recv request="BYE"/>\n'
    + answer("200 OK")
    + '  <Reference variables="uri"/>\n</scenario>\n'
)


async def test_a_foreign_carrier_takes_our_registration_and_our_call(tmp_path: Path) -> None:
    for name, text in (("registrar", REGISTRAR), ("carrier", CARRIER)):
        (tmp_path / f"{name}.xml").write_text('<?xml version="1.0" encoding="ISO-8859-1"?>\n' + text)
    ports = {name: free_port(udp=True) for name in ("registrar", "carrier")}
    async with asyncio.TaskGroup() as group:
        runs = {
            name: group.create_task(sipp(tmp_path, "-sf", f"{name}.xml", "-p", str(port), "-m", "1"))
            for name, port in ports.items()
        }
        await _try(ports, runs)


async def _try(ports: dict[str, int], runs: dict[str, asyncio.Task[tuple[int | None, str]]]) -> None:
    for port in ports.values():
        await reachable(port)
    md5, sha256 = secrets_of("right", REALM)
    account = TrunkRegistration(user="acc7", realm=REALM, expires_s=600)
    secret = TrunkCredential(trunk="t", user="acc7", realm=REALM, ha1_md5=md5, ha1_sha256=sha256)
    home = trunk("t", ports["registrar"], registration=account, options_every_s=0)
    async with side(home, credentials=(secret,)) as our:
        our.trunks.start()
        await until(lambda: our.trunks.state(TENANT, "t").registered)
        status, screen = await runs["registrar"]
        assert status == 0, screen

    wanted = NumberFormat(style=NumberStyle.NATIONAL, prefix="0")
    out = trunk("t", ports["carrier"], registration=account, options_every_s=0, called=wanted)
    async with side(out, credentials=(secret,)) as our:
        leg = our.dial()
        await our.gets(PhoneAnswered)
        assert isinstance(our.fed[0], PhoneRings)
        leg.hang_up()
        status, screen = await runs["carrier"]
        assert status == 0, screen
