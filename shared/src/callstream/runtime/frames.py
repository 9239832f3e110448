"""Takes the messages of our own subscriptions out of what a connection reads, before nats-py's reader and parser see them.

nats-py's way of a message goes through a stream reader, a reading task and a parser of regular expressions: three turns of the
loop and 15 % of a follower's CPU. Here a whole message that a `RawHandler` waits for is handed over within the read itself.
Everything else (other subscriptions, PING, INFO, errors) goes to nats-py as it came; while nats-py has something in hand, all
goes there, so the order stays.
"""

from collections.abc import Callable, Mapping
from typing import Any

RawHandler = Callable[[bytes, bytes, bytes, bytes | None], None]
"""(subject, reply, payload, header block or None). Runs inside the reading loop: it must be quick."""
Deliver = Callable[[RawHandler, bytes, bytes, bytes, bytes | None], None]
"""Calls a handler; must not raise."""

LONGEST_LINE = 4096
AWAITING_CONTROL_LINE = 1
_FOREIGN, _INCOMPLETE = 0, -1


class Frames:
    """`handlers` by subscription id; it may change at any time. `hook` once for each transport of the connection."""

    def __init__(self, handlers: Mapping[int, RawHandler], deliver: Deliver) -> None:
        self._handlers, self._deliver = handlers, deliver
        self._reader: Any = None
        self._parser: Any = None
        self._pass_on: Callable[[bytes], None] = _nowhere
        self._begun = b""
        """A message of ours whose end has not come."""

    def hook(self, reader: Any, parser: Any) -> None:
        """Stand in front of `reader` (asyncio.StreamReader), whose bytes nats-py gives to `parser`."""
        self._reader, self._parser, self._begun = reader, parser, b""
        self._pass_on = reader.feed_data
        reader.feed_data = self.feed

    def feed(self, data: bytes) -> None:
        """Bytes as they were read."""
        if self._reader._buffer or self._parser.buf or self._parser.state != AWAITING_CONTROL_LINE:
            self._pass_on(data)
            return
        if self._begun:
            data, self._begun = self._begun + data, b""
        at, end = 0, len(data)
        while at < end:
            taken = self._take(data, at)
            if taken == _INCOMPLETE:
                self._begun = data[at:]
                return
            if taken == _FOREIGN:
                self._pass_on(data[at:])
                return
            at += taken

    def _take(self, data: bytes, at: int) -> int:
        """Hand over the message that begins here; its length, or why it cannot be.

        `MSG <subject> <sid> [reply] <bytes>` or `HMSG <subject> <sid> [reply] <header bytes> <all bytes>`.
        """
        line_end = data.find(b"\r\n", at, at + LONGEST_LINE)
        if line_end < 0:
            return _FOREIGN
        words = data[at:line_end].split(b" ")
        fixed = _WORDS.get(words[0])
        if fixed is None or not fixed <= len(words) <= fixed + 1:
            return _FOREIGN
        begin = line_end + 2
        try:
            handler = self._handlers.get(int(words[2]))
            end = begin + int(words[-1])
            body = begin + int(words[-2]) if fixed == _WORDS[b"HMSG"] else begin
        except ValueError:
            return _FOREIGN
        if handler is None:
            return _FOREIGN
        if end + 2 > len(data):
            return _INCOMPLETE
        reply = words[3] if len(words) > fixed else b""
        self._deliver(handler, words[1], reply, data[body:end], data[begin:body] or None)
        return end + 2 - at


_WORDS = {b"MSG": 4, b"HMSG": 5}
"""Words of a control line without a reply subject."""


def _nowhere(_: bytes) -> None:
    """Nothing is read before `hook`."""
