"""The user agent: the one class of this package that the gateway, phones and benchmarks talk to.

    ua = UserAgent(UserAgentConfig(host="127.0.0.1", port=0), handler)
    await ua.start()
    call = ua.invite("sip:1001@127.0.0.1:5070", from_="sip:queue@here", to=None, sdp=offer)
    call.on_answered = lambda dialog, sdp: ...

Identities are arguments of `invite` and `register`, so one user agent serves one phone or a hundred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from . import dialog_state, invite_state, offered_state
from .core import Core
from .dialog import Dialog
from .digest import Credentials
from .handler import Hop, UserAgentConfig, UserAgentHandler
from .inbound import Inbound
from .incoming_call import IncomingCall
from .message import Header
from .options import ask
from .outgoing_call import OutgoingCall
from .reach import hop_to
from .registration import Registration
from .sdp import SessionDescription
from .timers import LoopTimers
from .transactions import Transactions
from .transport import Transport
from .uri import NameAddr, Uri


class UserAgent:
    """Binds UDP and TCP on one address, and what else is configured; carries calls, registrations and their dialogs.

    counters: what was seen since the start; the names are listed in counters.py.
    local_addr: (host, port) as bound, after `start`.
    """

    counters: dict[str, int]
    local_addr: tuple[str, int]

    def __init__(self, config: UserAgentConfig, handler: UserAgentHandler) -> None:
        if config.host in ("0.0.0.0", "::") and config.advertised_host is None:
            raise ValueError("advertised_host: needed when host is the any-address, peers must know where to answer")
        self.config = config
        self._core = Core(config)
        self._inbound = Inbound(self._core, handler)
        self.counters = self._core.counters

    async def start(self) -> None:
        """Bind what is configured (port 0: one free port for UDP and TCP). Raises OSError when a port is taken."""
        core, config = self._core, self.config
        core.timers = LoopTimers(asyncio.get_running_loop())
        core.transport = Transport(self.counters, self._inbound.on_message, self._inbound.on_broken, config)
        core.transport.streams.on_closed = core.closed
        core.transactions = Transactions(
            core.timers, core.transport.send, self.counters, t1=config.t1, t2=config.t2, t4=config.t4
        )
        core.transactions.on_late_ack = self._inbound.on_ack
        await core.transport.start()
        self.local_addr = core.transport.local_addr
        core.bound(self.local_addr[0], core.transport.ports)

    async def stop(self) -> None:
        """Close the sockets and forget all state. Sends no BYE: whoever owns the calls ends them first."""
        core = self._core
        core.transactions.clear()
        core.dialogs.clear()
        core.early.clear()
        core.offered.clear()
        core.leaving.clear()
        core.timers.clear()
        await core.transport.stop()

    def invite(
        self,
        target: Uri | str,
        *,
        from_: NameAddr | str,
        to: NameAddr | str | None = None,
        sdp: SessionDescription,
        next_hop: Hop | None = None,
        headers: Sequence[Header] = (),
        credentials: Credentials | None = None,
        max_forwards: int = 70,
    ) -> OutgoingCall:
        """Send an INVITE with an offer and return at once; the rest arrives at the call's callbacks.

        target: the Request-URI. next_hop: where to send it (a phone's registered source, a trunk's proxy); None takes
        the address and ;transport= of the target. to: the To header, None takes the target. A NameAddr or a string such
        as '"Ann" <sip:1001@example.com>'. credentials answer one 401/407 challenge. max_forwards: for a call that goes on
        from another one, one less than `IncomingCall.max_forwards`. Raises ParseError for bad strings.
        """
        uri = Uri.parse(target, "target") if isinstance(target, str) else target
        hop = hop_to(uri) if next_hop is None else next_hop
        call = OutgoingCall(
            self._core,
            uri,
            NameAddr.parse(from_, "from") if isinstance(from_, str) else from_,
            NameAddr("", uri) if to is None else NameAddr.parse(to, "to") if isinstance(to, str) else to,
            sdp,
            hop,
            headers,
            credentials,
            max_forwards,
        )
        self.counters["calls_out"] += 1
        call.send_invite()
        return call

    def restore(self, state: dialog_state.DialogState) -> Dialog:
        """Take up the dialog of a call that another process has answered, and lost. Set its callbacks right after it.

        The peer notices nothing: requests go on with CSeq numbers that it has not seen, and a session timer that we
        refresh is refreshed within seconds, which also tells (`on_bye("gone")`) when the peer hung up meanwhile. Raises
        ParseError for a state that `Dialog.export` did not make.
        """
        return dialog_state.restore(Dialog, self._core, state)

    def restore_invite(self, state: invite_state.InviteState) -> OutgoingCall:
        """Take up an INVITE that another process sent, and lost. Set its callbacks right after it. Raises ParseError."""
        return invite_state.restore(self._core, state)

    def restore_offered(self, state: offered_state.OfferedState) -> IncomingCall:
        """Take up an INVITE that another process got, and never answered. Set its callbacks right after. Raises ParseError."""
        return offered_state.restore(self._core, state)

    async def register(
        self,
        aor: str,
        registrar: Hop,
        credentials: Credentials | None,
        expires: int = 3600,
        contact_user: str | None = None,
    ) -> Registration:
        """Register `aor` ("sip:1001@example.com") at `registrar` and keep it fresh until `Registration.unregister`.

        The contact is contact_user (None: the aor's user) at our own address. Raises RegistrationError (with .code)
        when the registrar refuses, .code 408 when it does not answer and 503 when it cannot be reached.
        """
        registration = Registration(self._core, Uri.parse(aor, "aor"), registrar, credentials, contact_user)
        await registration.register(expires)
        return registration

    def registration(self, aor: str, registrar: Hop, credentials: Credentials | None, contact_user: str) -> Registration:
        """As `register`, but nothing is sent yet: the caller registers by `once` as often as it thinks right."""
        return Registration(self._core, Uri.parse(aor, "aor"), registrar, credentials, contact_user)

    async def options(self, target: Uri | str, next_hop: Hop) -> int:
        """Ask a peer whether it lives: the final code, 408 when nothing answers, 503 when it cannot be reached."""
        return await ask(self._core, Uri.parse(target, "target") if isinstance(target, str) else target, next_hop)

    def hop(self, transport: str) -> Hop:
        """Where we listen on this transport. Raises KeyError when we do not."""
        return Hop(transport, self.local_addr[0], self._core.transport.ports[transport])

    def on_closed(self, callback: Callable[[Hop], None]) -> None:
        """Have `callback(source)` called when an open connection is gone, whoever closed it."""
        self._core.on_closed.append(callback)

    def held(self) -> dict[str, int]:
        """How much state is held now: transactions, dialogs, calls, connections, timers. All 0 when nothing goes on."""
        core = self._core
        return {
            "client_transactions": len(core.transactions.client),
            "server_transactions": len(core.transactions.server),
            "dialogs": len(core.dialogs),
            "offered_calls": len(core.offered),
            "early_dialogs": len(core.early),
            "connections": len(core.transport.streams.held),
            "timers": len(core.timers),
        }
