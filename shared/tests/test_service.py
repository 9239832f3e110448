"""The frame, as real processes on a real broker: start, health, drain, kill -9, standby."""

import asyncio
import itertools
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from callstream.contracts.agent_events import AgentSignedIn
from callstream.contracts.commands import Command, EndWrapUp, GetAgent, ListAgents, Reply
from callstream.kernel.outcomes import Reason
from callstream.runtime.commands import Commands
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.service import Service
from callstream.runtime.settings import Settings
from callstream.testing.store_contract import new

from .nats_server import Server

WITHIN_S = 20.0


class Process:
    """One copy of the small service."""

    def __init__(self, server: Server, instance: str, **environment: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self._environment = {
            "CALLSTREAM_NATS_URL": server.url,
            "CALLSTREAM_INSTANCE": instance,
            "PYTHONPATH": str(Path(__file__).parent),
            "PATH": "/usr/bin",
            **environment,
        }
        self._more = asyncio.Event()

    async def start(self) -> "Process":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "small_service", env=self._environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line) if line.startswith(b"{") else {"event": line.decode()})
            self._more.set()

    async def says(self, event: str, within_s: float = WITHIN_S) -> dict[str, Any]:
        """The log line with this event, once it is there."""
        try:
            async with asyncio.timeout(within_s):
                while not (found := [line for line in self.lines if line["event"] == event]):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"never said {event!r}: {self.lines}") from None
        return found[0]

    async def get(self, path: str) -> tuple[int, str]:
        """(status, body) over HTTP."""
        port = (await self.says("http"))["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(WITHIN_S):
            answer = (await reader.read()).decode()
        writer.close()
        return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]

    async def ends(self, number: signal.Signals) -> int:
        """Send a signal; the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(WITHIN_S):
            status = await self.process.wait()
            await self._reader
        return status


@pytest.fixture
async def processes() -> AsyncIterator[list[Process]]:
    started: list[Process] = []
    yield started
    for process in started:
        await process.ends(signal.SIGKILL)


async def begin(processes: list[Process], server: Server, instance: str = "one", **environment: str) -> Process:
    process = await Process(server, instance, **environment).start()
    processes.append(process)
    return process


async def sign_in(nc: Client, agent_id: str, event_id: str) -> None:
    event = new(event_id, AgentSignedIn(terminal="x", actor="a"), agent_id)
    await JetStreamStore(nc, "agent-state").append("agent", agent_id, "acme", [event], None)


async def ask(nc: Client, command: Command, timeout_s: float = 2.0) -> Reply:
    return await Commands(nc).send(command, "acme", timeout_s=timeout_s, retries=4)


async def test_it_starts_answers_and_drains(server: Server, nc: Client, processes: list[Process]) -> None:
    await sign_in(nc, "7001", "e1")
    service = await begin(processes, server)
    await service.says("started")
    status, body = await service.get("/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)
    assert set(json.loads(body)["checks"]) == {
        "nats", "configuration", "draining", "lease agent-state", "follower agent-state",
    }  # fmt: skip
    assert (await service.get("/livez"))[0] == 200
    assert (await service.get("/nothing"))[0] == 404
    assert (await ask(nc, GetAgent(command_id="q1", agent_id="7001"))).accepted
    assert (await ask(nc, GetAgent(command_id="q2", agent_id="7002"))).reason == Reason.UNKNOWN_AGENT
    status, text = await service.get("/metrics")
    assert 'callstream_commands_total{answer="accepted",command="get"} 1.0' in text
    assert not re.search(r"\{[^}]*7001", text), "a metric carries no id"
    under_way = asyncio.create_task(ask(nc, ListAgents(command_id="q3")))
    await asyncio.sleep(0.1)
    assert await service.ends(signal.SIGTERM) == 0
    assert (await under_way).accepted, "what was under way is finished"
    assert [line["event"] for line in service.lines if line["level"] in ("error", "warning")] == []


async def test_kill_9_loses_nothing_and_the_state_comes_back(server: Server, nc: Client, processes: list[Process]) -> None:
    first = await begin(processes, server)
    await first.says("lease won")
    for i in range(3):
        await sign_in(nc, "7001", f"e{i}")
    assert (await ask(nc, GetAgent(command_id="q1", agent_id="7001"))).accepted
    await first.ends(signal.SIGKILL)
    await sign_in(nc, "7001", "e3")
    await begin(processes, server)
    reply = await ask(nc, GetAgent(command_id="q2", agent_id="7001"))
    assert b'"since":"4"' in bytes(reply.result)
    assert (await ask(nc, EndWrapUp(command_id="q3", agent_id="7001", actor="a"))).accepted
    async with asyncio.timeout(WITHIN_S):
        while (await JetStreamStore(nc, "x").read("acme", "agent", "7001"))[-1].event.NAME != "signed-out":
            await asyncio.sleep(0.02)


async def test_a_clean_stop_leaves_a_snapshot_and_the_next_start_uses_it(
    server: Server, nc: Client, processes: list[Process]
) -> None:
    for i in range(3):
        await sign_in(nc, "7001", f"e{i}")
    first = await begin(processes, server)
    await first.says("started")
    assert await first.ends(signal.SIGTERM) == 0
    second = await begin(processes, server)
    assert (await second.says("snapshot restored"))["position"] == 3
    assert (await ask(nc, GetAgent(command_id="q1", agent_id="7001"))).accepted


async def test_a_standby_takes_over(server: Server, nc: Client, processes: list[Process]) -> None:
    active = await begin(processes, server, "one")
    await active.says("lease won")
    standby = await begin(processes, server, "two")
    await standby.says("started")
    await sign_in(nc, "7001", "e1")
    await active.ends(signal.SIGKILL)
    await standby.says("lease won")
    assert (await ask(nc, GetAgent(command_id="q1", agent_id="7001"))).accepted


async def test_a_service_outlives_the_broker_and_says_so(server: Server, nc: Client, processes: list[Process]) -> None:
    service = await begin(processes, server)
    await service.says("started")
    await server.kill()
    status, body = await service.get("/readyz")
    assert (status, json.loads(body)["checks"]["nats"]) == (503, "not connected")
    assert (await service.get("/livez"))[0] == 200
    await server.start()
    async with asyncio.timeout(WITHIN_S):
        while (await service.get("/readyz"))[0] != 200:
            await asyncio.sleep(0.05)
        while not nc.is_connected:
            await asyncio.sleep(0.01)
    await sign_in(nc, "7001", "e1")
    async with asyncio.timeout(WITHIN_S):
        for number in itertools.count():  # its follower hears of the event once it has its consumer again
            if (await ask(nc, GetAgent(command_id=f"q{number}", agent_id="7001"))).accepted:
                break


async def test_a_frozen_broker_is_not_ready(server: Server, nc: Client, processes: list[Process]) -> None:
    service = await begin(processes, server)
    await service.says("started")
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(WITHIN_S):
            while not stopped(server.process.pid):
                await asyncio.sleep(0.01)
        status, body = await service.get("/readyz")
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert status == 503
    assert "no answer" in json.loads(body)["checks"]["nats"]


async def test_sigint_leaves_at_once_and_a_start_can_be_called_off(server: Server, nc: Client, processes: list[Process]) -> None:
    service = await begin(processes, server)
    await service.says("started")
    assert await service.ends(signal.SIGINT) == 0
    await server.kill()
    waiting = await begin(processes, server)
    await waiting.says("starting")
    assert await waiting.ends(signal.SIGTERM) == 0


async def test_a_wrong_setting_is_a_clear_message(server: Server, nc: Client, processes: list[Process]) -> None:
    service = await begin(processes, server, CALLSTREAM_HTTP_PORT="many")
    async with asyncio.timeout(WITHIN_S):
        status = await service.process.wait()
        await service._reader
    assert status == 2
    assert "CALLSTREAM_HTTP_PORT: 'many' is no port" in service.lines[-1]["event"]


async def test_a_connection_that_is_gone_for_good_ends_the_service(server: Server, nc: Client) -> None:
    """So that a supervisor starts it anew, instead of a process that will never work again."""

    async def wire(service: Service) -> None:
        service.on_start.append(service.nc.close)

    service = Service(Settings(service="agent-state", instance="one", nats_url=server.url))
    with pytest.raises(SystemExit) as left:
        async with asyncio.timeout(WITHIN_S):
            await service.run(wire)
    assert left.value.code == 1


def stopped(pid: int) -> bool:
    """Whether a signal has brought the process to a halt; the signal's delivery takes its time."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
