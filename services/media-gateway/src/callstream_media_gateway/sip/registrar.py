"""Where the phones are: REGISTER with digest, and the bindings that come of it (RFC 3261 10.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .backoff import Backoff
from .digest_gate import DigestGate, Secrets
from .errors import ParseError
from .handler import Hop, Reply
from .message import Header, Request, parse_seconds
from .nonces import Nonces
from .uri import NameAddr, Uri

MAX_CONTACTS = 5
"""Bindings of one user; the newest are kept."""


class Binding(NamedTuple):
    """One phone of a user. source: where its REGISTER really came from, which is the way back through NAT and streams.

    expires_at: seconds of the registrar's clock. instance: what names the phone over all its connections (RFC 5626 4.1),
    or "". An INVITE to it: `ua.invite(b.contact, next_hop=b.source, ...)`.
    """

    contact: Uri
    source: Hop
    expires_at: float
    call_id: str
    cseq: int
    agent: str
    instance: str = ""


class Registrar:
    """The bindings table. secrets and clock as in DigestGate; key: random bytes that seal nonces.

    on_change(user, bindings): after each change, also by expiry (which `sweep` finds). Expiry in seconds: shorter wishes
    than `shortest` get 423, longer ones than `longest` are cut.
    """

    def __init__(
        self,
        realm: str,
        secrets: Callable[[str], Secrets | None],
        clock: Callable[[], float],
        key: bytes,
        *,
        shortest: int = 30,
        longest: int = 3600,
        backoff: Backoff | None = None,
        nonce_lifetime: float = 300.0,
    ) -> None:
        self.gate = DigestGate(realm, secrets, clock, Nonces(key, nonce_lifetime), backoff or Backoff())
        self.on_change: Callable[[str, Sequence[Binding]], None] = _nothing
        self._clock = clock
        self._shortest = shortest
        self._longest = longest
        self._users: dict[str, list[Binding]] = {}  # newest first
        self._sources: dict[Hop, set[str]] = {}  # who has registered from each address, or over each connection

    def register(self, request: Request, source: Hop) -> Reply:
        """Decide one REGISTER: 401, 403, 400, 423, 500 for an old CSeq, or 200 with the bindings in force."""
        user = self.gate.check(request, source)
        if isinstance(user, Reply):
            return user
        try:
            aor = NameAddr.parse(request.need("To"), "To").uri
            if aor.user != user:
                return Reply(403, "Not Your Address")
            reply = self._update(user, request, source)
        except ParseError as error:
            return Reply(400, f"Bad {error.field}")
        return reply or Reply(200, None, self._contacts(user))

    def bindings(self, user: str) -> list[Binding]:
        """The bindings in force, the newest first."""
        now = self._clock()
        return [binding for binding in self._users.get(user, ()) if binding.expires_at > now]

    def anybody_at(self, source: Hop) -> bool:
        """Whether a phone has registered from just there."""
        return source in self._sources

    def is_at(self, user: str, source: Hop) -> bool:
        """Whether a phone of the user's in force has registered from just there."""
        return any(binding.source == source for binding in self.bindings(user))

    def all_bindings(self) -> dict[str, list[Binding]]:
        """The bindings of every user that has any, expired ones included until `sweep`."""
        return dict(self._users)

    @property
    def count(self) -> int:
        """Users that have a binding."""
        return len(self._users)

    def restore(self, user: str, bindings: Sequence[Binding]) -> None:
        """Take up bindings of an earlier run, the newest first. A phone that has registered since is newer than those."""
        if user not in self._users:
            self._users[user] = list(bindings)
            for binding in bindings:
                self._sources.setdefault(binding.source, set()).add(user)

    def sweep(self) -> list[str]:
        """Drop what has expired; the users whose last binding that was."""
        gone = []
        for user, before in list(self._users.items()):
            kept = self.bindings(user)
            if len(kept) < len(before):
                self._set(user, kept)
                if not kept:
                    gone.append(user)
        return gone

    def drop(self, user: str, source: Hop | None = None) -> None:
        """Forget a user's bindings, or those of one source."""
        self._set(user, [b for b in self._users.get(user, ()) if source is not None and b.source != source])

    def connection_closed(self, source: Hop) -> None:
        """A connection is gone, and with it the phones that were reached by it (RFC 5626 5.3)."""
        for user in list(self._sources.get(source, ())):
            self.drop(user, source)

    def _update(self, user: str, request: Request, source: Hop) -> Reply | None:
        values = request.values("Contact")
        header = request.get("Expires")
        default = self._longest if header is None else parse_seconds(header, "Expires")
        held = self.bindings(user)
        if "*" in values:
            if len(values) > 1 or header is None or default != 0:  # 10.3 step 6
                return Reply(400, "Bad Contact")
            return self._set_in_order(user, held, [], request)
        kept, added = held, []
        for value in values:
            address = NameAddr.parse(value, "Contact")
            if address.uri.scheme not in ("sip", "sips"):
                raise ParseError("Contact", f"scheme {address.uri.scheme} cannot be called")
            wish = address.params.get("expires")
            seconds = default if wish is None else parse_seconds(wish, "expires")
            if 0 < seconds < self._shortest:
                return Reply(423, None, [("Min-Expires", str(self._shortest))])
            instance = _instance(address)
            kept = [b for b in kept if not (_same_contact(b.contact, address.uri) or (instance and b.instance == instance))]
            if seconds:
                expires_at = self._clock() + min(seconds, self._longest)
                agent = request.get("User-Agent") or ""
                cseq = request.cseq[0]
                added.append(Binding(address.uri, source, expires_at, request.call_id, cseq, agent, instance))
        if not values:
            return None  # a query (10.2.3)
        return self._set_in_order(user, held, [*added, *kept][:MAX_CONTACTS], request)

    def _set_in_order(self, user: str, held: list[Binding], new: list[Binding], request: Request) -> Reply | None:
        """10.3 step 7: an older request of the same phone that arrives late must not undo a newer one."""
        number = request.cseq[0]
        for binding in held:
            if binding not in new and binding.call_id == request.call_id and binding.cseq >= number:
                return Reply(500, "CSeq out of order")
        self._set(user, new)
        return None

    def _set(self, user: str, bindings: list[Binding]) -> None:
        before = self._users.get(user, [])
        if bindings:
            self._users[user] = bindings
        else:
            self._users.pop(user, None)
        for source in {binding.source for binding in before}:
            self._sources.get(source, set()).discard(user)
            if not self._sources.get(source, True):
                del self._sources[source]
        for binding in bindings:
            self._sources.setdefault(binding.source, set()).add(user)
        if bindings != before:
            self.on_change(user, tuple(bindings))

    def _contacts(self, user: str) -> list[Header]:
        now = self._clock()
        return [("Contact", f"<{b.contact}>;expires={max(1, round(b.expires_at - now))}") for b in self.bindings(user)]


def _instance(address: NameAddr) -> str:
    """RFC 5626 4.2: a phone that names itself and its flow replaces its earlier registration of that flow."""
    name, flow = address.params.get("+sip.instance"), address.params.get("reg-id")
    return f"{name};{flow}" if name and flow else ""


def _same_contact(one: Uri, other: Uri) -> bool:
    """RFC 3261 19.1.4 as far as contacts need it: address and transport; the rest of the parameters may change."""
    return one.address == other.address and one.params.get("transport") == other.params.get("transport")


def _nothing(*_arguments: object) -> None:
    """Nobody wants to know."""
