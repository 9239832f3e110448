"""Signs access tokens. Lifetimes: access 15 minutes, refresh 12 hours (F273)."""

from datetime import datetime, timedelta
from pathlib import Path

import jwt

from callstream.contracts.roles import Principal
from callstream.runtime.auth import ALGORITHM, ISSUER

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(hours=12)


class TokenSigner:
    """Holds the private key."""

    def __init__(self, private_key_file: Path) -> None:
        self._key = private_key_file.read_bytes()

    def access_token(self, principal: Principal, now: datetime) -> str:
        """A JWT that other services verify with the public key alone."""
        claims = {
            "iss": ISSUER,
            "sub": principal.user_id,
            "tenant": principal.tenant,
            "role": principal.role.value,
            "agent": principal.agent_id,
            "groups": list(principal.groups),
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)
