"""The table of agents' states: written with the projection, read for logs and attendance."""

from collections.abc import Iterable
from datetime import datetime

import asyncpg

from callstream_reporting.domain.agent_log import Key, StateRow
from callstream_reporting.domain.batch import storable

FIELDS = StateRow.__struct_fields__
_TYPES = {"seq": "bigint", "since": "timestamptz", "until": "timestamptz"}
_UPSERT = f"""
    insert into agent_state ({", ".join(FIELDS)})
    select * from unnest({", ".join(f"${i}::{_TYPES.get(name, 'text')}[]" for i, name in enumerate(FIELDS, 1))})
    on conflict (tenant, agent_id, seq) do update set until = excluded.until
"""  # noqa: S608  (column names are our own constants)
_COLUMNS = ", ".join(FIELDS)


async def open_states(pool: asyncpg.Pool, agents: set[Key]) -> dict[Key, StateRow]:
    """The last row of each of these agents."""
    rows = await pool.fetch(
        f"select {_COLUMNS} from agent_state join unnest($1::text[], $2::text[]) as wanted (t, a)"  # noqa: S608
        " on tenant = t and agent_id = a where until is null",
        [tenant for tenant, _ in agents],
        [agent_id for _, agent_id in agents],
    )
    return {(row["tenant"], row["agent_id"]): StateRow(**dict(row)) for row in rows}


async def write_states(connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy, rows: Iterable[StateRow]) -> None:
    """Store new rows and the ends of old ones; in the caller's transaction. Ends come first: one row an agent is open."""
    ordered = sorted(rows, key=lambda row: row.until is None)
    if ordered:
        await connection.execute(_UPSERT, *([storable(getattr(row, name)) for row in ordered] for name in FIELDS))


class AgentStates:
    """Queries."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def log(
        self, tenant: str, since: datetime, until: datetime, agents: list[str] | None, limit: int = 100_000
    ) -> list[StateRow]:
        """What reaches into the time from `since` to `until`, by agent and time; `agents` None: all."""
        rows = await self._pool.fetch(
            f"""
            select {_COLUMNS} from agent_state
            where tenant = $1 and since < $3 and (until is null or until > $2) and ($4::text[] is null or agent_id = any($4))
            order by agent_id, seq limit $5
            """,  # noqa: S608
            tenant,
            since,
            until,
            agents,
            limit,
        )
        return [StateRow(**dict(row)) for row in rows]
