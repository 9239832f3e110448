"""One outgoing trunk, from when it is configured until it is changed: registered where it wants that, asked by OPTIONS."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from callstream.contracts.credentials import TrunkCredential
from callstream.contracts.lines import Trunk
from callstream.contracts.outbound import Outgoing, TrunkRegistration
from callstream.runtime.config_watch import Credentials as StoredCredentials
from callstream_media_gateway.adapters.trunk_address import hop_of, uri_at
from callstream_media_gateway.domain.trunk_choice import TrunkState
from callstream_media_gateway.sip.digest import Credentials, StoredSecrets
from callstream_media_gateway.sip.errors import ParseError, RegistrationError
from callstream_media_gateway.sip.registration import Registration
from callstream_media_gateway.sip.user_agent import UserAgent

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 5.0
"""An OPTIONS that is not answered by then counts as a failure; over UDP it has been sent four times."""
NOT_ALIVE = frozenset({408, 503})
"""Any other answer shows life, also one that refuses OPTIONS."""
REFRESH_AT = 0.8
"""Part of the granted time after which a registration is renewed."""
FIRST_RETRY_S, LONGEST_RETRY_S = 2.0, 300.0
LEAVE_WITHIN_S = 2.0


class WatchTrunk:
    """Keeps `state` true. Its tasks end when they are cancelled only; a failure is a state, and tried again."""

    def __init__(
        self,
        tenant: str,
        trunk: Trunk,
        outgoing: Outgoing,
        state: TrunkState,
        user_agent: UserAgent,
        credentials: StoredCredentials,
        chance: Callable[[], float],
    ) -> None:
        self.trunk, self.outgoing = trunk, outgoing
        self.tasks: list[asyncio.Task[None]] = []
        self._tenant, self._state, self._user_agent = tenant, state, user_agent
        self._credentials, self._chance = credentials, chance
        self._registration: Registration | None = None
        self._hop = hop_of(outgoing)
        self._log = log.bind(tenant=tenant, trunk=trunk.id)

    def start(self) -> None:
        """Begin."""
        if self.outgoing.options_every_s:
            self.tasks.append(asyncio.create_task(self._ask_on()))
        if self.trunk.registration is not None:
            self._state.registered = False
            self.tasks.append(asyncio.create_task(self._register_on(self.trunk.registration)))

    def is_account_of(self, trunk: Trunk | None) -> bool:
        """Whether `trunk` registers the same account at the same place: then our registration there is its own."""
        if trunk is None or trunk.outgoing is None:
            return False
        same_place = hop_of(trunk.outgoing) == self._hop and uri_at(trunk.outgoing) == uri_at(self.outgoing)
        return same_place and trunk.registration == self.trunk.registration

    async def leave(self) -> None:
        """Unregister, if there is time; without it the registrar forgets us by itself."""
        registration, self._registration = self._registration, None
        if registration is not None:
            with contextlib.suppress(RegistrationError, TimeoutError):
                async with asyncio.timeout(LEAVE_WITHIN_S):
                    await registration.unregister()

    async def _ask_on(self) -> None:
        outgoing, target = self.outgoing, uri_at(self.outgoing)
        while True:
            code = 408
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    code = await self._user_agent.options(target, self._hop)
            if code not in NOT_ALIVE:
                if self._state.alive():
                    self._log.info("trunk up")
            elif self._state.failed(outgoing, f"OPTIONS: {code}"):
                self._log.error("trunk down", error=f"OPTIONS: {code}")
            await asyncio.sleep(outgoing.options_every_s)

    async def _register_on(self, account: TrunkRegistration) -> None:
        failures = breaks = 0
        while True:
            try:
                granted = await self._register(account)
            except (RegistrationError, ParseError) as error:
                failures += 1
                self._not_registered(str(error), account.realm)
                delay = self._pause(failures)
            else:
                if not self._state.registered:
                    self._log.info("trunk registered", expires_s=granted)
                self._state.registered, self._state.message = True, ""
                failures, delay = 0, max(1.0, granted * REFRESH_AT)
                if not await self._lost_within(delay):
                    breaks = 0
                    continue
                breaks += 1
                delay = self._pause(breaks)
            await asyncio.sleep(delay)

    def _pause(self, failures: int) -> float:
        """A little chance, so that those whom one restart has cut off do not come back together."""
        return min(FIRST_RETRY_S * 2.0 ** min(failures - 1, 10), LONGEST_RETRY_S) * (0.5 + self._chance() / 2)

    async def _lost_within(self, seconds: float) -> bool:
        """Whether the carrier's connection broke, by which its calls come to us, before the time was over."""
        registration = self._registration
        return registration is not None and await registration.rest(seconds)

    async def _register(self, account: TrunkRegistration) -> int:
        if self._registration is None:
            secrets = credentials_of(self.trunk, self._credentials.of_trunk(self._tenant, self.trunk.id))
            aor = str(uri_at(self.outgoing, account.user))
            self._registration = self._user_agent.registration(aor, self._hop, secrets, account.user)
        return await self._registration.once(account.expires_s)

    def _not_registered(self, error: str, realm: str) -> None:
        """Told at each change only: a registrar that is away for a night fills no log."""
        if self._state.registered or self._state.message != error:
            self._log.error("trunk not registered", error=error, realm=realm)
        self._state.registered, self._state.message = False, error


def credentials_of(trunk: Trunk, stored: TrunkCredential | None) -> Credentials | None:
    """What answers the trunk's challenges, or None when it has no account or no password is stored for it."""
    if trunk.registration is None or stored is None or stored.user != trunk.registration.user:
        return None
    return Credentials(stored.user, stored=StoredSecrets(stored.realm, stored.ha1_md5, stored.ha1_sha256))
