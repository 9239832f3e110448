"""Copies of routing and agent-state as bare processes on a broker of their own; the measurement plays everybody else.

Not a Stack: that one starts again at once what was killed, and here the other copy is to take over.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from nats.aio.client import Client

from callstream.contracts import call_events as call
from callstream.contracts.commands import Command, Reply
from callstream.contracts.config import Document
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.queue_events import OfferMade
from callstream.contracts.states import LegRole
from callstream.contracts.subjects import ALL_EVENTS, CONFIG_BUCKET
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.commands import Commands
from callstream.runtime.config_watch import publication
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.streams import declare
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.config import passed_on
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.health import is_ready
from callstream_local.ports import free_port

TENANT = "bench"
MODULES = {"routing": "callstream_routing.main", "agent-state": "callstream_agent_state.main"}
WITHIN_S = 30.0
POLL_S = 0.02
AT_ONCE = 256

T = TypeVar("T")


class Copies:
    """`async with Copies(folder, documents) as copies`; `start`, `ready`, `kill` by service and copy."""

    def __init__(self, folder: Path, documents: Iterable[Document], count: int = 2) -> None:
        self.count = count
        self.log: list[tuple[float, Recorded]] = []
        """Every event with the moment it came (monotonic)."""
        self._server = EmbeddedNats(folder, durability="fast")
        self._documents = list(documents)
        self._processes: dict[tuple[str, int], asyncio.subprocess.Process] = {}
        self._ports: dict[tuple[str, int], int] = {}
        self._clock = SystemClock()
        self._arrived = asyncio.Condition()
        self._ids = 0

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        self._nc: Client = await self._server.connect()
        await declare(self._nc)
        bucket = await self._nc.jetstream().key_value(CONFIG_BUCKET)
        await in_turns(self._documents, lambda document: bucket.put(*publication(TENANT, document, 1)))
        self.store = JetStreamStore(self._nc, "bench")
        self.commands = Commands(self._nc)
        self._subscription = await self.store.subscribe([ALL_EVENTS], 0, self._take)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for service, copy in list(self._processes):
            await self.kill(service, copy)
        await self._subscription.stop()
        await self._nc.close()
        await self._server.__aexit__(kind, error, trace)

    # processes

    async def start(self, service: str, copy: int = 0) -> None:
        """Start one copy; `ready` waits for it."""
        port = self._ports.setdefault((service, copy), free_port())
        self._processes[service, copy] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", MODULES[service]),
            stdout=asyncio.subprocess.DEVNULL,
            env={
                **passed_on(),
                "CALLSTREAM_NATS_URL": self._server.address,
                "CALLSTREAM_NATS_USER": service,
                "CALLSTREAM_NATS_PASSWORD": self._server.password(service),
                "CALLSTREAM_INSTANCE": f"{service}-{copy}",
                "CALLSTREAM_COPY": f"{copy}/{self.count}",
                "CALLSTREAM_HTTP_PORT": str(port),
                "CALLSTREAM_LOG_LEVEL": "warning",
            },
        )

    async def ready(self, service: str, copy: int = 0) -> None:
        """Return when /readyz says so. Raises CannotMeasure."""
        end = time.monotonic() + WITHIN_S
        while not await is_ready("127.0.0.1", self._ports[service, copy]):
            if time.monotonic() > end:
                raise CannotMeasure(f"{service}-{copy} does not get ready")
            await asyncio.sleep(POLL_S)

    async def kill(self, service: str, copy: int = 0) -> float:
        """kill -9; the moment."""
        process = self._processes.pop((service, copy))
        process.kill()
        at = time.monotonic()
        await process.wait()
        return at

    async def leave(self, service: str, copy: int = 0) -> None:
        """SIGTERM, and wait for the end."""
        process = self._processes.pop((service, copy))
        process.terminate()
        await process.wait()

    # the others

    def id(self) -> str:
        self._ids += 1
        return f"bench-{self._ids}"

    async def ask(self, command: Command) -> Reply:
        """Raises CannotMeasure when it is refused."""
        reply = await self.commands.send(command, TENANT, retries=20)
        if not reply.accepted:
            raise CannotMeasure(f"{command.NAME}: {reply.reason} {reply.message}")
        return reply

    async def tell(self, of: str, fact: Event, call_id: str = "") -> None:
        """Append an event as its owner would."""
        new = NewEvent(id=self.id(), tenant=TENANT, aggregate_id=of, time=self._clock.now(), event=fact, correlation_id=call_id)
        await self.store.append(fact.AGGREGATE, of, TENANT, (new,), None)

    async def request(self, name: str, group: str) -> None:
        """Call `name` asks for an agent, with a request of the same name."""
        fact = AgentRequested(
            request_id=name, call_id=name, group_id=group, caller="", called="+861012345678", gateway="bench",
            customer_leg_id=f"leg-{name}", handled=0,
        )  # fmt: skip
        await self.tell(name, fact, name)

    async def answer(self, offer: OfferMade) -> None:
        """The agent picks up."""
        name = offer.call_id
        leg = f"leg-{offer.offer_id}"
        await self.tell(
            name, call.OfferAnswered(offer_id=offer.offer_id, request_id=name, agent_id=offer.agent_id, leg_id=leg), name
        )

    async def hang_up(self, offer: OfferMade) -> None:
        """The customer hangs up."""
        name = offer.call_id
        ended = call.LegEnded(
            leg_id=f"leg-{offer.offer_id}", role=LegRole.AGENT, reason=Reason.CALLER_HUNG_UP, agent_id=offer.agent_id,
            offer_id=offer.offer_id,
        )  # fmt: skip
        await self.tell(name, ended, name)
        await self.tell(name, call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER), name)

    async def seen(self, wanted: Callable[[Recorded], bool], what: str) -> tuple[float, Recorded]:
        """The first event that is wanted, and when it came. Raises CannotMeasure."""
        looked = 0
        try:
            async with asyncio.timeout(WITHIN_S), self._arrived:
                while True:
                    for entry in self.log[looked:]:
                        if wanted(entry[1]):
                            return entry
                    looked = len(self.log)
                    await self._arrived.wait()
        except TimeoutError:
            raise CannotMeasure(f"{what} did not happen within {WITHIN_S:.0f} s") from None

    async def _take(self, batch: list[Recorded]) -> None:
        now = time.monotonic()
        async with self._arrived:
            self.log += [(now, recorded) for recorded in batch]
            self._arrived.notify_all()


async def in_turns(items: Sequence[T], work: Callable[[T], Any]) -> None:
    """All of them, AT_ONCE at a time."""
    for begin in range(0, len(items), AT_ONCE):
        await asyncio.gather(*map(work, items[begin : begin + AT_ONCE]))
