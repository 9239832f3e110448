import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from nats.aio.client import Client

from callstream.contracts.commands import AgentView, GetAgent, Reply
from callstream.contracts.states import AgentState
from callstream.contracts.subjects import ANY
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime import command_handlers
from callstream.runtime.command_handlers import CommandHandlers
from callstream.runtime.commands import Commands
from callstream.runtime.connect import connect
from callstream.runtime.event_store import StoreUnavailable, VersionConflict
from callstream.runtime.link import Link

from .nats_server import Server

VIEW = AgentView(agent_id="7001", state=AgentState.IDLE, since="2026-01-01T00:00:00.000Z")
Answer = Callable[[GetAgent, str], Awaitable[Any]]


class Answering:
    """A service that answers GetAgent as the test says."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.handlers = CommandHandlers()
        self.calls: list[tuple[GetAgent, str]] = []
        self.answer: Answer = self._view

    async def __aenter__(self) -> "Answering":
        self.handlers.on(GetAgent, self._handle)
        await self.start()
        return self

    async def start(self) -> None:
        self.nc = await connect(self.url, name="answering")
        await self.handlers.start(self.nc)

    async def __aexit__(self, *_: object) -> None:
        await self.nc.close()

    async def _handle(self, command: GetAgent, scope: str) -> Any:
        self.calls.append((command, scope))
        return await self.answer(command, scope)

    async def _view(self, _: GetAgent, __: str) -> Any:
        return VIEW


@pytest.fixture
async def service(server: Server) -> AsyncIterator[Answering]:
    async with Answering(server) as answering:
        yield answering


@pytest.fixture
def commands(nc: Client) -> Commands:
    return Commands(nc)


def get(command_id: str = "q1") -> GetAgent:
    return GetAgent(command_id=command_id, agent_id="7001")


async def test_a_command_is_answered(service: Answering, commands: Commands) -> None:
    reply = await commands.send(get(), "acme")
    assert reply.accepted
    assert msgspec.json.decode(reply.result, type=AgentView) == VIEW
    assert service.calls == [(get(), "acme")]


async def test_a_repeated_command_gets_the_first_answer_and_is_not_done_again(service: Answering, commands: Commands) -> None:
    first, second = await commands.send(get(), "acme"), await commands.send(get(), "acme")
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
    assert len(service.calls) == 1


async def test_a_command_repeated_while_it_is_under_way_waits_for_the_same_answer(service: Answering, commands: Commands) -> None:
    gate, entered = asyncio.Event(), asyncio.Event()

    async def slow(_: GetAgent, __: str) -> int:
        entered.set()
        await gate.wait()
        return 7

    service.answer = slow
    first = asyncio.create_task(commands.send(get(), "acme", timeout_s=10))
    await entered.wait()
    second = asyncio.create_task(commands.send(get(), "acme", timeout_s=10))
    await commands._link.nc.flush()
    gate.set()
    assert [reply.result for reply in await asyncio.gather(first, second)] == [msgspec.Raw(b"7")] * 2
    assert len(service.calls) == 1


async def test_a_lost_answer_is_asked_for_again_with_the_same_id(
    service: Answering, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, lost = Link.of(service.nc), list[str]()
    post = link.post

    def lossy(subject: str, *rest: Any, **more: Any) -> None:
        if not lost:
            lost.append(subject)
            return
        post(subject, *rest, **more)

    monkeypatch.setattr(link, "post", lossy)
    reply = await commands.send(get(), "acme", timeout_s=0.2, retries=5)
    assert reply.accepted
    assert len(lost) == 1
    assert len(service.calls) == 1, "it was done once"


@pytest.mark.parametrize(
    ("error", "reason", "field"),
    [
        (Refusal(Reason.UNKNOWN_AGENT, "no such agent", "agent_id"), Reason.UNKNOWN_AGENT, "agent_id"),
        (VersionConflict("acme", "agent", "7001", 3), Reason.CONFLICT, ""),
        (StoreUnavailable("away"), Reason.UNAVAILABLE, ""),
        (ZeroDivisionError("a fault of ours"), Reason.INTERNAL, ""),
    ],
)
async def test_a_refusal_says_why(service: Answering, commands: Commands, error: Exception, reason: Reason, field: str) -> None:
    async def refuse(_: GetAgent, __: str) -> None:
        raise error

    service.answer = refuse
    reply = await commands.send(get(), "acme")
    assert (reply.accepted, reply.reason, reply.field) == (False, reason, field)
    assert "ZeroDivision" not in reply.message


async def test_an_answer_that_a_repeat_could_better_is_not_remembered(service: Answering, commands: Commands) -> None:
    async def unavailable(_: GetAgent, __: str) -> None:
        raise StoreUnavailable("away")

    service.answer = unavailable
    assert (await commands.send(get(), "acme")).reason == Reason.UNAVAILABLE
    service.answer = service._view
    assert (await commands.send(get(), "acme")).accepted


async def test_a_reply_of_the_handlers_own_is_taken_as_it_is(service: Answering, commands: Commands) -> None:
    async def own(_: GetAgent, __: str) -> Reply:
        return Reply(accepted=False, reason=Reason.ILLEGAL_STATE, message="not now")

    service.answer = own
    assert (await commands.send(get(), "acme")).message == "not now"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"command_id": "x"}', "agent_id"),
        (b'{"command_id": "x", "agent_id": 7}', "agent_id"),
        (b'{"agent_id": "7001"}', "command_id"),
        (b"not json", ""),
        (b"\xff\xff", ""),
        (b"", ""),
    ],
)
async def test_a_malformed_command_is_refused_with_its_field(service: Answering, nc: Client, body: bytes, field: str) -> None:
    answer = await nc.request("cmd.agent-state.acme.get", body, timeout=5)
    reply = msgspec.json.decode(answer.data, type=Reply)
    assert (reply.accepted, reply.reason, reply.field) == (False, Reason.INVALID, field)
    assert service.calls == []


async def test_an_absent_receiver_is_unavailable(commands: Commands) -> None:
    reply = await commands.send(get(), "acme", timeout_s=0.05, retries=1)
    assert (reply.accepted, reply.reason) == (False, Reason.UNAVAILABLE)


async def test_a_receiver_that_comes_late_is_found(server: Server, commands: Commands) -> None:
    asked = asyncio.create_task(commands.send(get(), "acme", timeout_s=5))
    async with Answering(server):
        assert (await asked).accepted


async def test_a_standby_leaves_the_answer_to_the_active_one(server: Server, service: Answering, commands: Commands) -> None:
    service.handlers.active = lambda _: False
    async with Answering(server) as active:
        assert (await commands.send(get(), "acme")).accepted
        assert (len(service.calls), len(active.calls)) == (0, 1)


async def test_a_standby_that_takes_over_answers_what_was_asked_before(service: Answering, commands: Commands) -> None:
    active = [False]
    service.handlers.active = lambda _: active[0]
    asked = asyncio.create_task(commands.send(get(), "acme", timeout_s=10, retries=0))
    async with asyncio.timeout(5):
        while not service.handlers._parked:
            await asyncio.sleep(0.001)
    assert not service.calls
    active[0] = True
    service.handlers.take_over()
    assert (await asked).accepted
    assert len(service.calls) == 1


async def test_a_drain_finishes_what_is_under_way_and_refuses_the_rest(service: Answering, commands: Commands) -> None:
    gate, entered = asyncio.Event(), asyncio.Event()

    async def slow(_: GetAgent, __: str) -> None:
        entered.set()
        await gate.wait()

    service.answer = slow
    under_way = asyncio.create_task(commands.send(get("q1"), "acme", timeout_s=10))
    await entered.wait()
    drained = asyncio.create_task(service.handlers.drain(10))
    await asyncio.sleep(0)
    assert (await commands.send(get("q2"), "acme")).reason == Reason.DRAINING
    assert not drained.done()
    gate.set()
    assert (await under_way).accepted
    assert await drained


async def test_an_overload_is_a_clear_answer(service: Answering, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handlers, "LIMIT", 2)
    gate = asyncio.Event()

    async def slow(_: GetAgent, __: str) -> None:
        await gate.wait()

    service.answer = slow
    busy = [asyncio.create_task(commands.send(get(f"q{i}"), "acme", timeout_s=10)) for i in range(2)]
    while len(service.calls) < 2:
        await asyncio.sleep(0.005)
    assert (await commands.send(get("q9"), "acme")).reason == Reason.UNAVAILABLE
    gate.set()
    assert all(reply.accepted for reply in await asyncio.gather(*busy))


async def test_memory_of_answers_is_bounded(service: Answering, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handlers, "REMEMBERED", 10)
    for i in range(30):
        await commands.send(get(f"q{i}"), "acme")
    assert len(service.handlers._remembered) == 10
    assert not service.handlers._running


async def test_a_command_of_scope_any_is_done_by_one_instance_and_not_by_a_draining_one(
    server: Server, commands: Commands
) -> None:
    """Each gateway listens to its own name, and all together to `any` (a call that none of them holds yet)."""
    done: list[str] = []
    both: list[Answering] = []

    async def listen(name: str) -> Answering:
        answering = Answering(server)

        async def handle(_: GetAgent, scope: str) -> AgentView:
            done.append(f"{name}:{scope}")
            return VIEW

        answering.handlers.on(GetAgent, handle, name)
        answering.handlers.on(GetAgent, handle, ANY)
        await answering.start()
        both.append(answering)
        return answering

    first, _ = await listen("gw-1"), await listen("gw-2")
    try:
        for number in range(10):
            assert (await commands.send(get(f"q{number}"), ANY, retries=0)).accepted
        assert len(done) == 10, "one of them each time"
        assert (await commands.send(get("own"), "gw-1")).accepted
        assert done.pop() == "gw-1:gw-1"
        await first.handlers.drain(1)
        await Link.of(first.nc).flush()
        done.clear()
        for number in range(10):
            assert (await commands.send(get(f"r{number}"), ANY, retries=0)).accepted
        assert done == ["gw-2:any"] * 10
    finally:
        for answering in both:
            await answering.nc.close()
