"""People and their refresh tokens in PostgreSQL. Passwords are kept as argon2id hashes, tokens as SHA-256 digests."""

import asyncio
import hashlib
import secrets
from datetime import datetime

import argon2
import asyncpg
import msgspec

from callstream.contracts.roles import Principal, Role
from callstream_console.adapters.documents import Connection

_HASHER = argon2.PasswordHasher(time_cost=3, memory_cost=12 * 1024, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A login as it should be."""

    email: str
    role: Role
    password: str
    agent_id: str = ""
    groups: tuple[str, ...] = ()


class People:
    """Logins of all tenants."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def check_password(self, email: str, password: str) -> Principal | None:
        """The principal when the password is right. An unknown e-mail takes as long as a wrong password."""
        row = await self._pool.fetchrow(
            "select id, tenant, role, agent_id, groups, password_hash, disabled from person where email = $1", email.lower()
        )
        stored = row["password_hash"] if row else _NOBODY
        right = await asyncio.to_thread(_matches, stored, password)
        return _principal(row) if row and right and not row["disabled"] else None

    async def put(self, connection: Connection, tenant: str, login: Login, new_id: str) -> bool:
        """Create or change a login; False when it was so already. ValueError when another tenant has the e-mail."""
        email = login.email.lower()
        row = await connection.fetchrow("select * from person where email = $1 for update", email)
        if row is not None and row["tenant"] != tenant:
            raise ValueError("this e-mail address is in use")
        wanted = (login.role.value, login.agent_id, list(login.groups))
        same = row is not None and (row["role"], row["agent_id"], list(row["groups"])) == wanted
        if row is not None and same and await asyncio.to_thread(_matches, row["password_hash"], login.password):
            return False
        password_hash = await asyncio.to_thread(_HASHER.hash, login.password)
        await connection.execute(
            """
            insert into person (id, tenant, email, role, agent_id, password_hash, groups) values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (email) do update
            set role = excluded.role, agent_id = excluded.agent_id, password_hash = excluded.password_hash,
                groups = excluded.groups
            """,
            new_id,
            tenant,
            email,
            login.role.value,
            login.agent_id,
            password_hash,
            list(login.groups),
        )
        if row is not None:
            await connection.execute("delete from refresh_token where person_id = $1", row["id"])
        return True

    async def issue_refresh(self, person_id: str, expires_at: datetime) -> str:
        """A new refresh token, usable once."""
        token = secrets.token_urlsafe(32)
        await self._pool.execute(
            "insert into refresh_token (digest, person_id, expires_at) values ($1, $2, $3)", _digest(token), person_id, expires_at
        )
        return token

    async def use_refresh(self, token: str, now: datetime) -> Principal | None:
        """Take a refresh token out of use and tell whose it was, or None when it is unknown or expired."""
        row = await self._pool.fetchrow(
            """
            with used as (delete from refresh_token where digest = $1 returning person_id, expires_at)
            select p.id, p.tenant, p.role, p.agent_id, p.groups from used join person p on p.id = used.person_id
            where used.expires_at > $2 and not p.disabled
            """,
            _digest(token),
            now,
        )
        return _principal(row) if row else None

    async def remove_expired(self, now: datetime) -> None:
        """Forget refresh tokens that can no longer be used."""
        await self._pool.execute("delete from refresh_token where expires_at <= $1", now)


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _principal(row: asyncpg.Record) -> Principal:
    return Principal(
        user_id=row["id"],
        tenant=row["tenant"],
        role=Role(row["role"]),
        agent_id=row["agent_id"],
        groups=tuple(row["groups"]),
    )
