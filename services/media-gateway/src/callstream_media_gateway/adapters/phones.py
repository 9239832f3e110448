"""Agents' phones: who may register, and where each one is now.

Users prove their password by digest against the bucket CREDENTIALS; user name and realm name a phone of one tenant.
Registrations are kept in a small file between runs, so that a restarted gateway can ring at once. Not those over streams:
their connections died with the process, and such phones notice that and register again.
"""

import secrets
import time
from pathlib import Path

from msgspec import Struct

from callstream.runtime.config_watch import Credentials
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.saved_file import SavedSoon, load
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.errors import ParseError
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.registrar import Binding, Registrar
from callstream_media_gateway.sip.uri import NameAddr, Uri

DEFAULT_REALM = "callstream"
"""What strangers are challenged with: the same as everybody, when console's realm is in use."""


class Phone(Struct, frozen=True):
    """Where to send an INVITE."""

    target: Uri
    hop: Hop


class Saved(Struct, frozen=True):
    """One registration in the file; `expires_at` is Unix time."""

    realm: str
    user: str
    contact: str
    host: str
    port: int
    expires_at: float
    call_id: str
    cseq: int
    agent: str


class Phones:
    """One registrar for each realm."""

    def __init__(self, credentials: Credentials, file: Path) -> None:
        self._credentials = credentials
        self._registrars: dict[str, Registrar] = {}
        self._file = file
        self._saved = SavedSoon(file, self._all_saved)
        # Never going back, and comparable between runs.
        self._zero = time.time() - time.monotonic()
        self._key = secrets.token_bytes(32)
        credentials.on_change.append(self._credential_changed)
        metrics.registrations.set_function(self._count)

    def register(self, request: Request, source: Hop) -> Reply:
        """Decide a REGISTER."""
        reply = self._registrar(self._realm_of(request)).register(request, source)
        metrics.registers.labels(str(reply.code)).inc()
        return reply

    def caller(self, request: Request, source: Hop) -> tuple[str, str] | None:
        """(tenant, user) of the phone that sends this request, by where it has registered from and who it says it is; None for
        everybody else. It has proved nothing yet: see `check`."""
        found = self._binding(request, source)
        return None if found is None else (self._owner(*found), found[1])

    def check(self, request: Request, source: Hop) -> Reply | None:
        """Why a registered phone's call is not served: 401 with a challenge, 400, 403. None: it has the right password."""
        found = self._binding(request, source)
        if found is None:
            return Reply(403)
        realm, user = found
        proved = self._registrar(realm).gate.check(request, source)
        if isinstance(proved, Reply):
            return proved
        return None if proved == user else Reply(403, "Not Your Address")

    def _binding(self, request: Request, source: Hop) -> tuple[str, str] | None:
        """(realm, user) of the sender, who is registered from just there. A trunk's call costs no more than the first look."""
        at = [(realm, registrar) for realm, registrar in self._registrars.items() if registrar.anybody_at(source)]
        if not at:
            return None
        try:
            user = NameAddr.parse(request.need("From"), "From").uri.user or ""
        except ParseError:
            return None
        return next(
            ((realm, user) for realm, registrar in at if registrar.is_at(user, source) and self._owner(realm, user)), None
        )

    def agent_of(self, tenant: str, sip_user: str) -> str | None:
        """Whose phone it is; empty: a workplace's. None: there is no such user."""
        credential = self._credentials.of_user(tenant, sip_user)
        return credential.agent_id if credential is not None else None

    def connection_closed(self, source: Hop) -> None:
        """A connection is gone: phones that registered over it cannot be rung any more, which offers find at once."""
        for registrar in self._registrars.values():
            registrar.connection_closed(source)

    def of(self, tenant: str, sip_user: str) -> Phone | None:
        """The user's newest phone, or None when none is registered."""
        credential = self._credentials.of_user(tenant, sip_user)
        registrar = self._registrars.get(credential.realm) if credential is not None else None
        if credential is None or registrar is None or self._owner(credential.realm, sip_user) != tenant:
            return None
        bindings = registrar.bindings(sip_user)
        return Phone(bindings[0].contact, bindings[0].source) if bindings else None

    def restore(self) -> None:
        """Take up what the last run saved and what has not expired. Called once the credentials are known."""
        now = self._clock()
        found: dict[tuple[str, str], list[Binding]] = {}
        for saved in load(self._file, list[Saved]) or ():
            if saved.expires_at > now and self._owner(saved.realm, saved.user):
                hop = Hop("udp", saved.host, saved.port)
                binding = Binding(Uri.parse(saved.contact), hop, saved.expires_at, saved.call_id, saved.cseq, saved.agent)
                found.setdefault((saved.realm, saved.user), []).append(binding)
        for (realm, user), bindings in found.items():
            self._registrar(realm).restore(user, bindings)

    def sweep(self) -> None:
        """Drop what has expired."""
        for registrar in self._registrars.values():
            registrar.sweep()

    def save(self) -> None:
        """Write the file now."""
        self._saved.save_now()

    def _realm_of(self, request: Request) -> str:
        """The realm of the user who wants to register; strangers are challenged like everybody."""
        try:
            user = NameAddr.parse(request.need("To"), "To").uri.user or ""
        except ParseError:
            return DEFAULT_REALM
        found = self._credentials.find(user)
        return found[0][1].realm if found else DEFAULT_REALM

    def _registrar(self, realm: str) -> Registrar:
        registrar = self._registrars.get(realm)
        if registrar is None:

            def secrets_of(user: str) -> Secrets | None:
                for _, credential in self._credentials.find(user):
                    if credential.realm == realm:
                        return Secrets(credential.ha1_md5, credential.ha1_sha256)
                return None

            registrar = self._registrars[realm] = Registrar(realm, secrets_of, self._clock, self._key)
            registrar.on_change = lambda _user, _bindings: self._saved.changed()
        return registrar

    def _owner(self, realm: str, user: str) -> str:
        """The tenant whose password is asked for; two tenants with the same name and realm would share a phone otherwise."""
        return next((tenant for tenant, credential in self._credentials.find(user) if credential.realm == realm), "")

    def _credential_changed(self, _tenant: str, kind: str, user: str) -> None:
        """A phone whose credential is gone rings no more."""
        if kind != "sip-credential":
            return
        for realm, registrar in self._registrars.items():
            if registrar.bindings(user) and not self._owner(realm, user):
                registrar.drop(user)

    def _clock(self) -> float:
        return self._zero + time.monotonic()

    def _count(self) -> float:
        return sum(registrar.count for registrar in self._registrars.values())

    def _all_saved(self) -> list[Saved]:
        return [
            Saved(realm, user, str(b.contact), b.source.host, b.source.port, b.expires_at, b.call_id, b.cseq, b.agent)
            for realm, registrar in self._registrars.items()
            for user, bindings in registrar.all_bindings().items()
            for b in bindings
            if b.source.transport == "udp"
        ]
