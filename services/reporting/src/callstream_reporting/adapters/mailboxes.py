"""Messages in the mailboxes of groups and agents (F205): their recordings as the timeline has them, and what people did with
them. A message is its recording's id.
"""

from datetime import datetime

import asyncpg
import msgspec

SHORTEST_MS = 1000
"""Who hangs up at the beep has left no message."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that can be played."""

    message_id: str
    call_id: str
    mailbox: str
    at: datetime
    caller: str
    called: str
    duration_ms: int
    heard_at: datetime | None
    heard_by: str | None


_FROM = f"""
    from timeline s
    join service_record r on r.tenant = s.tenant and r.call_id = s.call_id
    join timeline y on y.call_id = s.call_id and y.type = 'call.recording-ready.v1'
        and y.body->>'recording_id' = s.body->>'recording_id'
    left join message_state v on v.tenant = s.tenant and v.message_id = s.body->>'recording_id'
    where s.tenant = $1 and s.type = 'call.recording-started.v1' and s.body->>'mailbox' is not null
        and ($2::text[] is null or s.body->>'mailbox' = any($2)) and v.deleted_at is null
        and (y.body->>'duration_ms')::bigint >= {SHORTEST_MS:d}
"""


class Mailboxes:
    """`boxes`: those that may be opened, None: all of the tenant's."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def messages(
        self,
        tenant: str,
        boxes: list[str] | None,
        limit: int,
        *,
        new: bool | None = None,
        before: datetime | None = None,
        message_id: str = "",
    ) -> list[Message]:
        """The newest ones; `new`: only those that nobody has heard (True), or somebody has (False)."""
        rows = await self._pool.fetch(
            "select s.body->>'recording_id' as message_id, s.call_id, s.body->>'mailbox' as mailbox, s.at, r.caller, r.called,"
            f" (y.body->>'duration_ms')::bigint as duration_ms, v.heard_at, v.heard_by {_FROM}"
            " and ($4::boolean is null or (v.heard_at is null) = $4) and ($5::timestamptz is null or s.at < $5)"
            " and ($6 = '' or s.body->>'recording_id' = $6) order by s.seq desc limit $3",
            tenant,
            boxes,
            limit,
            new,
            before,
            message_id,
        )
        return [Message(**row) for row in rows]

    async def new(self, tenant: str, boxes: list[str] | None) -> dict[str, int]:
        """How many nobody has heard, by mailbox; one without is not named."""
        rows = await self._pool.fetch(
            f"select s.body->>'mailbox' as mailbox, count(*) as n {_FROM} and v.heard_at is null group by 1 order by 1",
            tenant,
            boxes,
        )
        return {row["mailbox"]: row["n"] for row in rows}

    async def heard(self, tenant: str, message_id: str, person: str, *, heard: bool) -> None:
        """Mark it as heard, or as new again. Who heard it first stays named."""
        await self._pool.execute(
            "insert into message_state (tenant, message_id, heard_at, heard_by)"
            " values ($1, $2, case when $4 then now() end, case when $4 then $3 end)"
            " on conflict (tenant, message_id) do update"
            " set heard_at = case when $4 then coalesce(message_state.heard_at, now()) end,"
            " heard_by = case when $4 then coalesce(message_state.heard_by, $3) end",
            tenant,
            message_id,
            person,
            heard,
        )

    async def delete(self, tenant: str, message_id: str, person: str) -> None:
        """Out of the mailbox; the call keeps its recording."""
        await self._pool.execute(
            "insert into message_state (tenant, message_id, deleted_at, deleted_by) values ($1, $2, now(), $3)"
            " on conflict (tenant, message_id) do update set deleted_at = now(), deleted_by = $3",
            tenant,
            message_id,
            person,
        )
