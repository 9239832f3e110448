"""One NATS connection with two short cuts that nats-py does not offer, for the paths that carry every event.

Listening without a task, a queue and a header dictionary per message (raw bytes to a plain function), and sending a message
whose header block is made already, all of one turn of the loop in one write. Messages of `post` keep their order among
themselves and stay behind subscriptions made before; between `post` and nats-py's own `publish` there is no order, and only
what goes nats-py's way is counted in its `stats`.

Both reach into nats-py (`_process_msg`, `_pending`, `_flush_queue`, `_transport` and its `_io_reader`, `_ps`,
`_reconnected_cb`): that is why its version is pinned below 3 and shared/tests/test_link.py holds them. Figures are in
docs/runtime.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import structlog
from nats.aio.client import Client
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

from callstream.runtime.frames import Frames, RawHandler, deliver

log = structlog.get_logger(__name__)


Answer = tuple[bytes, bytes | None]
"""(payload, header block or None)"""
OnAnswer = Callable[[Answer | Exception], None]
"""Gets the answer, or why there is none: NoAnswer, ConnectionClosedError. Runs inside the reading loop: it must be quick."""
_NOBODY = (None, 0.0)


class NoAnswer(Exception):
    """A request got no answer in time, or nobody listens."""


class Link:
    """Take it with `Link.of(connection)`: there is one for each connection."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self._handlers: dict[bytes, RawHandler] = {}
        """By subscription id, as the wire spells it."""
        self._frames = Frames(self._handlers)
        self._reading = False
        self._at_end: list[Callable[[], None]] = []
        """What is to be done once a read has been worked off."""
        self._on_reconnect: list[Callable[[], None]] = []
        self._waiting: dict[bytes, tuple[OnAnswer, float]] = {}
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
        sid = b"%d" % subscription._id
        self._handlers[sid] = handler

        async def stop() -> None:
            self._handlers.pop(sid, None)
            if not self.nc.is_closed:
                await subscription.unsubscribe()

        return stop

    async def flush(self) -> None:
        """Return when the broker has dealt with all subscriptions so far. Raises what nats-py's flush raises."""
        await self.nc.flush()  # its PING overtakes what waits in nats-py's own buffer
        await self.nc.flush()

    def post(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Send one message; `headers` is a finished block (`NATS/1.0\r\n…\r\n\r\n`). Raises ConnectionClosedError.

        While the connection is lost the message waits with nats-py's own and goes out after the reconnect.
        """
        nc = self.nc
        if nc.is_closed:
            raise ConnectionClosedError
        if headers:
            head = f"HPUB {subject} {reply} {len(headers)} {len(headers) + len(payload)}\r\n"
        else:
            head = f"PUB {subject} {reply} {len(payload)}\r\n"
        if not self._out and not self._reading:
            self.loop.call_soon(self._write)
        self._out += (head.encode(), headers, payload, b"\r\n")

    def _write(self) -> None:
        """Everything sent in this turn of the loop, in one write; behind nats-py's own commands when some wait there."""
        if not self._out:
            return  # the end of a read was sooner
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

    def request(self, subject: str, payload: bytes, within_s: float, headers: bytes = b"") -> asyncio.Future[Answer]:
        """Send in this turn; the future ends with the answer, or NoAnswer after `within_s` seconds."""
        future: asyncio.Future[Answer] = self.loop.create_future()
        self.ask(subject, payload, within_s, headers, partial(end_with, future))
        return future

    def ask(self, subject: str, payload: bytes, within_s: float, headers: bytes, on_answer: OnAnswer) -> None:
        """As `request`, for who needs no future: `on_answer` is called once, at the latest after `within_s` seconds."""
        self._count += 1
        token = b"%x" % self._count
        until = self.loop.time() + within_s
        self._waiting[token] = on_answer, until
        if self._late is None or until < self._late.when():
            self._look_at(until)
        if self._inbox:
            self._ask(token, subject, payload, headers)
        else:
            self._unsent.append((token, subject, payload, headers))
            self._opening = self._opening or self.loop.create_task(self._open_inbox())

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
            on_answer, _ = self._waiting.pop(token)
            on_answer(error)

    def _look_at(self, moment: float) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_at(moment, self._give_up_late)

    def _give_up_late(self) -> None:
        self._late, now = None, self.loop.time()
        for token in [token for token, (_, until) in self._waiting.items() if until <= now]:
            self._waiting.pop(token)[0](NoAnswer("no answer in time"))
        if self._waiting:
            self._look_at(min(until for _, until in self._waiting.values()))

    def _answered(self, subject: bytes, _reply: bytes, payload: bytes, headers: bytes | None) -> None:
        on_answer, _ = self._waiting.pop(subject[subject.rindex(b".") + 1 :], _NOBODY)
        if on_answer is None:
            return
        if headers is not None and not payload and headers.startswith(b"NATS/1.0 503"):
            on_answer(NoAnswer("nobody listens"))
        else:
            on_answer((payload, headers))

    def at_read_end(self, action: Callable[[], None]) -> None:
        """Call `action` when all that was read with the message in hand has been given to its handlers; in the same turn of the
        loop, so that what it sends goes out in the same turn as well.
        """
        if self._reading:
            self._at_end.append(action)
        else:
            self.loop.call_soon(action)

    def _read(self, data: bytes) -> None:
        """Bytes have come: messages to their handlers, then what these have asked for, then what all of them send."""
        self._reading = True
        try:
            self._frames.feed(data)
            while self._at_end:
                actions, self._at_end = self._at_end, []
                for action in actions:
                    act(action)
        finally:
            self._reading = False
            if self._out:
                self._write()

    async def _receive(self, sid: int, subject: bytes, reply: bytes, payload: bytes, headers: Any) -> None:
        handler = self._handlers.get(b"%d" % sid)
        if handler is None:
            await self._process_msg(sid, subject, reply, payload, headers)
        else:
            deliver(handler, subject, reply, payload, headers)

    def _hook(self) -> None:
        """Without a plain TCP transport (not connected yet, web socket) all goes nats-py's way."""
        reader = getattr(self._private._transport, "_io_reader", None)
        if reader is not None:
            self._frames.hook(reader, self._private._ps)
            reader.feed_data = self._read

    async def _after_reconnect(self) -> None:
        self._hook()
        for action in list(self._on_reconnect):
            action()
        if self._reconnected is not None:
            await self._reconnected()


def act(action: Callable[[], None]) -> None:
    """Call it. What it raises is logged, as in frames.deliver."""
    try:
        action()
    except Exception:
        log.exception("what was read is not worked off")


def end_with(future: asyncio.Future[Any], answer: object) -> None:
    """End a wait with an answer or an exception, unless it is over."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
