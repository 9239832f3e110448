"""The user agent: the one class of this package that the gateway, phones and benchmarks talk to.

    ua = UserAgent(UserAgentConfig(host="127.0.0.1", port=0), handler)
    await ua.start()
    call = ua.invite("sip:1001@127.0.0.1:5070", from_="sip:queue@here", to=None, sdp=offer)
    call.on_answered = lambda dialog, sdp: ...

Identities are arguments of `invite` and `register`, so one user agent serves one phone or a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .handler import Hop, UserAgentConfig, UserAgentHandler

if TYPE_CHECKING:
    from .digest import Credentials
    from .outgoing_call import OutgoingCall
    from .registration import Registration
    from .sdp import SessionDescription
    from .uri import NameAddr, Uri


class UserAgent:
    """Binds UDP and TCP on one address and carries calls, registrations and their dialogs.

    counters: what was seen since the start; the names are listed in counters.py.
    local_addr: (host, port) as bound, after `start`.
    """

    counters: dict[str, int]
    local_addr: tuple[str, int]

    def __init__(self, config: UserAgentConfig, handler: UserAgentHandler) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Bind UDP and TCP on the configured host and port (0: one free port for both). Raises OSError when taken."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close the sockets and forget all state. Sends no BYE: whoever owns the calls ends them first."""
        raise NotImplementedError

    def invite(
        self,
        target: Uri | str,
        *,
        from_: NameAddr | str,
        to: NameAddr | str | None = None,
        sdp: SessionDescription,
        next_hop: Hop | None = None,
        headers: Sequence[tuple[str, str]] = (),
        credentials: Credentials | None = None,
    ) -> OutgoingCall:
        """Send an INVITE with an offer and return at once; the rest arrives at the call's callbacks.

        target: the Request-URI. next_hop: where to send it (a phone's registered source, a trunk's proxy); None takes
        the address and ;transport= of the target. to: the To header, None takes the target. A NameAddr or a string such
        as '"Ann" <sip:1001@example.com>'. credentials answer one 401/407 challenge. Raises ParseError for bad strings.
        """
        raise NotImplementedError

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
        when the registrar refuses, and .code 408 when it does not answer.
        """
        raise NotImplementedError

    def held(self) -> dict[str, int]:
        """How much state is held now: transactions, dialogs, calls, connections, timers. All 0 when nothing goes on."""
        raise NotImplementedError
