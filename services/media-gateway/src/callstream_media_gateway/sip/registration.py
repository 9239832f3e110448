"""Registering one address at a registrar, as a phone does (RFC 3261 10.2)."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable

from .client_auth import credentials_header
from .core import Core, new_tag
from .digest import Credentials
from .errors import ParseError, RegistrationError
from .final_answer import FinalAnswer
from .handler import STREAMS, Hop
from .message import Header, Response, parse_seconds
from .timers import Entry
from .uri import NameAddr, Uri

_EARLY = 0.8  # a registration is refreshed when this part of it is over
_MIN_WAIT = 1.0


class Registration:
    """One binding that is kept fresh. expires: seconds that the registrar granted.

    on_lost(error): a refresh failed; it is tried again after the time a phone would wait, until `unregister`.
    """

    def __init__(self, core: Core, aor: Uri, registrar: Hop, credentials: Credentials | None, contact_user: str | None) -> None:
        self.aor = aor
        self.expires = 0
        self.on_lost: Callable[[RegistrationError], None] = _nothing
        self._core = core
        self._registrar = registrar
        self._credentials = credentials
        self._contact = core.contact(contact_user or aor.user, registrar)
        self._call_id = secrets.token_hex(12)
        self._tag = new_tag()
        self._cseq = 0
        self._wanted = 0
        self._refresh: Entry | None = None
        self._task: asyncio.Task[None] | None = None

    async def register(self, expires: int) -> None:
        """Register for `expires` seconds and refresh from then on. Raises RegistrationError."""
        await self.once(expires)
        self._schedule(self.expires * _EARLY)
        if self._registrar.transport in STREAMS and self._on_closed not in self._core.on_closed:
            self._core.on_closed.append(self._on_closed)

    async def once(self, expires: int) -> int:
        """Register for `expires` seconds and leave refreshing to the caller; the granted seconds. Raises RegistrationError."""
        self._wanted = expires
        self.expires = await self._exchange(expires)
        return self.expires

    async def rest(self, seconds: float) -> bool:
        """Wait until the next refresh. True when that is at once: the connection is lost that the registrar reaches us by."""
        lost = asyncio.Event()

        def on_closed(hop: Hop) -> None:
            if hop == self._registrar:
                lost.set()

        self._core.on_closed.append(on_closed)
        try:
            async with asyncio.timeout(seconds):
                return await lost.wait()
        except TimeoutError:
            return False
        finally:
            self._core.on_closed.remove(on_closed)

    async def unregister(self) -> None:
        """Remove the binding and stop refreshing. Raises RegistrationError when the registrar does not confirm."""
        self._core.timers.cancel(self._refresh)
        self._wanted = 0
        if self._on_closed in self._core.on_closed:
            self._core.on_closed.remove(self._on_closed)
        if self._task is not None:
            self._task.cancel()
        await self._exchange(0)
        self.expires = 0

    def _on_closed(self, hop: Hop) -> None:
        """The registrar reaches us by our connection: without it we are not registered (RFC 5626 4.4)."""
        if hop == self._registrar and self.expires:
            self._core.timers.cancel(self._refresh)
            self._schedule(_MIN_WAIT + random.random())  # spread over those whom one restart has cut off

    def _schedule(self, delay: float) -> None:
        self._refresh = self._core.timers.after(max(delay, _MIN_WAIT), self._due, None)

    def _due(self, _argument: None) -> None:
        self._task = asyncio.get_running_loop().create_task(self._refresh_once())

    async def _refresh_once(self) -> None:
        try:
            await self.register(self._wanted)
        except RegistrationError as error:
            if self._wanted:
                self._schedule(min(30.0, self._wanted / 2))
                self._core.tell(self.on_lost, error)

    async def _exchange(self, expires: int) -> int:
        """One REGISTER, with credentials when asked for (also once more for a stale nonce). The granted seconds."""
        extra: list[Header] = []
        for _ in range(5):  # challenge, too brief, challenge, stale, done
            response = await self._send(expires, extra)
            if 200 <= response.code < 300:
                return _granted(response, self._contact, expires)
            if response.code == 423 and expires:  # RFC 3261 10.2.8
                try:
                    expires = max(expires, parse_seconds(response.need("Min-Expires"), "Min-Expires"))
                except ParseError:
                    break
                extra = []
                continue
            header = None
            if response.code in (401, 407) and self._credentials is not None and (not extra or _is_stale(response)):
                header = credentials_header(response, self._credentials, "REGISTER", self._uri)
            if header is None:
                break
            extra = [header]
        raise RegistrationError(response.code, response.reason)

    @property
    def _uri(self) -> str:
        """The Request-URI of a REGISTER is the domain, without a user (10.2)."""
        return str(self.aor._replace(user=None, password=None))

    async def _send(self, expires: int, extra: list[Header]) -> Response:
        self._cseq += 1
        me = str(NameAddr("", self.aor))
        headers: list[Header] = [
            ("From", f"{me};tag={self._tag}"),
            ("To", me),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", self._contact),
            ("Expires", str(expires)),
            ("User-Agent", self._core.config.name),
            *extra,
        ]
        pending = FinalAnswer()
        self._core.request("REGISTER", self._uri, headers, b"", self._registrar, pending)
        return await pending.response


def _is_stale(response: Response) -> bool:
    return any("stale=true" in value.lower() for value in response.lines("WWW-Authenticate"))


def _granted(response: Response, contact: str, asked: int) -> int:
    """The seconds of our own contact in the answer, or of its Expires, or what we asked for."""
    ours = NameAddr.parse(contact).uri
    try:
        for value in response.values("Contact"):
            address = NameAddr.parse(value, "Contact")
            if (address.uri.user, address.uri.host, address.uri.port) == (ours.user, ours.host, ours.port):
                seconds = address.params.get("expires")
                if seconds is not None:
                    return parse_seconds(seconds, "expires")
        header = response.get("Expires")
        return asked if header is None else parse_seconds(header, "Expires")
    except ParseError:
        return asked


def _nothing(*_arguments: object) -> None:
    """Nobody wants to know."""
