"""Recordings on their way to tenants' addresses: a queue beside the projection, which never waits for it.

New ones are read from the timeline behind a position of their own, so a rebuild sends nothing twice. Who claims one holds it
for CLAIM; after a kill it is due again then. So each is sent at least once.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg
import msgspec

from callstream.contracts.call_events import RecordingReady

NAME = "recording-push"
CLAIM = timedelta(minutes=1)
AT_ONCE = 4
"""Of one tenant: a dead address holds up nobody else's."""


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One recording on its way."""

    tenant: str
    call_id: str
    recording_id: str
    seq: int
    first_at: datetime
    due_at: datetime
    tries: int
    state: str
    """`waiting`, `sent` or `given-up`."""
    error: str = ""


_COLUMNS = ", ".join(Push.__struct_fields__)
COUNT = "select state, count(*) as n from recording_push where state <> 'sent' group by state"
"""Asked every second: an index of its own keeps it from all that were sent."""
_KEY = "tenant = $1 and call_id = $2 and recording_id = $3"


class Pushes:
    """The queue."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def take_in(self, wanted: Callable[[str], bool], now: datetime) -> int:
        """Enter what has become ready, of tenants that want it; tells how many events were looked at."""
        async with self._pool.acquire() as connection, connection.transaction():
            position = await connection.fetchval("select position from projection where name = $1 for update", NAME)
            rows = await connection.fetch(
                "select seq, tenant, call_id, body->>'recording_id' as recording_id from timeline"
                " where type = 'call.recording-ready.v1' and seq > $1 order by seq limit 500",
                position,
            )
            if not rows:
                return 0
            await connection.executemany(
                "insert into recording_push (tenant, call_id, recording_id, seq, first_at, due_at)"
                " values ($1, $2, $3, $4, $5, $5) on conflict do nothing",
                [(r["tenant"], r["call_id"], r["recording_id"], r["seq"], now) for r in rows if wanted(r["tenant"])],
            )
            await connection.execute("update projection set position = $2 where name = $1", NAME, rows[-1]["seq"])
            return len(rows)

    async def claim(self, now: datetime) -> list[Push]:
        """Some that are due, of calls that are over; theirs who claims them until `now` + CLAIM."""
        rows = await self._pool.fetch(
            f"""
            with due as (
                select p.ctid, row_number() over (partition by p.tenant order by p.due_at) as place
                from recording_push p join service_record r using (tenant, call_id)
                where p.state = 'waiting' and p.due_at <= $1 and r.ended_at is not null
            ), mine as (
                select ctid from recording_push where state = 'waiting' and due_at <= $1
                and ctid in (select ctid from due where place <= {AT_ONCE:d}) for update skip locked
            )
            update recording_push p set due_at = $2 from mine where p.ctid = mine.ctid returning {_COLUMNS}
            """,  # noqa: S608  (column names are our own constants)
            now,
            now + CLAIM,
        )
        return [Push(**row) for row in rows]

    async def sent(self, push: Push) -> None:
        """It was taken."""
        await self._pool.execute(
            f"update recording_push set state = 'sent', tries = tries + 1, error = '' where {_KEY}",  # noqa: S608
            push.tenant,
            push.call_id,
            push.recording_id,
        )

    async def failed(self, push: Push, error: str, again_at: datetime | None) -> None:
        """It was not; None: given up."""
        await self._pool.execute(
            "update recording_push set tries = tries + 1, error = $4, due_at = coalesce($5, due_at),"  # noqa: S608
            f" state = case when $5::timestamptz is null then 'given-up' else 'waiting' end where {_KEY}",
            push.tenant,
            push.call_id,
            push.recording_id,
            error,
            again_at,
        )

    async def again(self, tenant: str, recording_id: str, now: datetime) -> int:
        """Send it, or all that were given up (empty), as if for the first time; tells how many."""
        done = await self._pool.execute(
            "update recording_push set state = 'waiting', tries = 0, error = '', first_at = $3, due_at = $3"
            " where tenant = $1 and case when $2 = '' then state = 'given-up' else recording_id = $2 end",
            tenant,
            recording_id,
            now,
        )
        return int(done.removeprefix("UPDATE "))

    async def of_tenant(self, tenant: str, state: str, limit: int) -> list[Push]:
        """The newest ones; `state` empty: of any."""
        rows = await self._pool.fetch(
            f"select {_COLUMNS} from recording_push where tenant = $1 and ($2 = '' or state = $2) order by seq desc limit $3",  # noqa: S608
            tenant,
            state,
            limit,
        )
        return [Push(**row) for row in rows]

    async def counts(self) -> dict[str, int]:
        """How many wait, and how many were given up."""
        rows = await self._pool.fetch(COUNT)
        return {"waiting": 0, "given-up": 0, **{row["state"]: row["n"] for row in rows}}

    async def event(self, push: Push) -> RecordingReady | None:
        """What the log says of it; None during a rebuild."""
        body = await self._pool.fetchval(
            "select body from timeline where tenant = $1 and call_id = $2 and type = 'call.recording-ready.v1'"
            " and body->>'recording_id' = $3 order by seq desc limit 1",
            push.tenant,
            push.call_id,
            push.recording_id,
        )
        return None if body is None else msgspec.json.decode(body, type=RecordingReady)
