"""Signalling's end of the socket to the media worker.

The connection may break at any time (worker restarted, signalling too slow): the client connects again by itself,
repeats commands that were not answered (they are idempotent) and gets unacknowledged events again. An event is
acknowledged soon after `on_event` has returned, so signalling killed in the middle of it sees the event again, under
the same event_id. What the worker says is dealt with in its order, as it is read.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Self

import msgspec

from callstream_media_gateway.media.orders import Answered, Orders
from callstream_media_gateway.media.port_reserve import PortReserve
from callstream_media_gateway.media.protocol import (
    LENGTH_BYTES,
    MAX_FRAME_BYTES,
    Ack,
    Done,
    EventMessage,
    FromWorker,
    LegCreated,
    Refusal,
    Replaced,
    Reply,
    Request,
    Snapshot,
    WorkerStats,
)
from callstream_media_gateway.media.worker_commands import AnyCommand, Connect, CreateLeg, Disconnect, Edge, Stats
from callstream_media_gateway.media.worker_events import AnyEvent

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Waits between attempts to connect; the last one repeats."""


ACK_EVERY = 100
"""Events, when they come faster than they are dealt with."""

ACK_WITHIN_S = 0.1
"""One acknowledgement for what was dealt with meanwhile: a call has half a dozen events, each would cost a system
call.
"""

POST_WITHIN_S = 3.0
"""How long `post` waits for an answer."""


class MediaRefusedError(Exception):
    """The worker said no; nothing was changed."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal
        self.detail = detail


class MediaUnavailableError(Exception):
    """No answer in time. The command may or may not take effect; repeating it is safe."""


class _Frames(asyncio.Protocol):
    """Cuts the worker's bytes into frames; `lost` gives why the connection is over, None when the worker closed it."""

    def __init__(self, take: Callable[[bytearray], None]) -> None:
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._take = take
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        buffer, at = self._buffer, 0
        buffer += data
        try:
            while len(buffer) - at >= LENGTH_BYTES:
                body = at + LENGTH_BYTES
                length = int.from_bytes(buffer[at:body], "big")
                if length > MAX_FRAME_BYTES:
                    raise msgspec.DecodeError(f"frame of {length} bytes")
                if len(buffer) < body + length:
                    break
                at = body + length
                self._take(buffer[body:at])
        except msgspec.MsgspecError as error:
            self.connection_lost(error)
        del buffer[:at]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(error)


class MediaClient:
    """One media worker, as signalling sees it.

    `on_event` is called with one event after the other; it may send commands itself. What it raises is logged, and the event
    counts as dealt with. `on_snapshot` is awaited on each (re)connection, and all that the worker says after its snapshot is
    kept for so long: it must not wait for an answer.
    """

    def __init__(
        self,
        path: str,
        on_event: Callable[[AnyEvent], None],
        on_snapshot: Callable[[Snapshot], Awaitable[None]] | None = None,
    ) -> None:
        self.snapshot: Snapshot | None = None
        self.replaced = asyncio.Event()
        self.before_acknowledging: Callable[[], None] = lambda: None
        """Called before the worker may forget an event: what must be safe by then. It must not raise."""
        self._path = path
        self._on_event = on_event
        self._on_snapshot = on_snapshot
        self._next_request = 0
        self._orders = Orders()
        self.ports = PortReserve(self.post)
        self._asked: set[asyncio.Future[Reply]] = set()
        self._unsent: list[bytes] = []
        self._ack_timer: asyncio.TimerHandle | None = None
        self._dealt_with = ""
        self._unacknowledged = 0
        self._last = ("", 0)
        self._greeting: asyncio.Task[None] | None = None
        self._kept: list[FromWorker] = []
        self._writer: asyncio.WriteTransport | None = None
        self._attached = asyncio.Event()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(FromWorker)
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        path: str,
        on_event: Callable[[AnyEvent], None],
        on_snapshot: Callable[[Snapshot], Awaitable[None]] | None = None,
        timeout_s: float = 10.0,
    ) -> Self:
        """Wait until the worker's snapshot is here. `MediaUnavailableError` when there is none within timeout_s."""
        client = cls(path, on_event, on_snapshot)
        client._keeper = asyncio.create_task(client._keep_connected())
        try:
            async with asyncio.timeout(timeout_s):
                await client._attached.wait()
        except TimeoutError:
            await client.close()
            raise MediaUnavailableError(f"no media worker at {path} within {timeout_s} s") from None
        return client

    async def close(self) -> None:
        """Leave; the worker goes on with its calls."""
        tasks = [task for task in (self._keeper, self._greeting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.flush()
        self._acknowledge()
        self._orders.close()
        self._drop_connection()
        for future in self._asked:
            future.cancel()

    @property
    def connected(self) -> bool:
        return self._writer is not None

    async def request(self, command: AnyCommand, timeout_s: float = 3.0) -> Reply:
        """Send any command. Raises `MediaRefusedError` or `MediaUnavailableError`."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def answered(reply: Reply | None) -> None:
            if reply is not None and not future.done():
                future.set_result(reply)

        self._asked.add(future)
        number = self._order(command, answered, math.inf)
        try:
            async with asyncio.timeout(timeout_s):
                reply = await future
        except TimeoutError:
            raise MediaUnavailableError(f"{type(command).__name__}: no answer within {timeout_s} s") from None
        finally:
            self._asked.discard(future)
            self._orders.withdraw(number)
        if reply.refusal is not None:
            raise MediaRefusedError(reply.refusal, reply.detail)
        return reply

    def post(self, command: AnyCommand, answered: Answered) -> None:
        """Send without waiting, at a fraction of what `request` costs: commands leave in the order of the calls."""
        self._order(command, answered, POST_WITHIN_S)

    def _order(self, command: AnyCommand, answered: Answered, within_s: float) -> int:
        self._next_request += 1
        frame = self._frame(Request(self._next_request, command))
        self._orders.add(self._next_request, frame, answered, within_s)
        self._send(frame)
        return self._next_request

    async def caught_up(self) -> None:
        """Wait until every event that the worker had kept by now has been dealt with. Raises as `request` does."""
        await self.request(Stats())

    async def create_leg(self, command: CreateLeg) -> int:
        """The local RTP port."""
        value = (await self.request(command)).value
        if not isinstance(value, LegCreated):
            raise MediaUnavailableError(f"create_leg {command.leg_id}: answer without a port")
        return value.rtp_port

    async def stats(self) -> WorkerStats:
        value = (await self.request(Stats())).value
        if not isinstance(value, WorkerStats):
            raise MediaUnavailableError("stats: answer without figures")
        return value

    async def bridge(self, leg_a: str, leg_b: str) -> None:
        """Each hears the other, from the same tick on."""
        await self.request(Connect((Edge(leg_a, leg_b), Edge(leg_b, leg_a))))

    async def unbridge(self, leg_a: str, leg_b: str) -> None:
        await self.request(Disconnect((Edge(leg_a, leg_b), Edge(leg_b, leg_a))))

    # --- the connection ---------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        attempt = 0
        loop = asyncio.get_running_loop()
        while not self.replaced.is_set():
            try:
                self._writer, frames = await loop.create_unix_connection(lambda: _Frames(self._read), self._path)
                attempt = 0
                self._writer.write(self._orders.frames())
                self.ports.ask()
                log.debug("media worker at %s: %s", self._path, await frames.lost)
            except OSError as error:
                log.debug("media worker at %s: %s", self._path, error)
            self._drop_connection()
            if not self.replaced.is_set():
                await asyncio.sleep(RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S) - 1)])
                attempt += 1

    def _send(self, frame: bytes) -> None:
        """With the others of this turn of the loop: each write wakes the worker. Without a connection the next one repeats it."""
        if self._writer is not None:
            if not self._unsent:
                asyncio.get_running_loop().call_soon(self.flush)
            self._unsent.append(frame)

    def flush(self) -> None:
        """Send now what was ordered in this turn of the loop."""
        if self._unsent and self._writer is not None:
            self._writer.write(b"".join(self._unsent))
        self._unsent.clear()

    def _drop_connection(self) -> None:
        self.ports.forget()
        self._unsent.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _read(self, frame: bytearray) -> None:
        self._next(self._decoder.decode(frame))

    def _next(self, message: FromWorker) -> None:
        if self._greeting is None:
            self._take(message)
        else:
            self._kept.append(message)

    def _take(self, message: FromWorker) -> None:
        match message:
            case EventMessage():
                self._event(message.event)
            case Done():
                self._orders.done(message.request_id)
            case Reply():
                self._orders.replied(message)
            case Replaced():
                log.warning("another client took over the media worker at %s", self._path)
                self.replaced.set()
                self._drop_connection()
            case Snapshot():
                self._greeting = asyncio.create_task(self._greeted(message))

    async def _greeted(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        if self._on_snapshot is not None:
            try:
                await self._on_snapshot(snapshot)
            except Exception:
                log.exception("not dealt with: %r", snapshot)
        self._attached.set()
        self._greeting = None
        kept, self._kept = self._kept, []
        for message in kept:
            self._next(message)

    def _event(self, event: AnyEvent) -> None:
        worker, _, sequence = event.event_id.rpartition("-")
        if worker != self._last[0] or int(sequence) > self._last[1]:  # else it came again, and was dealt with
            try:
                self._on_event(event)
            except Exception:
                log.exception("not dealt with: %r", event)
            self._last = worker, int(sequence)
        self._unacknowledged += 1
        self._dealt_with = event.event_id
        if self._unacknowledged >= ACK_EVERY:
            self._acknowledge()
        elif self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_WITHIN_S, self._acknowledge)

    def _acknowledge(self) -> None:
        self._unacknowledged = 0
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        event_id, self._dealt_with = self._dealt_with, ""
        if event_id and self._writer is not None:
            self.before_acknowledging()
            with contextlib.suppress(OSError):
                self._writer.write(self._frame(Ack(event_id)))

    def _frame(self, message: Request | Ack) -> bytes:
        body = self._encoder.encode(message)
        return len(body).to_bytes(LENGTH_BYTES, "big") + body
