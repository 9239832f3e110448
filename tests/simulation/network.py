"""A broker that delays, loses and doubles: appends and subscriptions around the event store in memory, and commands.

What a process has sent is out of its hands: it arrives also when the sender has been killed or frozen meanwhile. A message
arrives within LATE_S or never. The reservation's 3 s rest on that bound (docs/adr/0003): an offer that arrives later could meet
an agent who is reserved for another by then.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from functools import partial
from random import Random
from typing import Any

import msgspec

from callstream.contracts.commands import Command, Reply
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.command_handlers import PARKED, PARKED_S
from callstream.runtime.event_store import Append, Fold, OnBatch, StoreRefused, StoreUnavailable, VersionConflict
from callstream.runtime.memory_store import MemoryStore, MemorySubscription

from .virtual_loop import process, within

LATE_S = 1.2
LATE = (0.1, 0.1, 0.1, LATE_S)
GIVE_UP_S = 1.0
"""After an append whose acknowledgement was lost."""

Handler = Callable[[Any, str], Coroutine[Any, Any, Any]]


class Faults:
    """How bad the network is. `calm()` makes it merely slow."""

    def __init__(self, random: Random, rate: float) -> None:
        self.random, self.rate = random, rate

    def calm(self) -> None:
        self.rate = 0.0

    def strikes(self) -> bool:
        return self.random.random() < self.rate

    def delay(self) -> float:
        """Seconds: mostly a millisecond, sometimes a tenth of a second, seldom LATE_S."""
        return self.random.choice(LATE) if self.strikes() else 0.0002 + 0.0018 * self.random.random()


def outside() -> Context:
    """The context of no process: what runs in it is the network's."""
    return within("", copy_context)


class FaultyStore:
    """One process's way to the common log (EventStore)."""

    def __init__(self, log: MemoryStore, faults: Faults) -> None:
        self._log, self._faults = log, faults
        self._outside = outside()
        self.subscriptions: list[MemorySubscription] = []

    async def append(
        self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None
    ) -> int:
        return await self._append((Append(tenant, aggregate, aggregate_id, events, expected),))

    def append_many(self, appends: Sequence[Append]) -> "asyncio.Future[int]":
        return asyncio.ensure_future(self._append(appends))

    async def _append(self, appends: Sequence[Append]) -> int:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        if self._faults.strikes():
            loop.call_later(0.05, self._fail, answer, StoreUnavailable("the request was lost"), context=self._outside)
        else:
            loop.call_later(self._faults.delay(), self._arrive, appends, answer, context=self._outside)
            if self._faults.strikes():  # doubled on its way
                loop.call_later(self._faults.delay(), self._arrive, appends, loop.create_future(), context=self._outside)
        return await answer

    def _arrive(self, appends: Sequence[Append], answer: "asyncio.Future[int]") -> None:
        loop = asyncio.get_running_loop()
        try:
            seq = self._log.append_now(appends)
        except (VersionConflict, StoreRefused) as error:
            loop.call_later(self._faults.delay(), self._fail, answer, error)
            return
        if self._faults.strikes():
            loop.call_later(GIVE_UP_S, self._fail, answer, StoreUnavailable("the acknowledgement was lost"))
        else:
            loop.call_later(self._faults.delay(), self._succeed, answer, seq)

    @staticmethod
    def _succeed(answer: "asyncio.Future[int]", seq: int) -> None:
        if not answer.done():
            answer.set_result(seq)

    @staticmethod
    def _fail(answer: "asyncio.Future[int]", error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()  # nobody need look at it

    async def read(self, tenant: str, aggregate: str, aggregate_id: str) -> list[Recorded]:
        return await self._log.read(tenant, aggregate, aggregate_id)

    async def last_seq(self) -> int:
        return await self._log.last_seq()

    async def subscribe(
        self, filters: Sequence[str], after: int, on_batch: OnBatch, *, rest_s: float = 0.0
    ) -> MemorySubscription:
        async def late(batch: list[Recorded]) -> None:
            await asyncio.sleep(self._faults.delay())
            await on_batch(batch)

        subscription = await self._log.subscribe(filters, after, late)
        self.subscriptions.append(subscription)
        return subscription

    async def follow(self, filters: Sequence[str], after: int, fold: Fold) -> MemorySubscription:
        async def take(batch: list[Recorded]) -> None:
            fold(batch)

        return await self.subscribe(filters, after, take)

    def dead_letter(self, recorded: Recorded, error: BaseException) -> None:
        self._log.dead_letter(recorded, error)

    def cut(self) -> None:
        """The process is dead: nothing is delivered to it any more."""
        for subscription in self.subscriptions:
            self._log.forget(subscription)


class Commands:
    """The asking side (as callstream.runtime.commands) and the answering side of all processes."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._outside = outside()
        self._handlers: dict[tuple[str, str], dict[str, tuple[Handler, Callable[[str], bool]]]] = {}
        self._parked: dict[str, deque[tuple[float, Callable[[], Coroutine[Any, Any, None]]]]] = {}

    def on(self, kind: type[Command], handler: Handler, name: str, active: Callable[[str], bool]) -> None:
        """The process `name` hears commands of `kind`, and answers those of the scopes for which it is the active one."""
        self._handlers.setdefault((kind.SERVICE, kind.NAME), {})[name] = handler, active

    def forget(self, name: str) -> None:
        """A process is dead."""
        self._parked.pop(name, None)
        for hearers in self._handlers.values():
            hearers.pop(name, None)

    def take_over(self, name: str) -> None:
        """As callstream.runtime.command_handlers: a process that has become the active one handles what it has just heard."""
        loop = asyncio.get_running_loop()
        for heard_at, hear in self._parked.pop(name, ()):
            if heard_at >= loop.time() - PARKED_S:
                within(name, lambda hear=hear: loop.create_task(hear()))  # type: ignore[misc]

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        """Each try may be lost, late or doubled, and so may its answer; whether anybody is there is not known."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s * (retries + 1)
        while (left := deadline - loop.time()) > 0:
            answer: asyncio.Future[Reply] = loop.create_future()
            if not self._faults.strikes():
                loop.call_later(self._faults.delay(), self._arrive, command, scope, answer, context=self._outside)
                if self._faults.strikes():
                    loop.call_later(self._faults.delay(), self._arrive, command, scope, answer, context=self._outside)
            try:
                async with asyncio.timeout(min(timeout_s, left)):
                    return await answer
            except TimeoutError:
                continue
        return Reply(accepted=False, reason=Reason.UNAVAILABLE)

    def _arrive(self, command: Command, scope: str, answer: "asyncio.Future[Reply]") -> None:
        """At all processes that listen. One that dies meanwhile gives no answer."""
        loop = asyncio.get_running_loop()
        for name, (handler, active) in list(self._handlers.get((command.SERVICE, command.NAME), {}).items()):
            work = partial(self._hear, handler, active, command, scope, answer)
            within(name, lambda work=work: loop.create_task(work()))  # type: ignore[misc]

    async def _hear(
        self,
        handler: Handler,
        active: Callable[[str], bool],
        command: Command,
        scope: str,
        answer: "asyncio.Future[Reply]",
    ) -> None:
        loop = asyncio.get_running_loop()
        if not active(scope):
            parked = self._parked.setdefault(process.get(), deque(maxlen=PARKED))
            parked.append((loop.time(), partial(self._hear, handler, active, command, scope, answer)))
            return
        reply = await _carried_out(handler, command, scope)
        if not self._faults.strikes():
            loop.call_later(self._faults.delay(), _answered, answer, reply, context=self._outside)


async def _carried_out(handler: Handler, command: Command, scope: str) -> Reply:
    """As callstream.runtime.command_handlers does."""
    try:
        result = await handler(command, scope)
    except Refusal as refusal:
        return Reply(accepted=False, reason=refusal.reason, message=refusal.message, field=refusal.field)
    if isinstance(result, Reply):
        return result
    return Reply(accepted=True) if result is None else Reply(accepted=True, result=msgspec.Raw(msgspec.json.encode(result)))


def _answered(answer: "asyncio.Future[Reply]", reply: Reply) -> None:
    if not answer.done():
        answer.set_result(reply)
