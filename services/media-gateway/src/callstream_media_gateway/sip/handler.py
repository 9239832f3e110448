"""What the user agent is given: its configuration, and the handler that decides.

Every callback is a plain function called on the event loop; it must not block. An exception in a callback is logged,
counted (`handler_errors`) and answered 500 where an answer is due; it never reaches the transport or another call.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .incoming_call import IncomingCall
    from .message import Request


WEB = frozenset(("ws", "wss"))
"""WebSockets (RFC 7118): only the browser opens them, so its connection is the one way to it."""
SECURE = frozenset(("tls", "wss"))
STREAMS = frozenset(("tcp", "tls")) | WEB
"""Transports with connections; what is sent there arrives or the connection breaks."""


class Hop(NamedTuple):
    """One address on the network: where a message came from, or where to send it.

    `transport` is "udp", "tcp", "tls", "ws" or "wss". `host` is a numeric IP address without brackets when it is a source;
    as a next hop it may be a name, which is resolved, and which a TLS peer's certificate must bear. The source of a stream
    names its connection, so replying to it reuses that connection.
    """

    transport: str
    host: str
    port: int


class Reply(NamedTuple):
    """A decision on a request outside of dialogs: status code, reason phrase (None: the RFC's) and headers."""

    code: int
    reason: str | None = None
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class UserAgentConfig:
    """Settings of one user agent.

    host, port: where UDP and TCP are bound (port 0: a free one, the same for both). `advertised_host` goes into Via and
    Contact when peers reach us under another address. `t1`, `t2`, `t4`: seconds, RFC 3261 17.1.1.1.
    `session_expires`: seconds offered for RFC 4028 (0: no session timer offered; a peer's is honoured all the same).
    tls_port, ws_port, wss_port: None: not listened on; 0: a free one. TLS and WSS need `server_tls`. `client_tls`: for
    connections of ours; None verifies against the system's authorities. max_connections: over all streams.
    ws_origins: web pages that may connect, as `https://host`; None: all.
    """

    host: str = "127.0.0.1"
    port: int = 0
    name: str = "Callstream"
    advertised_host: str | None = None
    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    session_expires: int = 0
    max_connections: int = 1000
    tls_port: int | None = None
    ws_port: int | None = None
    wss_port: int | None = None
    server_tls: ssl.SSLContext | None = None
    client_tls: ssl.SSLContext | None = None
    ws_origins: tuple[str, ...] | None = None


class UserAgentHandler(Protocol):
    """The decisions the user agent leaves to its owner."""

    def accept_source(self, request: Request, source: Hop) -> int | Reply | None:
        """Judge a request outside of any dialog before any state is held for it.

        None lets it in. A status code (403 for an unknown peer) is sent statelessly and counted as `refused_sources`;
        nothing else remembers the request. A Reply of 401 or 407 with its challenge is counted as `challenged`.
        """

    def on_invite(self, call: IncomingCall) -> None:
        """A new call. 100 Trying has been sent. Answer, ring or reject now or later by the methods of `call`."""

    def on_register(self, request: Request, source: Hop) -> Reply:
        """Decide a REGISTER; `Registrar.register` makes the reply. Without a registrar: Reply(405)."""

    def on_options(self, request: Request, source: Hop) -> Reply:
        """Decide an OPTIONS outside of dialogs: Reply(200) while calls are taken, Reply(503) while draining."""
