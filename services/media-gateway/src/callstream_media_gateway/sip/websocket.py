"""SIP over a WebSocket (RFC 7118): the handshake with subprotocol `sip`, one message a frame. Without sockets.

The library `websockets` does RFC 6455; this is what SIP makes of it, for the side that serves and the side that calls.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import BINARY, CONT, TEXT, Frame
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI

from .message import MAX_MESSAGE
from .stream import BrokenStreamError

SUBPROTOCOL = Subprotocol("sip")
_log = logging.getLogger("callstream.sip.websocket")
_log.setLevel(logging.WARNING)  # the library tells of every connection that comes and goes


class WebSocketWire:
    """See wire.Wire. refused: the handshake was answered with an error, to a stranger of the protocol or a foreign origin."""

    must_pong = True  # RFC 6455 5.5.2

    def __init__(self, protocol: ServerProtocol | ClientProtocol) -> None:
        self._protocol = protocol
        self._parts: list[bytes] = []
        self.keepalives = 0
        self.refused = False
        self._ended = False

    @classmethod
    def serving(cls, origins: Iterable[str] | None) -> WebSocketWire:
        """origins: pages that may connect, as `https://host`; None: all. Who sends no Origin is no browser and may."""
        allowed = None if origins is None else [None, *map(Origin, origins)]
        return cls(ServerProtocol(origins=allowed, subprotocols=[SUBPROTOCOL], max_size=MAX_MESSAGE, logger=_log))

    @classmethod
    def calling(cls, host: str, port: int, *, secure: bool) -> WebSocketWire:
        """To `wss://host:port/`, or `ws:`."""
        uri = WebSocketURI(secure, host, port, "/", "")
        return cls(ClientProtocol(uri, subprotocols=[SUBPROTOCOL], max_size=MAX_MESSAGE, logger=_log))

    @property
    def is_open(self) -> bool:
        return self._protocol.state is OPEN

    @property
    def is_closed(self) -> bool:
        return self._ended

    def begin(self) -> bytes:
        if isinstance(self._protocol, ClientProtocol):
            self._protocol.send_request(self._protocol.connect())
        return self.said()

    def feed(self, chunk: bytes) -> list[bytes]:
        protocol, found = self._protocol, list[bytes]()
        try:
            protocol.receive_data(chunk)
            for event in protocol.events_received():
                if isinstance(event, Frame):
                    self._take(event, found)
                elif isinstance(event, Request) and isinstance(protocol, ServerProtocol):
                    protocol.send_response(protocol.accept(event))
        except (WebSocketException, EOFError, AssertionError) as error:
            # Frames before the handshake's answer drive the library into its assertions.
            raise BrokenStreamError("WebSocket", str(error) or "frames before the handshake", b"") from error
        if protocol.handshake_exc is not None:
            self.refused = self._ended = True
        if protocol.parser_exc is not None:
            oversized = protocol.close_sent is not None and protocol.close_sent.code == 1009
            problem = f"message larger than {MAX_MESSAGE} bytes" if oversized else str(protocol.parser_exc)
            raise BrokenStreamError("WebSocket", problem, b"")
        if protocol.close_expected():
            self._ended = True
        return found

    def _take(self, frame: Frame, found: list[bytes]) -> None:
        if frame.opcode not in (TEXT, BINARY, CONT):
            return
        if frame.data:  # empty fragments without end would be too many for any limit in bytes
            self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        message, self._parts = b"".join(self._parts), []
        if message.strip(b"\r\n"):
            found.append(message)
        else:  # the keep-alive of RFC 5626 4.4.1, which some browsers' libraries send instead of pings, which they cannot
            self.keepalives += 1
            if message == b"\r\n\r\n" and self.is_open:
                self._protocol.send_text(b"\r\n")

    def said(self) -> bytes:
        return b"".join(self._protocol.data_to_send())

    def pack(self, message: bytes) -> bytes:
        """Raises WebSocketException once the connection is closing."""
        if message.isascii() or _is_utf8(message):
            self._protocol.send_text(message)
        else:
            self._protocol.send_binary(message)
        return self.said()

    def ping(self) -> bytes:
        if not self.is_open:
            return b""
        self._protocol.send_ping(b"")
        return self.said()


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
