"""Access tokens: short-lived JWTs signed by console with Ed25519. Other services hold the public key and can mint none."""

from pathlib import Path

import jwt

from callstream.contracts.roles import Principal, Role

ISSUER = "callstream-console"
ALGORITHM = "EdDSA"


class InvalidToken(Exception):
    """No token, or one that is broken, expired or signed by somebody else. `expired` tells the one case a client can mend."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


class TokenVerifier:
    """Reads access tokens with console's public key."""

    def __init__(self, public_key_pem: bytes) -> None:
        self._key = public_key_pem

    @classmethod
    def from_file(cls, path: Path) -> "TokenVerifier":
        """A verifier with the PEM file's key."""
        return cls(path.read_bytes())

    def verify(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization: Bearer …` header; raises InvalidToken."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("an access token is needed: Authorization: Bearer …")
        try:
            claims = jwt.decode(
                token, self._key, algorithms=[ALGORITHM], issuer=ISSUER, options={"require": ["exp", "sub", "tenant", "role"]}
            )
            return Principal(
                user_id=claims["sub"],
                tenant=claims["tenant"],
                role=Role(claims["role"]),
                agent_id=claims.get("agent", ""),
                groups=tuple(map(str, claims.get("groups", ()))),
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the access token has expired", expired=True) from None
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken(f"the access token is not valid: {error}") from None
