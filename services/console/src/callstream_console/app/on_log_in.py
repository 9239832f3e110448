"""Log in with e-mail and password, and go on with a refresh token (F068, F273)."""

from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec

from callstream.contracts.roles import Principal
from callstream.kernel.clock import Clock
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.people import People
from callstream_console.adapters.tokens import ACCESS_LIFETIME, REFRESH_LIFETIME, TokenSigner

MAX_FAILURES = 5
LOCK_OUT = timedelta(seconds=30)
_REMEMBERED = 10_000


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a login gives."""

    access_token: str
    refresh_token: str
    expires_in_s: int
    tenant: str
    role: str
    agent_id: str


class TooManyTries(Exception):
    """The address has failed too often; try again after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed logins, try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class LogIn:
    """The two ways to a token. Five wrong passwords in a row close an address for 30 seconds."""

    def __init__(self, people: People, signer: TokenSigner, clock: Clock) -> None:
        self._people, self._signer, self._clock = people, signer, clock
        self._failures: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    async def with_password(self, email: str, password: str) -> Tokens:
        """Raises Refusal(forbidden) or TooManyTries."""
        now, key = self._clock.now(), email.lower()
        count, last = self._failures.get(key, (0, now))
        if count >= MAX_FAILURES and now - last < LOCK_OUT:
            raise TooManyTries(round((LOCK_OUT - (now - last)).total_seconds()) or 1)
        principal = await self._people.check_password(email, password)
        if principal is None:
            self._failures[key] = (count + 1, now)
            self._failures.move_to_end(key)
            if len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)
            raise Refusal(Reason.FORBIDDEN, "e-mail or password is wrong")
        self._failures.pop(key, None)
        return await self._issue(principal)

    async def with_refresh(self, token: str) -> Tokens:
        """A refresh token works once; raises Refusal(forbidden)."""
        principal = await self._people.use_refresh(token, self._clock.now())
        if principal is None:
            raise Refusal(Reason.FORBIDDEN, "the refresh token is unknown, used or expired", "refresh_token")
        return await self._issue(principal)

    async def _issue(self, principal: Principal) -> Tokens:
        now = self._clock.now()
        refresh = await self._people.issue_refresh(principal.user_id, now + REFRESH_LIFETIME)
        return Tokens(
            access_token=self._signer.access_token(principal, now),
            refresh_token=refresh,
            expires_in_s=int(ACCESS_LIFETIME.total_seconds()),
            tenant=principal.tenant,
            role=principal.role.value,
            agent_id=principal.agent_id,
        )
