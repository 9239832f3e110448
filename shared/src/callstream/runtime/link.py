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
from nats.errors import Error as NatsError

from callstream.runtime.frames import Frames, RawHandler

log = structlog.get_logger(__name__)


Answer = tuple[bytes, bytes | None]
"""(payload, header block or None)"""
_NOBODY = (None, 0.0)


class NoAnswer(Exception):
    """A request got no answer in time, or nobody listens."""


class Link:
    """Take it with `Link.of(connection)`: there is one for each connection."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self._handlers: dict[int, RawHandler] = {}
        self._frames = Frames(self._handlers, self._deliver)
        self._on_reconnect: list[Callable[[], None]] = []
        self._waiting: dict[bytes, tuple[asyncio.Future[Answer], float]] = {}
        """Requests without an answer: who waits, and until when by the loop's clock."""
        self._late: asyncio.TimerHandle | None = None
        """One timer for them all: the time of most answers never comes."""
        self._inbox = ""
        self._opening: asyncio.Task[None] | None = None
        self._unsent: list[tuple[bytes, str, bytes, bytes]] = []
        self._count = 0
        self._out: list[bytes] = []
        self.before_writing: Callable[[], None] = lambda: None
        """Called before what was sent leaves: what must be safe before anybody hears of it. It must not raise."""
        self.loop = asyncio.get_running_loop()
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
        self.post(subject, payload, reply, headers)

    def post(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """As `send`, where nothing can be awaited. Raises ConnectionClosedError."""
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
            self.loop.call_soon(self._write)
        self._out += (head.encode(), headers, payload, b"\r\n")

    def _write(self) -> None:
        """Everything sent in this turn of the loop, in one write; behind nats-py's own commands when some wait there."""
        self.before_writing()
        block = b"".join(self._out)
        self._out.clear()
        nc = self._private
        if nc._pending or not nc.is_connected or nc._transport is None:
            nc._pending.append(block)
            nc._pending_data_size += len(block)
            if nc.is_connected and nc._flush_queue.empty():
                nc._flush_queue.put_nowait(self.loop.create_future())
        else:
            nc._transport.write(block)

    async def request(self, subject: str, payload: bytes, within_s: float, headers: bytes = b"") -> Answer:
        """Send and await one answer: (payload, header block). Raises NoAnswer."""
        return await self.ask(subject, payload, within_s, headers)

    def ask(self, subject: str, payload: bytes, within_s: float, headers: bytes = b"") -> asyncio.Future[Answer]:
        """Send in this turn; the future ends with the answer, or NoAnswer after `within_s` seconds."""
        self._count += 1
        token, future = b"%x" % self._count, self.loop.create_future()
        until = self.loop.time() + within_s
        self._waiting[token] = future, until
        if self._late is None or until < self._late.when():
            self._look_at(until)
        if self._inbox:
            self._ask(token, subject, payload, headers)
        else:
            self._unsent.append((token, subject, payload, headers))
            self._opening = self._opening or self.loop.create_task(self._open_inbox())
        return future

    async def _open_inbox(self) -> None:
        inbox = self.nc.new_inbox() + "."
        try:
            await self.listen(inbox + "*", self._answered)
            self._inbox = inbox
        except (NatsError, OSError):
            self._opening = None  # the next request tries again; these get no answer
        unsent, self._unsent = self._unsent, []
        if self._inbox:
            for message in unsent:
                self._ask(*message)

    def _ask(self, token: bytes, subject: str, payload: bytes, headers: bytes) -> None:
        try:
            self.post(subject, payload, self._inbox + token.decode(), headers)
        except ConnectionClosedError as error:
            future, _ = self._waiting.pop(token)
            future.set_exception(error)

    def _look_at(self, moment: float) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_at(moment, self._give_up_late)

    def _give_up_late(self) -> None:
        self._late, now = None, self.loop.time()
        for token in [token for token, (_, until) in self._waiting.items() if until <= now]:
            give_up(self._waiting.pop(token)[0])
        if self._waiting:
            self._look_at(min(until for _, until in self._waiting.values()))

    def _answered(self, subject: bytes, _reply: bytes, payload: bytes, headers: bytes | None) -> None:
        future, _ = self._waiting.pop(subject[subject.rindex(b".") + 1 :], _NOBODY)
        if future is None or future.done():
            return
        if headers is not None and not payload and headers.startswith(b"NATS/1.0 503"):
            future.set_exception(NoAnswer("nobody listens"))
        else:
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
