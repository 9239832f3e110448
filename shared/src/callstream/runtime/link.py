"""One NATS connection with two short cuts that nats-py does not offer, for the paths that carry every event.

Listening without a task, a queue and a header dictionary per message (raw bytes to a plain function), and sending a message
whose header block is made already, all of one turn of the loop in one write. Messages of `send` keep their order among
themselves and stay behind subscriptions made before; between `send` and nats-py's own `publish` there is no order.

Both reach into nats-py (`_process_msg`, `_pending`, `_flush_queue`, `_transport` and its `_io_reader`, `_ps`,
`_reconnected_cb`): that is why its version is pinned below 3 and shared/tests/test_link.py holds them. Figures are in
docs/runtime.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from nats.aio.client import Client
from nats.errors import ConnectionClosedError

from callstream.runtime.frames import Frames, RawHandler

log = structlog.get_logger(__name__)


class NoAnswer(Exception):
    """A request got no answer in time, or nobody listens."""


class Link:
    """Take it with `Link.of(connection)`: there is one for each connection."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self._handlers: dict[int, RawHandler] = {}
        self._frames = Frames(self._handlers, self._deliver)
        self._on_reconnect: list[Callable[[], None]] = []
        self._waiting: dict[bytes, asyncio.Future[tuple[bytes, bytes | None]]] = {}
        self._inbox = ""
        self._inbox_ready: asyncio.Future[None] | None = None
        self._count = 0
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._private = private = cast(Any, nc)
        self._process_msg = nc._process_msg
        self._reconnected = private._reconnected_cb
        private._process_msg = self._receive
        private._reconnected_cb = self._after_reconnect
        self._hook()

    @classmethod
    def of(cls, nc: Client) -> "Link":
        """The connection's link, made at the first call."""
        link = getattr(nc, "callstream_link", None)
        if link is None:
            link = cls(nc)
            cast(Any, nc).callstream_link = link
        return cast("Link", link)

    @property
    def connected(self) -> bool:
        """Whether the broker is there, as far as is known."""
        return self.nc.is_connected

    def on_reconnect(self, action: Callable[[], None]) -> Callable[[], None]:
        """Call `action` after each reconnect; the result takes it back."""
        self._on_reconnect.append(action)
        return lambda: self._on_reconnect.remove(action) if action in self._on_reconnect else None

    async def listen(self, subject: str, handler: RawHandler, queue: str = "") -> Callable[[], Awaitable[None]]:
        """Hand each message of `subject` to `handler`; the result ends it. Of one `queue` group only one hears it."""
        subscription = await self.nc.subscribe(subject, queue)
        sid = subscription._id
        self._handlers[sid] = handler

        async def stop() -> None:
            self._handlers.pop(sid, None)
            if not self.nc.is_closed:
                await subscription.unsubscribe()

        return stop

    async def send(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Send one message; `headers` is a finished block (`NATS/1.0\\r\\n…\\r\\n\\r\\n`). Does not wait for the broker.

        While the connection is lost the message waits with nats-py's own and goes out after the reconnect.
        """
        nc = self.nc
        if nc.is_closed:
            raise ConnectionClosedError
        if headers:
            head = f"HPUB {subject} {reply} {len(headers)} {len(headers) + len(payload)}\r\n"
        else:
            head = f"PUB {subject} {reply} {len(payload)}\r\n"
        nc.stats["out_msgs"] += 1
        nc.stats["out_bytes"] += len(payload)
        if not self._out:
            self._loop.call_soon(self._write)
        self._out += (head.encode(), headers, payload, b"\r\n")

    def _write(self) -> None:
        """Everything sent in this turn of the loop, in one write; behind nats-py's own commands when some wait there."""
        block = b"".join(self._out)
        self._out.clear()
        nc = self._private
        if nc._pending or not nc.is_connected or nc._transport is None:
            nc._pending.append(block)
            nc._pending_data_size += len(block)
            if nc.is_connected and nc._flush_queue.empty():
                nc._flush_queue.put_nowait(self._loop.create_future())
        else:
            nc._transport.write(block)

    async def request(self, subject: str, payload: bytes, within_s: float, headers: bytes = b"") -> tuple[bytes, bytes | None]:
        """Send and await one answer: (payload, header block). Raises NoAnswer."""
        token, future = await self.expect()
        await self.send(subject, payload, self._inbox + token.decode(), headers)
        return await self.answer(token, future, within_s)

    async def expect(self) -> tuple[bytes, asyncio.Future[tuple[bytes, bytes | None]]]:
        """A place for one answer: its token (see `reply_to`) and its future. Every one must go through `answer`."""
        if self._inbox_ready is None:
            self._inbox_ready = asyncio.get_running_loop().create_future()
            self._inbox = self.nc.new_inbox() + "."
            await self.listen(self._inbox + "*", self._answered)
            self._inbox_ready.set_result(None)
        elif not self._inbox_ready.done():
            await self._inbox_ready
        self._count += 1
        token = b"%x" % self._count
        future: asyncio.Future[tuple[bytes, bytes | None]] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        return token, future

    def reply_to(self, token: bytes) -> str:
        """The reply subject of an expected answer."""
        return self._inbox + token.decode()

    async def answer(
        self, token: bytes, future: asyncio.Future[tuple[bytes, bytes | None]], within_s: float
    ) -> tuple[bytes, bytes | None]:
        """Await an expected answer for at most `within_s` seconds. Raises NoAnswer."""
        timer = asyncio.get_running_loop().call_later(within_s, give_up, future)
        try:
            payload, headers = await future
        finally:
            timer.cancel()
            self._waiting.pop(token, None)
        if headers is not None and not payload and headers.startswith(b"NATS/1.0 503"):
            raise NoAnswer("nobody listens")
        return payload, headers

    def _answered(self, subject: bytes, _reply: bytes, payload: bytes, headers: bytes | None) -> None:
        future = self._waiting.get(subject[subject.rindex(b".") + 1 :])
        if future is not None and not future.done():
            future.set_result((payload, headers))

    async def _receive(self, sid: int, subject: bytes, reply: bytes, payload: bytes, headers: Any) -> None:
        handler = self._handlers.get(sid)
        if handler is None:
            await self._process_msg(sid, subject, reply, payload, headers)
        else:
            self._deliver(handler, subject, reply, payload, headers)

    def _deliver(self, handler: RawHandler, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        stats = self.nc.stats
        stats["in_msgs"] += 1
        stats["in_bytes"] += len(payload)
        try:
            handler(subject, reply, payload, headers)
        except Exception:
            # nats-py would take it for a broken connection and drop the reading loop
            log.exception("message not handled", subject=subject.decode("utf-8", "replace"))

    def _hook(self) -> None:
        """Without a plain TCP transport (not connected yet, web socket) all goes nats-py's way."""
        reader = getattr(self._private._transport, "_io_reader", None)
        if reader is not None:
            self._frames.hook(reader, self._private._ps)

    async def _after_reconnect(self) -> None:
        self._hook()
        for action in list(self._on_reconnect):
            action()
        if self._reconnected is not None:
            await self._reconnected()


def give_up(future: asyncio.Future[Any]) -> None:
    """End a wait with NoAnswer unless it is over."""
    if not future.done():
        future.set_exception(NoAnswer("no answer in time"))
