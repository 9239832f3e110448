"""The event store on JetStream.

What was measured and decides the shape (server 2.15): the expected version must name the whole aggregate's subjects, else
it guards only the message's own; the version is checked before the duplicate, so a repeat after a lost acknowledgement
looks like a conflict and must be told apart by the id of the event that stands after the expected version; one duplicate
id rejects a whole atomic batch (10201); a batch is stored without gaps. With one replica the broker stages each batch in
files of its own (some 10 ms, 3 ms of its CPU) and bears 50 at a time, so at most BATCHES are under way: several events at
once are for what must not be torn apart, not for speed.

A broker that is away: appends wait and repeat until the deadline, then raise StoreUnavailable; subscriptions resume by
themselves. Reads are direct gets: with replicas they may come from a follower that lags, which an append's expected
version forgives.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callstream.contracts.envelope import NewEvent, Recorded, UnreadableEvent, encode_body
from callstream.contracts.subjects import EVENTS_STREAM, aggregate_subjects, chosen_by, event_subject
from callstream.runtime import metrics
from callstream.runtime.append_messages import Message, batch_messages, only_message
from callstream.runtime.dead_letters import DeadLetters
from callstream.runtime.direct_get import get_behind
from callstream.runtime.event_store import Append, Fold, OnBatch, StoreRefused, StoreUnavailable, Subscription, VersionConflict
from callstream.runtime.link import Answer, Link, NoAnswer, OnAnswer, end_with
from callstream.runtime.pull_reader import PullReader, RawMessage
from callstream.runtime.telemetry import NoTracer, Span, Tracer
from callstream.runtime.wire import parse_headers, read_event

TRY_S = 1.0
DEADLINE_S = 5.0
PAUSE_S = 0.05
BATCHES = 8
READ_BATCH = 256

WRONG_LAST_SEQUENCE = (10071, 10164)
DUPLICATE_IN_BATCH = 10201
INCOMPLETE_BATCH = 10176
NOT_READY = (503,)

log = structlog.get_logger(__name__)


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


class _State(msgspec.Struct):
    last_seq: int = 0


class _StreamInfo(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)
    error: _Error | None = None


_ack = msgspec.json.Decoder(_Ack)
_info = msgspec.json.Decoder(_StreamInfo)


class JetStreamStore:
    """EventStore on the stream EVENTS of one connection. `service` is the events' source and names the dead letters."""

    def __init__(
        self,
        nc: Client,
        service: str,
        *,
        tracer: Tracer | None = None,
        try_s: float = TRY_S,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._link = Link.of(nc)
        self._service = service
        self._tracer = tracer or NoTracer()
        self._try_s, self._deadline_s = try_s, deadline_s
        self._batches = asyncio.Semaphore(BATCHES)
        self._dead_letters = DeadLetters(self._link, service, try_s)
        self._background: set[asyncio.Task[int]] = set()
        self._batch_ids = map(str, itertools.count(1))
        self._batch_prefix = nc._nuid.next().decode()

    # append

    def append(
        self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None
    ) -> asyncio.Future[int]:
        return self.append_many((Append(tenant, aggregate, aggregate_id, events, expected),))

    def append_many(self, appends: Sequence[Append]) -> asyncio.Future[int]:
        """One event is sent at once, and only what its acknowledgement does not settle takes a task: every event of every call
        goes this way.
        """
        stored: asyncio.Future[int] = self._link.loop.create_future()
        try:
            if not appends:
                raise StoreRefused("an append without events")
            for append in appends:
                append.check()
            deadline = time.monotonic() + self._deadline_s
            if len(appends) > 1 or len(appends[0].events) > 1:
                return asyncio.create_task(self._store_batch(appends, deadline))
            self._publish(appends, self._try_s, partial(self._answered, appends, deadline, stored))
        except StoreRefused as error:
            stored.set_exception(error)
        return stored

    def _answered(
        self, appends: Sequence[Append], deadline: float, stored: asyncio.Future[int], answer: Answer | Exception
    ) -> None:
        if stored.done():  # nobody waits any more
            return
        if not isinstance(answer, Exception) and (ack := _ack.decode(answer[0])).error is None:
            if self._tracer.enabled:
                self._trace(appends)
            stored.set_result(ack.seq)
            return
        task = asyncio.create_task(self._store(appends, deadline, answer))
        self._background.add(task)
        task.add_done_callback(partial(self._hand_on, stored))
        stored.add_done_callback(partial(_give_up_with, task))

    def _hand_on(self, stored: asyncio.Future[int], task: asyncio.Task[int]) -> None:
        self._background.discard(task)
        if task.cancelled():
            stored.cancel()
        elif (error := task.exception()) is None:
            if not stored.done():
                stored.set_result(task.result())
        elif not stored.done():
            stored.set_exception(error)

    async def _store_batch(self, appends: Sequence[Append], deadline: float) -> int:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._batches.acquire()
        except TimeoutError:
            raise StoreUnavailable(f"{BATCHES} batches before this one took {self._deadline_s} s") from None
        try:
            return await self._store(appends, deadline)
        finally:
            self._batches.release()

    async def _store(self, appends: Sequence[Append], deadline: float, first: Answer | Exception | None = None) -> int:
        """`first`: what became of a first try."""
        while True:
            answer, first = first or await self._try(appends, deadline), None
            if isinstance(answer, Exception):
                await self._pause(deadline, answer)
                continue
            ack = _ack.decode(answer[0])
            if ack.error is None:
                if self._tracer.enabled:
                    self._trace(appends)
                return ack.seq
            if ack.error.err_code in WRONG_LAST_SEQUENCE or ack.error.err_code == DUPLICATE_IN_BATCH:
                seq = await self._stored(appends, deadline)
                if seq is not None:
                    return seq
                if ack.error.err_code == DUPLICATE_IN_BATCH:
                    raise StoreRefused(f"some of these event ids are in the log, others are not: {ack.error.description}")
                metrics.append_conflicts.inc()
                raise self._conflict(appends)
            if ack.error.err_code != INCOMPLETE_BATCH and ack.error.code not in NOT_READY:
                raise StoreRefused(f"{ack.error.err_code}: {ack.error.description}")
            await self._pause(deadline, ack.error)

    async def _try(self, appends: Sequence[Append], deadline: float) -> Answer | Exception:
        """One try. Raises StoreRefused."""
        answered: asyncio.Future[Answer] = self._link.loop.create_future()
        self._publish(appends, min(self._try_s, max(0.01, deadline - time.monotonic())), partial(end_with, answered))
        try:
            return await answered
        except (NoAnswer, NatsError, OSError) as error:
            return error

    def _publish(self, appends: Sequence[Append], within_s: float, on_answer: OnAnswer) -> None:
        """Send all and expect one answer. Raises StoreRefused."""
        link = self._link
        if not link.connected:
            on_answer(NoAnswer("no connection to the broker"))
            return
        if len(appends) == 1 and len(appends[0].events) == 1:
            last = self._fitting(only_message(appends[0], self._service))
        else:
            batch_id = self._batch_prefix + next(self._batch_ids)
            *first, last = map(self._fitting, batch_messages(appends, self._service, batch_id))
            for message in first:
                link.post(message.subject, message.payload, "", message.headers)
        link.ask(last.subject, last.payload, within_s, last.headers, on_answer)

    def _fitting(self, message: Message) -> Message:
        """The message, if the broker takes one as long. Raises StoreRefused."""
        limit = self._link.nc.max_payload
        if len(message.payload) + len(message.headers) > limit:
            raise StoreRefused(f"{message.subject} is larger than the broker's limit of {limit} bytes")
        return message

    def _trace(self, appends: Sequence[Append]) -> None:
        """Each event is a span of its call's trace, below the event or command that brought it about."""
        end = datetime.now(UTC)
        for append in appends:
            for new in append.events:
                if new.correlation_id:
                    self._tracer.record(
                        Span(
                            name=new.event.TYPE,
                            call_id=new.correlation_id,
                            id=new.id,
                            parent=new.causation_id,
                            start=min(new.time, end),
                            end=end,
                        )
                    )

    async def _pause(self, deadline: float, why: object) -> None:
        metrics.append_retries.inc()
        if time.monotonic() + PAUSE_S >= deadline:
            raise StoreUnavailable(f"the event log did not answer within {self._deadline_s} s: {why}")
        await asyncio.sleep(PAUSE_S)

    async def _stored(self, appends: Sequence[Append], deadline: float) -> int | None:
        """The last sequence of these very events if they are in the log already, else None."""
        last = 0
        for append in appends:
            wanted = append.events[-1].id
            after = append.expected or 0
            subjects = aggregate_subjects(append.tenant, append.aggregate, append.aggregate_id)
            while True:
                found = await self._get(subjects, after, len(append.events), deadline)
                hit = next((m.seq for m in found if parse_headers(m.headers).get("ce-id") == wanted), None)
                if hit is not None:
                    last = max(last, hit)
                    break
                if append.expected is not None or not found:
                    return None
                after = found[-1].seq
        return last

    @staticmethod
    def _conflict(appends: Sequence[Append]) -> VersionConflict:
        named = next((a for a in appends if a.expected is not None), appends[0])
        return VersionConflict(named.tenant, named.aggregate, named.aggregate_id, named.expected or 0)

    # read

    async def read(self, tenant: str, aggregate: str, aggregate_id: str) -> list[Recorded]:
        deadline = time.monotonic() + self._deadline_s
        subjects = aggregate_subjects(tenant, aggregate, aggregate_id)
        recorded: list[Recorded] = []
        after = 0
        while found := await self._get(subjects, after, READ_BATCH, deadline):
            recorded += self._decode(found)
            after = found[-1].seq
            if len(found) < READ_BATCH:
                break
        return recorded

    async def last_seq(self) -> int:
        deadline = time.monotonic() + self._deadline_s
        while True:
            try:
                payload, _ = await self._link.request(f"$JS.API.STREAM.INFO.{EVENTS_STREAM}", b"", self._try_s)
                info = _info.decode(payload)
                if info.error is None:
                    return info.state.last_seq
                await self._pause(deadline, info.error.description)
            except (NoAnswer, NatsError, OSError) as error:
                await self._pause(deadline, error)

    async def _get(self, subjects: str, after: int, count: int, deadline: float) -> list[RawMessage]:
        """Up to `count` messages behind `after`, by one batched direct get; repeated until the deadline."""
        while True:
            try:
                return await get_behind(self._link, EVENTS_STREAM, subjects, after, count, self._try_s)
            except (NoAnswer, NatsError, OSError) as error:
                await self._pause(deadline, error)

    # follow

    async def subscribe(self, filters: Sequence[str], after: int, on_batch: OnBatch, *, rest_s: float = 0.0) -> Subscription:
        async def decode(messages: list[RawMessage]) -> None:
            batch = self._decode(messages)
            if batch:
                await on_batch(batch)

        reader = PullReader(self._link, EVENTS_STREAM, after, decode, wanted=chosen_by(filters), rest_s=rest_s)
        await reader.start()
        return reader

    async def follow(self, filters: Sequence[str], after: int, fold: Fold) -> Subscription:
        def take(messages: list[RawMessage]) -> None:
            batch = self._decode(messages)
            if batch:
                fold(batch)

        reader = PullReader(self._link, EVENTS_STREAM, after, take=take, wanted=chosen_by(filters))
        await reader.start()
        return reader

    def _decode(self, messages: Sequence[RawMessage]) -> list[Recorded]:
        batch = []
        for message in messages:
            try:
                batch.append(read_event(message.subject, message.seq, message.payload, message.headers))
            except UnreadableEvent as error:
                self._dead_letters.bury(message.subject, message.seq, message.payload, parse_headers(message.headers), error)
        return batch

    def dead_letter(self, recorded: Recorded, error: BaseException) -> None:
        fact = recorded.event
        subject = event_subject(recorded.tenant, recorded.aggregate, recorded.aggregate_id, fact.NAME)
        self._dead_letters.bury(subject, recorded.seq, encode_body(fact), {"ce-id": recorded.id, "ce-type": fact.TYPE}, error)


def _give_up_with(task: asyncio.Task[int], stored: asyncio.Future[int]) -> None:
    """Who waits for an append no longer does not want it either: it is not tried again."""
    if stored.cancelled():
        task.cancel()
