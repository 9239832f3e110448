"""Reads a JetStream stream from any position, once and in order, for as long as it lasts: the ground of event subscriptions
and of bucket watches.

An ephemeral pull consumer without acknowledgements is asked for messages by raw MSG.NEXT requests, whose answers come to a
callback (nats-py's fetch() costs four times the CPU). What is read is kept here, by the position, so the consumer is worth
nothing: whenever it may be lost (broker restart, deletion, a gap in its numbering, silence) a new one is made at the last
message seen + 1. Nothing is doubled or left out by that, whatever was under way.

At most ROOM messages are asked for ahead of the reader: a slow reader slows the broker down, not the process's memory.

A reader that may be late by a little (`rest_s`) asks for one message, and when that has come for all that stand behind it;
then it rests. So what comes meanwhile leaves the broker in one write instead of one each, and wakes nobody.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from nats.errors import Error as NatsError

from callstream.runtime import metrics
from callstream.runtime.link import Link, NoAnswer
from callstream.runtime.tasks import Bell, end
from callstream.runtime.wire import parse_headers, status

BATCH = 500
ROOM = 2 * BATCH
HEARTBEAT_S = 1.0
SILENCE_S = 3.0
EXPIRES_S = 60.0
SWEEP_EXPIRES_S = 1.0
"""What was counted as waiting may be gone when it is asked for."""
CREATE_TIMEOUT_S = 2.0
CREATE_PAUSE_S = 0.05
INACTIVE_S = 30.0
RETRY_PAUSE_S = 0.25
LONGEST_RETRY_PAUSE_S = 2.0

log = structlog.get_logger(__name__)


class RawMessage(msgspec.Struct, frozen=True):
    """A stored message as it came."""

    seq: int
    subject: str
    payload: bytes
    headers: bytes | None


class _Failure(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Created(msgspec.Struct):
    error: _Failure | None = None
    num_pending: int = 0


_created = msgspec.json.Decoder(_Created)

OnMessages = Callable[[list[RawMessage]], Awaitable[None]]
TakeMessages = Callable[[list[RawMessage]], None]
Wanted = Callable[[bytes], bool]
"""Whether a message of this subject is to be handed over."""


class PullReader:
    """`await start()`, then `on_messages` gets what has arrived, at most BATCH at a time, until `stop()`."""

    def __init__(
        self,
        link: Link,
        stream: str,
        after: int,
        on_messages: OnMessages | None = None,
        *,
        take: TakeMessages | None = None,
        only: str = "",
        wanted: Wanted | None = None,
        last_per_subject: bool = False,
        rest_s: float = 0.0,
    ) -> None:
        """Either `on_messages`, which is awaited, or `take`, a plain function that is called within the read: no task, no turn of
        the loop. `only`: a subject that the broker chooses by; `wanted` chooses here: to count what waits behind several filters
        the broker looks at every subject of the stream, and nobody can append meanwhile (0.2 s for 450,000 of them).
        `last_per_subject`: begin with the newest message of each subject instead of a position (buckets). `rest_s`: the pause
        after each batch that is not full.
        """
        self.position = after
        self.caught_up = asyncio.Event()
        self.restarts = 0
        self._link, self._stream, self._only, self._wanted = link, stream, only, wanted
        self._on_messages, self._take = on_messages, take
        self._last_per_subject = last_per_subject
        self._rest_s = rest_s
        self._swept = False
        self._taking = False
        """`_take_over` is about to be called."""
        self._buffer: list[RawMessage] = []
        self._seen = after
        self._consumer_seq = 0
        self._received = self._delivered = 0
        self._goal: int | None = None
        """Messages to deliver until all is handed over that the stream held at the start; None once that is told."""
        self._asked = 0
        self._epoch = 0
        self._requests = 0
        self._heard = 0.0
        self._ahead = 0
        self._name = ""
        self._former = ""
        self._name_bytes = b""
        self._epoch_inbox = b""
        self._arrived = Bell()
        self._lost = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._unlisten: Callable[[], Awaitable[None]] | None = None
        self._forget_reconnect: Callable[[], None] = lambda: None
        self._inbox = ""

    @property
    def pending(self) -> int:
        """Messages known to wait behind the position."""
        return self._ahead + self._received - self._delivered

    async def start(self) -> None:
        """Begin. Returns at once; the consumer is made, and made again, in the background."""
        self._inbox = self._link.nc.new_inbox()
        self._unlisten = await self._link.listen(self._inbox + ".>", self._receive)
        self._forget_reconnect = self._link.on_reconnect(self._lost.set)
        self._lost.set()
        self._tasks = [asyncio.create_task(self._supervise())]
        if self._on_messages is not None:
            self._tasks.append(asyncio.create_task(self._hand_over(self._on_messages)))

    async def stop(self) -> None:
        """Finish the batch in hand and end. The consumer is deleted if the broker is there, else it expires by itself."""
        self._stopping = True
        self._arrived.ring()
        supervisor, *delivery = self._tasks
        await end(supervisor)
        await asyncio.gather(*delivery, return_exceptions=True)
        self._forget_reconnect()
        if self._unlisten is not None:
            await self._unlisten()
        if self._name and self._link.connected:
            self._link.post(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"", self._inbox + ".gone")

    # the consumer

    async def _supervise(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._lost.wait()
            except TimeoutError:
                if self._asked and self._link.connected and time.monotonic() - self._heard > SILENCE_S:
                    log.info("consumer silent", stream=self._stream, position=self._seen)
                    self._lost.set()
                continue
            if not self._link.connected:
                await asyncio.sleep(CREATE_PAUSE_S)
                continue
            self._lost.clear()
            try:
                await self._create()
            except (NoAnswer, NatsError, OSError) as error:
                log.debug("consumer not made", stream=self._stream, error=str(error))
                self._lost.set()
                await asyncio.sleep(CREATE_PAUSE_S)

    async def _create(self) -> None:
        old, self._name = self._name or self._former, ""  # from here on, what the old one still sends is not taken
        self._arrived.ring()
        self._former = name = self._link.nc._nuid.next().decode()
        self._epoch += 1
        self._consumer_seq, self._asked = 0, 0
        config: dict[str, Any] = {
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": int(INACTIVE_S * 1e9),
            "mem_storage": True,
            "num_replicas": 1,
            "max_waiting": 16,
        }
        if self._last_per_subject and self._seen == 0:
            config["deliver_policy"] = "last_per_subject"
        else:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._seen + 1}
        if self._only:
            config["filter_subject"] = self._only
        body = msgspec.json.encode({"stream_name": self._stream, "config": config, "action": "create"})
        payload, _ = await self._link.request(f"$JS.API.CONSUMER.CREATE.{self._stream}.{name}", body, CREATE_TIMEOUT_S)
        answer = _created.decode(payload)
        if answer.error is not None:
            raise NoAnswer(f"{answer.error.err_code}: {answer.error.description}")
        self._name, self._name_bytes = name, name.encode()
        self._epoch_inbox = f"{self._inbox}.{self._epoch}.".encode()
        if old:
            self.restarts += 1
            log.info("consumer made anew", stream=self._stream, position=self._seen)
        self._ahead = answer.num_pending
        self._goal = self._received + answer.num_pending
        self._tell_if_caught_up()
        self._heard = time.monotonic()
        self._arrived.ring()
        self._ask()

    def _ask(self) -> None:
        """Keep up to ROOM messages asked for or waiting here; a reader that rests asks for one, or for all that wait."""
        if not self._rest_s:
            while not self._lost.is_set() and self._asked + len(self._buffer) <= ROOM - BATCH:
                self._request(BATCH, EXPIRES_S)
        elif not self._asked and not self._buffer:
            self._swept = False
            self._request(1, EXPIRES_S)
        elif self._is_gathering and not self._asked:
            self._swept = True
            self._request(min(self._ahead, BATCH - len(self._buffer)), SWEEP_EXPIRES_S)

    @property
    def _is_gathering(self) -> bool:
        """Whether more belongs to the batch in hand of a reader that rests: all that stood behind its first message."""
        if not self._name:
            return False
        return self._asked > 0 or (not self._swept and self._ahead > 0 and len(self._buffer) < BATCH)

    def _request(self, count: int, expires_s: float) -> None:
        self._asked += count
        self._requests += 1
        heartbeat_s = min(HEARTBEAT_S, expires_s / 2)
        body = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}' % (count, int(expires_s * 1e9), int(heartbeat_s * 1e9))
        reply = f"{self._inbox}.{self._epoch}.{self._requests}"
        self._link.post(f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}", body, reply)

    # messages

    def _receive(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        """In the reading loop: note what came, quickly.

        `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time>.<pending>`, with a domain three more tokens.
        """
        parts = reply.split(b".")
        if parts[0] != b"$JS":
            self._control(subject, payload, headers)
            return
        at = 5 if len(parts) == 9 else 7
        if not self._name or parts[at - 2] != self._name_bytes:
            return
        consumer_seq = int(parts[at + 1])
        self._heard = time.monotonic()
        if consumer_seq != self._consumer_seq + 1:
            self._lost.set()
            return
        self._consumer_seq = consumer_seq
        self._asked -= 1
        self._seen = int(parts[at])
        self._ahead = int(parts[at + 3])
        self._received += 1
        if self._wanted is not None and not self._wanted(subject):
            self._delivered += 1
            if self._goal is not None:
                self._tell_if_caught_up()
            if self._asked + len(self._buffer) > ROOM - BATCH:
                return
        else:
            self._buffer.append(RawMessage(self._seen, subject.decode("utf-8", "replace"), payload, headers))
        if self._take is None:
            self._arrived.ring()
        elif not self._taking:
            self._taking = True
            self._link.at_read_end(self._take_over)

    def _control(self, subject: bytes, payload: bytes, headers: bytes | None) -> None:
        """A status of a pull request: heartbeat, end of the request, or the end of the consumer."""
        if not self._name or not subject.startswith(self._epoch_inbox):
            return
        self._heard = time.monotonic()
        code = status(headers)
        if code == 100 or (code == 0 and payload):
            return
        unused = parse_headers(headers).get("Nats-Pending-Messages", "")
        if code in (404, 408) and unused.isdigit():
            self._asked -= int(unused)
            if self._take is None:
                self._arrived.ring()
            else:
                self._ask_on()
            return
        log.info("pull request ended", stream=self._stream, status=(headers or b"")[8:60].split(b"\r")[0].decode())
        self._lost.set()

    def _take_over(self) -> None:
        """Hand over what a read has brought; what is not taken comes again after a pause, with what has come meanwhile."""
        if self._take is None or self._stopping:
            return
        while self._buffer:
            batch = self._next_batch()
            try:
                self._take(batch)
            except Exception:
                metrics.batches_refused.inc()
                log.exception("batch not taken", stream=self._stream, first=batch[0].seq, last=batch[-1].seq)
                self._buffer = batch + self._buffer
                self._link.loop.call_later(RETRY_PAUSE_S, self._take_over)
                return
            self._handed_over(batch)
        self._taking = False
        self._ask_on()

    async def _hand_over(self, on_messages: OnMessages) -> None:
        while not self._stopping:
            if not self._buffer or (self._rest_s and self._is_gathering):
                await self._arrived.wait()
            if self._buffer and not (self._rest_s and self._is_gathering) and not self._stopping:
                batch = self._next_batch()
                await self._deliver(on_messages, batch)
                self._handed_over(batch)
                if self._rest_s and len(batch) < BATCH:
                    await asyncio.sleep(self._rest_s)
            self._ask_on()

    def _next_batch(self) -> list[RawMessage]:
        if len(self._buffer) <= BATCH:
            batch, self._buffer = self._buffer, []
        else:
            batch, self._buffer = self._buffer[:BATCH], self._buffer[BATCH:]
        return batch

    def _handed_over(self, batch: list[RawMessage]) -> None:
        self.position = batch[-1].seq
        self._delivered += len(batch)
        if self._goal is not None:
            self._tell_if_caught_up()

    def _ask_on(self) -> None:
        """Ask for more when there is room for it."""
        if self._asked + len(self._buffer) <= ROOM - BATCH and self._name and self._link.connected:
            self._ask()

    async def _deliver(self, on_messages: OnMessages, batch: list[RawMessage]) -> None:
        """Hand a batch over, again and again until it is taken: a projection whose database is away must lose nothing."""
        pause = RETRY_PAUSE_S
        while True:
            try:
                await on_messages(batch)
            except Exception:
                metrics.batches_refused.inc()
                log.exception("batch not taken", stream=self._stream, first=batch[0].seq, last=batch[-1].seq)
                if self._stopping:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_RETRY_PAUSE_S)
            else:
                return

    def _tell_if_caught_up(self) -> None:
        if self._goal is not None and self._delivered >= self._goal:
            self._goal = None
            self.caught_up.set()
