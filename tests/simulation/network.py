"""A broker that delays, loses and doubles, around the event store in memory; and commands over it."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from callstream.contracts.commands import Command, Reply
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.event_store import Append, OnBatch, StoreUnavailable
from callstream.runtime.memory_store import MemoryStore, MemorySubscription

from .virtual_loop import process


class Faults:
    """How bad the network is. `calm()` makes it merely slow."""

    def __init__(self, random: Random, rate: float) -> None:
        self.random, self.rate = random, rate

    def calm(self) -> None:
        self.rate = 0.0

    def strikes(self) -> bool:
        return self.random.random() < self.rate

    async def delay(self) -> None:
        """Mostly a millisecond, sometimes a tenth of a second, seldom two seconds."""
        if self.strikes():
            await asyncio.sleep(self.random.choice((0.1, 0.1, 0.1, 2.0)))
        else:
            await asyncio.sleep(self.random.uniform(0.0002, 0.002))


class FaultyStore:
    """One process's way to the common log (EventStore)."""

    def __init__(self, log: MemoryStore, faults: Faults) -> None:
        self._log, self._faults = log, faults
        self.subscriptions: list[MemorySubscription] = []

    async def append(
        self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None
    ) -> int:
        return await self.append_many((Append(tenant, aggregate, aggregate_id, events, expected),))

    async def append_many(self, appends: Sequence[Append]) -> int:
        await self._faults.delay()
        if self._faults.strikes():
            raise StoreUnavailable("the request was lost")
        seq = await self._log.append_many(appends)
        if self._faults.strikes():
            await asyncio.sleep(1)
            raise StoreUnavailable("the acknowledgement was lost")
        await self._faults.delay()
        return seq

    async def read(self, tenant: str, aggregate: str, aggregate_id: str) -> list[Recorded]:
        return await self._log.read(tenant, aggregate, aggregate_id)

    async def last_seq(self) -> int:
        return await self._log.last_seq()

    async def subscribe(self, filters: Sequence[str], after: int, on_batch: OnBatch) -> MemorySubscription:
        async def late(batch: list[Recorded]) -> None:
            await self._faults.delay()
            await on_batch(batch)

        subscription = await self._log.subscribe(filters, after, late)
        self.subscriptions.append(subscription)
        return subscription

    async def dead_letter(self, recorded: Recorded, error: BaseException) -> None:
        await self._log.dead_letter(recorded, error)

    def cut(self) -> None:
        """The process is dead: nothing is delivered to it any more."""
        for subscription in self.subscriptions:
            self._log.forget(subscription)


class Commands:
    """The asking side (as callstream.runtime.commands) and the answering side of all processes."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._handlers: dict[tuple[str, str], tuple[str, Callable[[Any, str], Any]]] = {}

    def on(self, kind: type[Command], handler: Callable[[Any, str], Any]) -> None:
        """The process that calls this answers commands of `kind`."""
        self._handlers[kind.SERVICE, kind.NAME] = (process.get(), handler)

    def forget(self, name: str) -> None:
        """A process is dead."""
        self._handlers = {key: entry for key, entry in self._handlers.items() if entry[0] != name}

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        """Each try may be lost, late or doubled, and so may its answer; no receiver is waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s * (retries + 1)
        while (left := deadline - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(timeout_s, left)):
                    reply = await self._once(command, scope)
                    if reply is not None:
                        return reply
            except TimeoutError:
                continue
            await asyncio.sleep(0.05)
        return Reply(accepted=False, reason=Reason.UNAVAILABLE)

    async def _once(self, command: Command, scope: str) -> Reply | None:
        await self._faults.delay()
        entry = self._handlers.get((command.SERVICE, command.NAME))
        if entry is None:
            return None
        if self._faults.strikes():
            await asyncio.sleep(60)
        if self._faults.strikes():
            self._handle(entry, command, scope)
        reply = await self._handle(entry, command, scope)
        if self._faults.strikes():
            await asyncio.sleep(60)
        await self._faults.delay()
        return reply

    def _handle(self, entry: tuple[str, Callable[[Any, str], Any]], command: Command, scope: str) -> "asyncio.Future[Reply]":
        """In the receiver's process, which may die meanwhile: then no answer comes."""
        name, handler = entry
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            try:
                await handler(command, scope)
                reply = Reply(accepted=True)
            except Refusal as refusal:
                reply = Reply(accepted=False, reason=refusal.reason, message=refusal.message, field=refusal.field)
            if not answer.done():
                answer.set_result(reply)

        token = process.set(name)
        asyncio.create_task(work())  # noqa: RUF006  (the loop keeps it by its process)
        process.reset(token)
        return answer
