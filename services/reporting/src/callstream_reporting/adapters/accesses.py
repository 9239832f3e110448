"""Who listened to which recording, and when (F200). No rebuild of the projection touches this table: it is not in the log."""

from datetime import datetime

import asyncpg
import msgspec


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a recording's sound, or for a link to it."""

    tenant: str
    call_id: str
    recording_id: str
    user: str
    how: str
    """`sound`: it was given; `link`: a link to it was given; `by-link`: it was given to whoever had the link."""
    part: str = ""
    """The range of bytes that was asked for, or empty: from the beginning."""
    at: datetime | None = None
    """None: now."""


class Accesses:
    """Writes and lists them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def note(self, access: Access) -> None:
        """Write one down; nothing is given before that."""
        await self._pool.execute(
            "insert into recording_access (tenant, call_id, recording_id, person, how, part) values ($1, $2, $3, $4, $5, $6)",
            access.tenant,
            access.call_id,
            access.recording_id,
            access.user,
            access.how,
            access.part,
        )

    async def newest(
        self, tenant: str, limit: int, call_id: str = "", user: str = "", before: datetime | None = None
    ) -> list[Access]:
        """The newest ones, newest first; empty filters match everything."""
        rows = await self._pool.fetch(
            "select tenant, call_id, recording_id, person as user, how, part, at from recording_access where tenant = $1"
            " and ($3 = '' or call_id = $3) and ($4 = '' or person = $4) and ($5::timestamptz is null or at < $5)"
            " order by position desc limit $2",
            tenant,
            limit,
            call_id,
            user,
            before,
        )
        return [Access(**row) for row in rows]
