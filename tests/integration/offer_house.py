"""routing and agent-state as real processes on a real broker; the test plays callers, ivr, gateway and the agents' phones."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from nats.aio.client import Client

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.commands import AgentView, Command, GetAgent, ListAgents, ListWaiting, Reply, SetState, SignIn
from callstream.contracts.config import Agent, Document, Settings, SkillGroup
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState, LegRole
from callstream.contracts.subjects import ALL_EVENTS, CONFIG_BUCKET
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.commands import Commands
from callstream.runtime.config_watch import publication
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.streams import declare
from callstream_local.embedded.nats import EmbeddedNats

TENANT = "acme"
MODULES = {"routing": "callstream_routing.main", "agent-state": "callstream_agent_state.main"}
WITHIN_S = 15.0

E = TypeVar("E", bound=Event)


class House:
    """Use `open_house`."""

    def __init__(self, server: EmbeddedNats, nc: Client) -> None:
        self.server, self.nc = server, nc
        self.tenant = TENANT
        """Whom everything is done for."""
        self.store = JetStreamStore(nc, "test")
        self.commands = Commands(nc)
        self.clock = SystemClock()
        self.log: list[Recorded] = []
        self.arrived = asyncio.Condition()
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._count = 0

    # processes

    async def start(self, service: str, instance: str = "", copy: str = "0/1") -> None:
        """Start a service's process and wait until commands are answered."""
        name = instance or service
        self.processes[name] = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULES[service],
            env={
                "PATH": os.environ["PATH"],
                "CALLSTREAM_NATS_URL": self.server.address,
                "CALLSTREAM_NATS_USER": service,
                "CALLSTREAM_NATS_PASSWORD": self.server.password(service),
                "CALLSTREAM_INSTANCE": name,
                "CALLSTREAM_COPY": copy,
                "CALLSTREAM_LOG_LEVEL": "warning",
            },
        )
        asked: Command = ListWaiting(command_id=self.id()) if service == "routing" else ListAgents(command_id=self.id())
        reply = await self.commands.send(asked, self.tenant, timeout_s=0.5, retries=40)
        assert reply.accepted, reply

    async def kill(self, name: str) -> None:
        """kill -9"""
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    async def stop(self, name: str) -> int:
        """SIGTERM; the exit status."""
        process = self.processes.pop(name)
        process.terminate()
        return await process.wait()

    # what others do

    def id(self) -> str:
        self._count += 1
        return f"t{os.getpid()}-{self._count}"

    async def publish(self, *documents: Document) -> None:
        """As console does."""
        bucket = await self.nc.jetstream().key_value(CONFIG_BUCKET)
        for document in documents:
            key, value = publication(self.tenant, document, 1)
            await bucket.put(key, value)

    async def ask(self, command: Command) -> Reply:
        return await self.commands.send(command, self.tenant, retries=15)

    async def sign_in(self, *agent_ids: str) -> None:
        for agent_id in agent_ids:
            reply = await self.ask(SignIn(command_id=self.id(), agent_id=agent_id, actor=agent_id))
            assert reply.accepted, reply

    async def choose(self, agent_id: str, state: str, reason: str = "") -> Reply:
        asked = SetState(command_id=self.id(), agent_id=agent_id, actor=agent_id, state=AgentState(state), reason=reason)
        return await self.ask(asked)

    async def view(self, agent_id: str) -> AgentView:
        reply = await self.ask(GetAgent(command_id=self.id(), agent_id=agent_id))
        return msgspec.json.decode(reply.result, type=AgentView)

    async def tell(self, fact: Event, of: str, call_id: str) -> None:
        """Append an event as its owner would."""
        new = NewEvent(
            id=self.id(), tenant=self.tenant, aggregate_id=of, time=self.clock.now(), event=fact, correlation_id=call_id
        )
        await self.store.append(fact.AGGREGATE, of, self.tenant, (new,), None)

    async def request(self, name: str, group: str = "sales", priority: int = 0) -> None:
        """Caller `name` (call c-name) asks for an agent (request `name`)."""
        fact = AgentRequested(
            request_id=name,
            call_id=f"c-{name}",
            group_id=group,
            caller="+8613800000000",
            called="+861012345678",
            gateway="gw",
            customer_leg_id=f"leg-{name}",
            handled=0,
            priority=priority,
        )
        await self.tell(fact, f"c-{name}", f"c-{name}")

    async def answer(self, offer: queue.OfferMade, request_id: str) -> None:
        fact = call.OfferAnswered(
            offer_id=offer.offer_id, request_id=request_id, agent_id=offer.agent_id, leg_id=f"leg-{offer.offer_id}"
        )
        await self.tell(fact, offer.call_id, offer.call_id)

    async def hang_up(self, name: str, offer: queue.OfferMade | None = None) -> None:
        """The caller leaves; with an answered offer, its agent's leg ends too."""
        call_id = f"c-{name}"
        if offer is not None:
            leg = call.LegEnded(
                leg_id=f"leg-{offer.offer_id}",
                role=LegRole.AGENT,
                reason=Reason.CALLER_HUNG_UP,
                agent_id=offer.agent_id,
                offer_id=offer.offer_id,
            )
            await self.tell(leg, call_id, call_id)
        await self.tell(call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER), call_id, call_id)

    # what is to be seen

    async def until(self, condition: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
        """Wait until the log makes `condition` true; what it gave."""
        async with asyncio.timeout(within_s), self.arrived:
            return await self.arrived.wait_for(condition)

    def of(self, kind: type[E], aggregate_id: str = "") -> list[E]:
        """Events of a kind, of one aggregate or all."""
        return [
            recorded.event
            for recorded in self.log
            if isinstance(recorded.event, kind) and aggregate_id in ("", recorded.aggregate_id)
        ]

    def story(self, request_id: str) -> list[str]:
        """A request's own events."""
        return [_told(r.event) for r in self.log if r.aggregate == "queue" and r.aggregate_id == request_id]

    def states(self, agent_id: str) -> list[str]:
        """An agent's states."""
        return [change.state.value for change in self.of(AgentStateChanged, agent_id)]

    async def offer(self, request_id: str, number: int = 1) -> queue.OfferMade:
        """The request's n-th offer, when it has come."""
        await self.until(lambda: len(self.of(queue.OfferMade, request_id)) >= number)
        return self.of(queue.OfferMade, request_id)[number - 1]

    async def _take(self, batch: list[Recorded]) -> None:
        async with self.arrived:
            self.log += batch
            self.arrived.notify_all()


def _told(fact: Event) -> str:
    if isinstance(fact, queue.OfferWithdrawn):
        return f"{fact.NAME} {fact.reason}"
    return f"{fact.NAME} {fact.outcome} {fact.reason}" if isinstance(fact, queue.ContactLeft) else fact.NAME


def group_of(*agent_ids: str, group: str = "sales") -> list[Document]:
    """Documents of a group and its agents."""
    agents = [
        Agent(id=agent_id, name=agent_id, email=f"{agent_id}@example.org", groups=(group,), sip_user=agent_id)
        for agent_id in agent_ids
    ]
    return [SkillGroup(id=group, name=group), *agents]


@asynccontextmanager
async def open_house(
    server: EmbeddedNats, agents: tuple[str, ...], settings: Settings, *services: str | None
) -> AsyncIterator[House]:
    """A declared, configured broker with the services running (all, those named, or with None: none); all ends with the block."""
    nc = await server.connect()
    await declare(nc)
    house = House(server, nc)
    await house.publish(settings, *group_of(*agents))
    subscription = await house.store.subscribe([ALL_EVENTS], 0, house._take)
    try:
        for service in services or tuple(MODULES):
            if service is not None:
                await house.start(service)
        yield house
    finally:
        for name in list(house.processes):
            await house.kill(name)
        await subscription.stop()
        await nc.close()
