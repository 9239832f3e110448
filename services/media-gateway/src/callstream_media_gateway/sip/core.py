"""What every call, dialog and registration of one user agent shares: sockets, timers, tables, names, counters."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .counters import new_counters
from .handler import SECURE, WEB, Hop, UserAgentConfig
from .message import Header, Request
from .timers import LoopTimers
from .transactions import ClientUser, Transaction, Transactions
from .transport import Transport
from .via import MAGIC

if TYPE_CHECKING:
    from .dialog import Dialog
    from .incoming_call import IncomingCall

log = logging.getLogger("callstream.sip")

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag ("" from RFC 2543 peers): RFC 3261 12."""
CallKey = tuple[str, str, int]
"""Call-ID, From tag and CSeq number of an INVITE: what makes two of them the same one (RFC 3261 8.2.2.2)."""

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, REGISTER"
SUPPORTED = "100rel, norefersub, replaces, timer"
"""Option tags of what we do when a peer asks for it (RFC 3261 19.2)."""


class Core:
    """One per user agent. dialogs: answered calls; early, offered: incoming calls without a final answer.

    leaving: dialogs that we have hung up and whose BYE is not answered yet.
    """

    transport: Transport
    timers: LoopTimers
    transactions: Transactions

    def __init__(self, config: UserAgentConfig) -> None:
        self.config = config
        self.counters = new_counters()
        self.dialogs: dict[DialogKey, Dialog] = {}
        self.early: dict[DialogKey, IncomingCall] = {}
        self.offered: dict[CallKey, IncomingCall] = {}
        self.leaving: set[DialogKey] = set()
        self.sent_by = ""
        self.on_closed: list[Callable[[Hop], None]] = []
        self._sent_by: dict[str, str] = {}
        self._nowhere = f"{secrets.token_hex(6)}.invalid"

    def bound(self, host: str, ports: dict[str, int]) -> None:
        """Remember under which addresses peers reach us, by transport."""
        name = self.config.advertised_host or host
        name = f"[{name}]" if ":" in name else name
        self._sent_by = {transport: f"{name}:{port}" for transport, port in ports.items()}
        self.sent_by = self._sent_by["udp"]

    def closed(self, hop: Hop) -> None:
        """A connection is gone: its requests fail, then who asked for it is told."""
        self.transactions.connection_lost(hop)
        for callback in list(self.on_closed):
            self.tell(callback, hop)

    def address(self, transport: str) -> str:
        """What we call ourselves to peers on this transport: host and port, or a name that leads nowhere (RFC 7118 5)."""
        return self._sent_by.get(transport) or (self._nowhere if transport in WEB else self.sent_by)

    def send(self, data: bytes, hop: Hop, failed: Callable[[], None] | None = None) -> None:
        self.transport.send(data, hop, failed)

    def contact(self, user: str | None, hop: Hop, *, secure: bool = False) -> str:
        """The Contact header's value for a request or response that goes to `hop`.

        secure: the other side is called by a sips: URI, so it must be answered with one (RFC 3261 8.1.1.8, 12.1.1).
        """
        address = self.address(hop.transport)
        at = f"{user}@{address}" if user else address
        scheme = "sips" if secure and hop.transport in SECURE else "sip"
        if hop.transport == "udp" or (scheme == "sips" and hop.transport == "tls"):
            return f"<{scheme}:{at}>"
        return f"<{scheme}:{at};transport={'ws' if hop.transport in WEB else hop.transport}>"

    def via(self, branch: str, hop: Hop) -> Header:
        return ("Via", f"SIP/2.0/{hop.transport.upper()} {self.address(hop.transport)};branch={branch};rport")

    def request(
        self, method: str, uri: str, headers: list[Header], body: bytes, hop: Hop, user: ClientUser, *, max_forwards: int = 70
    ) -> Transaction:
        """Put our Via on top and send a request; its fate comes to `user`."""
        branch = new_branch()
        request = Request(method, uri, [self.via(branch, hop), ("Max-Forwards", str(max_forwards)), *headers], body)
        return self.transactions.request(request, branch, hop, user)

    def tell(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """Call the owner. What it raises is logged and counted, and stops nothing else; None is returned then."""
        try:
            return callback(*arguments)
        except Exception:
            self.counters["handler_errors"] += 1
            log.exception("a callback of the user agent's owner raised")
            return None


def new_branch() -> str:
    return MAGIC + secrets.token_hex(8)


def new_tag() -> str:
    return secrets.token_hex(6)
