"""The event store in memory: for domain tests and simulations, with the same promises as the real one.

Subscribers get their batches from a task each, as they do from a broker; bodies go through the wire format, so that what
cannot be encoded or read fails here too.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from callstream.contracts.envelope import NewEvent, Recorded, UnreadableEvent, encode_body
from callstream.contracts.subjects import aggregate_subjects, event_subject, matches
from callstream.runtime.event_store import Append, Fold, OnBatch, StoreRefused, StoreUnavailable, VersionConflict
from callstream.runtime.pull_reader import BATCH, RETRY_PAUSE_S
from callstream.runtime.wire import header_block, read_event

log = structlog.get_logger(__name__)

Key = tuple[str, str, str]


class Stored(NamedTuple):
    """One message of the log."""

    seq: int
    subject: str
    payload: bytes
    headers: bytes


class MemoryStore:
    """EventStore in memory."""

    def __init__(self, service: str = "test") -> None:
        self.messages: list[Stored] = []
        self.dead_letters: list[tuple[str, int, str]] = []
        """(subject, sequence, error)"""
        self.available = True
        """False makes every call raise StoreUnavailable, as when the broker is away."""
        self._service = service
        self._ids: dict[str, int] = {}
        self._decoded: dict[int, Recorded] = {}
        self._last: defaultdict[Key, int] = defaultdict(int)
        self._tokens: list[tuple[str, ...]] = []
        """The subject of each message, taken apart once for all who filter."""
        self._subscriptions: list[MemorySubscription] = []

    async def append(
        self, aggregate: str, aggregate_id: str, tenant: str, events: Sequence[NewEvent], expected: int | None
    ) -> int:
        return await self._append_soon((Append(tenant, aggregate, aggregate_id, events, expected),))

    def append_many(self, appends: Sequence[Append]) -> asyncio.Future[int]:
        return asyncio.ensure_future(self._append_soon(appends))

    async def _append_soon(self, appends: Sequence[Append]) -> int:
        await asyncio.sleep(0)
        return self.append_now(appends)

    def append_now(self, appends: Sequence[Append]) -> int:
        """`append_many` at once: for a simulation that has its own idea of how long an append takes."""
        if not appends:
            raise StoreRefused("an append without events")
        for append in appends:
            append.check()
        self._check_available()
        ids = [new.id for append in appends for new in append.events]
        known = [self._ids[event_id] for event_id in ids if event_id in self._ids]
        if len(known) == len(ids):
            return max(known)
        for append in appends:
            key = (append.tenant, append.aggregate, append.aggregate_id)
            if append.expected is not None and self._last[key] != append.expected:
                raise VersionConflict(*key, append.expected)
        if known:
            raise StoreRefused("some of these event ids are in the log, others are not")
        encoded = [(append, new, encode_body(new.event)) for append in appends for new in append.events]
        for append, new, body in encoded:
            fact = new.event
            subject = event_subject(append.tenant, append.aggregate, append.aggregate_id, fact.NAME)
            self._ids[new.id] = self.inject(subject, body, header_block(new, fact.TYPE, self._service))
        return len(self.messages)

    def inject(self, subject: str, payload: bytes, headers: bytes) -> int:
        """Put a raw message into the log, as a foreign publisher could; its sequence."""
        seq = len(self.messages) + 1
        self.messages.append(Stored(seq, subject, payload, headers))
        parts = tuple(subject.split("."))
        self._tokens.append(parts)
        if len(parts) == 5:
            self._last[parts[1], parts[2], parts[3]] = seq
        for subscription in self._subscriptions:
            subscription.arrived.set()
        return seq

    async def read(self, tenant: str, aggregate: str, aggregate_id: str) -> list[Recorded]:
        self._check_available()
        prefix = aggregate_subjects(tenant, aggregate, aggregate_id).removesuffix(">")
        return self.decode([message for message in self.messages if message.subject.startswith(prefix)])

    async def last_seq(self) -> int:
        self._check_available()
        return len(self.messages)

    async def subscribe(
        self, filters: Sequence[str], after: int, on_batch: OnBatch, *, rest_s: float = 0.0
    ) -> "MemorySubscription":
        subscription = MemorySubscription(self, filters, after, on_batch, rest_s)
        self._subscriptions.append(subscription)
        return subscription

    async def follow(self, filters: Sequence[str], after: int, fold: Fold) -> "MemorySubscription":
        async def take(batch: list[Recorded]) -> None:
            fold(batch)

        return await self.subscribe(filters, after, take)

    def dead_letter(self, recorded: Recorded, error: BaseException) -> None:
        subject = event_subject(recorded.tenant, recorded.aggregate, recorded.aggregate_id, recorded.event.NAME)
        self.dead_letters.append((subject, recorded.seq, str(error)))

    def decode(self, messages: Sequence[Stored]) -> list[Recorded]:
        """The readable ones, each read once for all; the others become dead letters."""
        batch = []
        for message in messages:
            recorded = self._decoded.get(message.seq)
            if recorded is None:
                try:
                    recorded = read_event(message.subject, message.seq, message.payload, message.headers)
                except UnreadableEvent as error:
                    self.dead_letters.append((message.subject, message.seq, str(error)))
                    continue
                self._decoded[message.seq] = recorded
            batch.append(recorded)
        return batch

    def tokens(self, message: Stored) -> tuple[str, ...]:
        """The subject of a message of this log, taken apart."""
        return self._tokens[message.seq - 1]

    def forget(self, subscription: "MemorySubscription") -> None:
        """A subscription has ended."""
        self._subscriptions = [other for other in self._subscriptions if other is not subscription]

    def _check_available(self) -> None:
        if not self.available:
            raise StoreUnavailable("the event log is away")


class MemorySubscription:
    """A reader of the list with a task of its own."""

    def __init__(self, store: MemoryStore, filters: Sequence[str], after: int, on_batch: OnBatch, rest_s: float) -> None:
        self.position = after
        self.caught_up = asyncio.Event()
        self.arrived = asyncio.Event()
        self.arrived.set()
        self._store, self._on_batch, self._rest_s = store, on_batch, rest_s
        self._filters = [tuple(pattern.split(".")) for pattern in filters]
        self._goal = len(store.messages)
        self._read = after
        self._stopping = False
        self._task = asyncio.create_task(self._run())

    @property
    def pending(self) -> int:
        """Messages behind the position, those of other filters included."""
        return len(self._store.messages) - self._read

    async def stop(self) -> None:
        self._stopping = True
        self.arrived.set()
        self._store.forget(self)
        await self._task

    async def _run(self) -> None:
        while not self._stopping:
            await self.arrived.wait()
            self.arrived.clear()
            while not self._stopping and (block := self._store.messages[self._read : self._read + BATCH]):
                wanted = [message for message in block if self._wants(self._store.tokens(message))]
                batch = self._store.decode(wanted)
                if batch and not await self._deliver(batch):
                    return
                self._read = block[-1].seq
                if wanted:
                    self.position = wanted[-1].seq
                if self._read >= self._goal:
                    self.caught_up.set()
                await asyncio.sleep(self._rest_s if batch and len(block) < BATCH else 0)
            if self._read >= self._goal:
                self.caught_up.set()

    def _wants(self, tokens: tuple[str, ...]) -> bool:
        return any(matches(pattern, tokens) for pattern in self._filters)

    async def _deliver(self, batch: list[Recorded]) -> bool:
        while True:
            try:
                await self._on_batch(batch)
            except Exception:
                log.exception("batch not taken", first=batch[0].seq, last=batch[-1].seq)
                if self._stopping:
                    return False
                await asyncio.sleep(RETRY_PAUSE_S)
            else:
                return True
