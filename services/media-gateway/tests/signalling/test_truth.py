"""Real processes: a gateway that is killed for good, and a leg that only one side knows of, with the real agent-state."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callstream.contracts import call_events as call
from callstream.contracts import commands as cmd
from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.subjects import command_subject
from callstream.kernel.outcomes import Party, Reason
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.ports import free_port
from callstream_media_gateway.media.peer import RtpPeers
from callstream_media_gateway.sip.handler import Hop

from .house import House
from .phone import Phone

STARTED_S = 20.0
LOOKS = 5
"""It looks every 0.7 s, and believes what it has seen for 1.5 s."""


class Processes(House):
    """A house whose gateway is a process of its own, beside an agent-state that is one too."""

    async def open(self) -> None:
        self.running: dict[str, asyncio.subprocess.Process] = {}
        await super().open()
        await self.start_process("agent-state", "callstream_agent_state.main")
        reply = await self.ask(cmd.ListAgents)
        assert reply.accepted, reply

    async def start_gateway(self) -> None:
        """On the port of the one before, if there was one."""
        self.port = self.sip_port = self.sip_port or free_port(udp=True)
        await self.start_process("media-gateway", "callstream_media_gateway.main")
        async with asyncio.timeout(STARTED_S):
            while not (await self.commands.send(cmd.ListLegs(command_id=os.urandom(8).hex()), self.instance)).accepted:
                await asyncio.sleep(0.05)

    async def start_process(self, service: str, module: str) -> None:
        self.running[service] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            env={
                "PATH": os.environ["PATH"],
                "CALLSTREAM_NATS_URL": self.nats.address,
                "CALLSTREAM_NATS_USER": service,
                "CALLSTREAM_NATS_PASSWORD": self.nats.password(service),
                "CALLSTREAM_INSTANCE": self.instance if service == "media-gateway" else service,
                "CALLSTREAM_LOG_LEVEL": "warning",
                "CALLSTREAM_SIP_PORT": str(self.port),
                "CALLSTREAM_MEDIA_SOCKET": str(self.folder / "media.sock"),
                "CALLSTREAM_DATA_DIR": str(self.folder),
            },
        )

    async def kill(self, service: str) -> None:
        """kill -9"""
        process = self.running.pop(service)
        process.kill()
        await process.wait()

    async def close(self) -> None:
        for service in list(self.running):
            await self.kill(service)
        for phone in self.phones:
            await phone.ua.stop()
        with contextlib.suppress(ProcessLookupError):
            self.worker.kill()
        self.worker.wait()
        await self._log.stop()
        await self.nc.close()

    @property
    def hop(self) -> Hop:
        return Hop("udp", "127.0.0.1", self.port)

    async def ask(self, kind: type[cmd.Command], **fields: Any) -> cmd.Reply:
        command = kind(command_id=os.urandom(8).hex(), **fields)
        return await self.commands.send(command, self.tenant, timeout_s=1, retries=20)

    async def talk(self) -> tuple[Phone, Phone, str]:
        """Agent 1001 signs in, is reserved, rings, and talks."""
        assert (await self.ask(cmd.SignIn, agent_id="1001", actor="1001")).accepted
        agent, caller = await self.agent(), await self.caller()
        await caller.until("ringing")
        call_id = await self.call_id()
        await self.answer(call_id)
        await self.event(call.CallAnswered)
        offer_id = f"o-{call_id}"
        reserved = await self.ask(
            cmd.ReserveAgent, agent_id="1001", offer_id=offer_id, request_id=f"r-{offer_id}", call_id=call_id
        )
        assert reserved.accepted, reserved
        assert msgspec.json.decode(reserved.result, type=cmd.Reservation).terminal == "desk-phone"
        await self.offer(call_id, offer_id=offer_id)
        await agent.until("invited")
        agent.pick_up()
        await self.event(call.CallBridged)
        await self.event(AgentStateChanged, state="busy")
        return caller, agent, call_id


@pytest.fixture
async def processes(fresh_nats: EmbeddedNats, tmp_path: Path) -> AsyncIterator[Processes]:
    async with RtpPeers() as peers:
        made = Processes(fresh_nats, tmp_path, peers)
        try:
            await made.open()
            yield made
        finally:
            await made.close()


async def test_a_killed_gateway_that_does_not_come_back_frees_its_agents(processes: Processes) -> None:
    _, _, call_id = await processes.talk()
    told = [leg.agent_id for truth in await truths(processes) for leg in truth.legs if leg.answered]
    assert told == ["1001"]
    await processes.kill("media-gateway")
    ended = await processes.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.GATEWAY_LOST, Party.SYSTEM)
    assert processes.story(call_id)[-3:] == ["leg-ended", "leg-ended", "ended"]
    wrap_up = await processes.event(AgentStateChanged, state="wrap-up")
    assert wrap_up.cause == "call-ended"
    await processes.ask(cmd.EndWrapUp, agent_id="1001", actor="1001")
    again = await processes.ask(cmd.ReserveAgent, agent_id="1001", offer_id="o2", request_id="r2", call_id="c2")
    assert again.accepted, again


async def test_a_gateway_that_does_come_back_finds_its_calls_ended_once(processes: Processes) -> None:
    _, _, call_id = await processes.talk()
    await processes.kill("media-gateway")
    await processes.event(call.CallEnded, call_id)
    await processes.start_gateway()
    assert processes.story(call_id).count("ended") == 1
    assert await truths(processes) == []


async def test_a_killed_gateway_that_comes_back_at_once_holds_its_calls(processes: Processes) -> None:
    """kill -9 of the real process: nobody is judged lost, agents stay busy, and either side can still hang up."""
    caller, agent, call_id = await processes.talk()
    agents = [r.seq for r in processes.log if r.aggregate == "agent"]
    await processes.kill("media-gateway")
    await processes.start_gateway()
    (truth,) = await truths(processes)
    assert (truth.call_id, truth.over, [leg.agent_id for leg in truth.legs if leg.answered]) == (call_id, False, ["1001"])
    await looked(processes)
    assert processes.story(call_id)[-1] == "recording-started"
    assert [r.seq for r in processes.log if r.aggregate == "agent"] == agents
    caller.hang_up()
    await agent.until(("ended", "bye"))
    assert (await processes.event(call.CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP
    await processes.event(AgentStateChanged, state="wrap-up")


async def test_a_healthy_talk_is_left_alone(processes: Processes) -> None:
    caller, agent, call_id = await processes.talk()
    await looked(processes)
    assert processes.story(call_id)[-1] == "recording-started"
    agent.hang_up()
    assert (await processes.event(call.CallEnded, call_id)).reason is Reason.AGENT_HUNG_UP
    await caller.until(("ended", "bye"))


async def looked(processes: Processes) -> None:
    """Wait until agent-state has looked so often that it would have mended what seems wrong now: that it does not is the test."""
    looks = await processes.nc.subscribe(command_subject("media-gateway", processes.instance, cmd.ListLegs.NAME))
    for _ in range(LOOKS):
        await looks.next_msg(timeout=STARTED_S)
    await looks.unsubscribe()


async def truths(processes: Processes) -> list[cmd.CallTruth]:
    reply = await processes.commands.send(cmd.ListLegs(command_id=os.urandom(8).hex()), processes.instance)
    return msgspec.json.decode(reply.result, type=list[cmd.CallTruth])
