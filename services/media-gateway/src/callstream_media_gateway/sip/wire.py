"""How SIP messages lie in the bytes of one connection. Without sockets, so that each way is tested byte by byte.

said = wire.begin()                 # written when the connection stands
messages = wire.feed(chunk)         # whole messages in order
said = wire.said()                  # written before the messages are handled: handshakes, pongs, farewells
data = wire.pack(message)           # once `is_open`
"""

from __future__ import annotations

from typing import Protocol

from .stream import StreamFramer


class Wire(Protocol):
    """One side of one connection.

    is_open: messages may be packed. is_closed: the connection is to be closed once what was `said` has been written.
    must_pong: the peer's protocol obliges it to answer a ping; a connection that stays silent after one is dead.
    keepalives: pings of the peer so far.
    """

    must_pong: bool
    keepalives: int

    @property
    def is_open(self) -> bool: ...
    @property
    def is_closed(self) -> bool: ...
    def begin(self) -> bytes: ...
    def feed(self, chunk: bytes) -> list[bytes]:
        """Raises BrokenStreamError when the boundary of the next message cannot be found."""

    def said(self) -> bytes: ...
    def pack(self, message: bytes) -> bytes: ...
    def ping(self) -> bytes: ...


class StreamWire:
    """TCP and TLS: messages by Content-Length (RFC 3261 18.3), pings of CRLF CRLF answered by CRLF (RFC 5626 4.4.1).

    Only who has opened the connection pings; an answer is owed by peers that have answered before, since a plain
    RFC 3261 peer passes over empty lines in silence (7.5).
    """

    def __init__(self, *, dialled: bool) -> None:
        self.is_open = True
        self.is_closed = False
        self.must_pong = False
        self.keepalives = 0
        self._dialled = dialled
        self._framer = StreamFramer()
        self._pongs = 0

    def begin(self) -> bytes:
        return b""

    def feed(self, chunk: bytes) -> list[bytes]:
        if self._dialled and not chunk.strip(b"\r\n"):
            self.must_pong = True
        found = self._framer.feed(chunk)
        messages = [message for message in found if message]
        if not self._dialled:
            pings = len(found) - len(messages)
            self.keepalives += pings
            self._pongs += pings
        return messages

    def said(self) -> bytes:
        pongs, self._pongs = self._pongs, 0
        return b"\r\n" * pongs

    def pack(self, message: bytes) -> bytes:
        return message

    def ping(self) -> bytes:
        return b"\r\n\r\n" if self._dialled else b""
