"""Takes the messages of our own subscriptions out of what a connection reads, before nats-py's reader and parser see them.

nats-py's way of a message goes through a stream reader, a reading task and a parser of regular expressions: three turns of the
loop and 15 % of a follower's CPU. Here a whole message that a `RawHandler` waits for is handed over within the read itself.
Everything else (other subscriptions, PING, INFO, errors) goes to nats-py as it came; while nats-py has something in hand, all
goes there, so the order stays.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

RawHandler = Callable[[bytes, bytes, bytes, bytes | None], None]
"""(subject, reply, payload, header block or None). Runs inside the reading loop: it must be quick."""

LONGEST_LINE = 4096
AWAITING_CONTROL_LINE = 1

log = structlog.get_logger(__name__)


class Frames:
    """`handlers` by subscription id, as the wire spells it; it may change at any time. `hook` once for each transport of the
    connection.
    """

    def __init__(self, handlers: Mapping[bytes, RawHandler]) -> None:
        self._handlers = handlers
        self._reader: Any = None
        self._parser: Any = None
        self._pass_on: Callable[[bytes], None] = _nowhere
        self._begun = b""
        """A message of ours whose end has not come."""

    def hook(self, reader: Any, parser: Any) -> None:
        """Stand in front of `reader` (asyncio.StreamReader), whose bytes nats-py gives to `parser`: they are to go to `feed`."""
        self._reader, self._parser, self._begun = reader, parser, b""
        self._pass_on = reader.feed_data

    def feed(self, data: bytes) -> None:
        """Bytes as they were read.

        `MSG <subject> <sid> [reply] <bytes>` or `HMSG <subject> <sid> [reply] <header bytes> <all bytes>`, each followed by
        as many bytes. All is in this one function because it runs for every message of every service.
        """
        if self._reader._buffer or self._parser.buf or self._parser.state != AWAITING_CONTROL_LINE:
            self._pass_on(data)
            return
        if self._begun:
            data, self._begun = self._begun + data, b""
        at, size = 0, len(data)
        while at < size:
            line_end = data.find(b"\r\n", at, at + LONGEST_LINE)
            words = data[at:line_end].split(b" ")
            fixed, count = _WORDS.get(words[0], LONGEST_LINE), len(words)
            handler = self._handlers.get(words[2]) if line_end >= 0 and fixed <= count <= fixed + 1 else None
            if handler is None:
                break
            begin = line_end + 2
            try:
                end = begin + int(words[-1])
                body = begin + int(words[-2]) if fixed == _HEADED else begin
            except ValueError:
                break
            if end + 2 > size:
                self._begun = data[at:]
                return
            deliver(handler, words[1], words[3] if count > fixed else b"", data[body:end], data[begin:body] or None)
            at = end + 2
        if at < size:
            self._pass_on(data[at:])


def deliver(handler: RawHandler, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
    """Call a handler. What it raises is logged: nats-py would take it for a broken connection and drop the reading loop."""
    try:
        handler(subject, reply, payload, headers)
    except Exception:
        log.exception("message not handled", subject=subject.decode("utf-8", "replace"))


_HEADED = 5
_WORDS = {b"MSG": 4, b"HMSG": _HEADED}
"""Words of a control line without a reply subject."""


def _nowhere(_: bytes) -> None:
    """Nothing is read before `hook`."""
