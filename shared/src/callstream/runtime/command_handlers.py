"""Commands over NATS: the answering side.

Every command is answered: accepted, or refused with a reason and the field at fault. A command that is repeated, because
its answer was lost, gets the same answer from memory (bounded, so a repeat after many others or after a restart is handled
again: handlers must take "it is so already" for success). Answers that a repeat could better (unavailable, draining,
conflict, internal) are not remembered.

Handlers run beside each other, at most LIMIT at a time; more are refused with `unavailable`, so an overload is a clear
answer and not a growing queue. A standby does not answer: its active twin does. It keeps what it hears for
PARKED_S and handles that when it takes over, so who asked while nobody was there need not wait for a second try. What the
twin had still answered is then handled again, like any repetition.

Commands of scope `any` go to one instance only: they share a queue group, which a draining one leaves. Whoever sends one must
not repeat it, for the repetition may come to another instance.
"""

import asyncio
import re
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import structlog
from nats.aio.client import Client

from callstream.contracts.commands import Command, Reply
from callstream.contracts.subjects import ANY, commands_of
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime import metrics
from callstream.runtime.event_store import StoreUnavailable, VersionConflict
from callstream.runtime.frames import RawHandler
from callstream.runtime.link import Link
from callstream.runtime.telemetry import NoTracer, Span, Tracer

LIMIT = 512
REMEMBERED = 4096
PARKED_S = 1.3
"""Who sent a command waits hardly longer for its answer."""
PARKED = 1024
PASSING = frozenset({Reason.UNAVAILABLE, Reason.DRAINING, Reason.CONFLICT, Reason.INTERNAL})

C = TypeVar("C", bound=Command)
Handler = Callable[[C, str], Awaitable[Any]]
"""(command, scope) → the result: None, a Reply, or anything that msgspec encodes. Raise kernel.errors.Refusal to refuse."""

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode

_FIELD = re.compile(r"at `\$\.?([^`]+)`|field `([^`]+)`")


class CommandHandlers:
    """Takes handlers by `on`, and answers from `start` on."""

    def __init__(self, *, tracer: Tracer | None = None) -> None:
        self.active: Callable[[str], bool] = lambda _: True
        """Whether this instance answers commands of a scope; a standby stays silent."""
        self.draining = False
        self._link: Link
        self._tracer = tracer or NoTracer()
        self._wanted: list[tuple[str, str, RawHandler]] = []
        self._remembered: OrderedDict[str, Reply] = OrderedDict()
        self._running: dict[str, asyncio.Future[Reply]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._parked: deque[tuple[float, str, Callable[[], None]]] = deque(maxlen=PARKED)
        self._leave: list[Callable[[], Awaitable[None]]] = []

    def on(self, kind: type[C], handler: Handler[C], scope: str = "*") -> None:
        """Answer commands of `kind` with `handler`. `scope` narrows them, for example to this gateway instance, or to `any`."""
        decoder = msgspec.json.Decoder(kind)

        def take(subject: bytes, reply_to: bytes, body: bytes, _: bytes | None) -> None:
            meant_for = subject.split(b".")[2].decode()

            def start() -> None:
                self._start(self._answer(reply_to.decode(), body, meant_for, kind, decoder, handler))

            if self.active(meant_for):
                start()
            else:
                self._park(meant_for, start)

        self._wanted.append((commands_of(kind.SERVICE, kind.NAME, scope), ANY if scope == ANY else "", take))

    async def start(self, nc: Client) -> None:
        """Listen."""
        self._link = Link.of(nc)
        for subject, queue, take in self._wanted:
            leave = await self._link.listen(subject, take, queue)
            if queue:
                self._leave.append(leave)
        await self._link.flush()

    def _start(self, answer: Coroutine[Any, Any, None]) -> None:
        task = self._link.loop.create_task(answer)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def take_over(self) -> None:
        """Handle what was heard a moment ago for scopes that this instance is the active one of now."""
        self._drop_stale()
        parked, self._parked = self._parked, deque(maxlen=PARKED)
        for entry in parked:
            if self.active(entry[1]):
                entry[2]()
            else:
                self._parked.append(entry)

    def _park(self, scope: str, start: Callable[[], None]) -> None:
        self._drop_stale()
        self._parked.append((time.monotonic(), scope, start))

    def _drop_stale(self) -> None:
        while self._parked and self._parked[0][0] < time.monotonic() - PARKED_S:
            self._parked.popleft()

    async def drain(self, within_s: float) -> bool:
        """Refuse new commands and wait for those under way; False when some were still running at the end."""
        self.draining = True
        for leave in self._leave:
            await leave()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within_s)
        return not self._tasks

    async def _answer(
        self, reply_to: str, body: bytes, scope: str, kind: type[C], decoder: msgspec.json.Decoder[C], handler: Handler[C]
    ) -> None:
        began = time.perf_counter()
        try:
            reply = await self._reply(body, scope, decoder, handler)
        except Exception:
            log.exception("command failed", command=kind.NAME)
            reply = _FAILED
        metrics.commands.add(kind.NAME, _answer_of(reply), time.perf_counter() - began)
        if reply_to and self._link.connected:
            self._link.post(reply_to, _encode(reply))

    async def _reply(self, body: bytes, scope: str, decoder: msgspec.json.Decoder[C], handler: Handler[C]) -> Reply:
        try:
            command = decoder.decode(body)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            found = _FIELD.search(str(error))
            return Reply(accepted=False, reason=Reason.INVALID, message=str(error), field=(found[1] or found[2]) if found else "")
        known = self._remembered.get(command.command_id)
        if known is None and command.command_id in self._running:
            known = await asyncio.shield(self._running[command.command_id])
        if known is not None:
            metrics.commands_repeated.labels(command.NAME).inc()
            return known
        if self.draining:
            return Reply(accepted=False, reason=Reason.DRAINING, message="the service is going down")
        if len(self._running) >= LIMIT:
            return Reply(accepted=False, reason=Reason.UNAVAILABLE, message="too many commands are under way")
        future = self._running[command.command_id] = asyncio.get_running_loop().create_future()
        start = datetime.now(UTC) if self._tracer.enabled else None
        reply = _FAILED
        try:
            reply = await _run(command, scope, handler)
        finally:
            del self._running[command.command_id]
            future.set_result(reply)
        if reply.accepted or reply.reason not in PASSING:
            self._remembered[command.command_id] = reply
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        if start is not None and (call_id := getattr(command, "call_id", "")):
            self._tracer.record(
                Span(
                    name=f"{command.SERVICE}.{command.NAME}",
                    call_id=call_id,
                    id=command.command_id,
                    parent="",
                    start=start,
                    end=datetime.now(UTC),
                    attributes={"callstream.answer": _answer_of(reply)},
                )
            )
        return reply


async def _run(command: C, scope: str, handler: Handler[C]) -> Reply:
    try:
        result = await handler(command, scope)
    except Refusal as refusal:
        return Reply(accepted=False, reason=refusal.reason, message=refusal.message, field=refusal.field)
    except VersionConflict as conflict:
        return Reply(accepted=False, reason=Reason.CONFLICT, message=str(conflict))
    except StoreUnavailable as error:
        return Reply(accepted=False, reason=Reason.UNAVAILABLE, message=str(error))
    if isinstance(result, Reply):
        return result
    return _DONE if result is None else Reply(accepted=True, result=msgspec.Raw(_encode(result)))


def _answer_of(reply: Reply) -> str:
    return "accepted" if reply.accepted else str(reply.reason)


_DONE = Reply(accepted=True)
_FAILED = Reply(accepted=False, reason=Reason.INTERNAL, message="the command failed; the log says why")
