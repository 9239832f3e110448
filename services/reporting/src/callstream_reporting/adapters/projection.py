"""The tables that the log is folded into. Rows and stream position commit in one transaction.

A kill at any instant leaves both or neither; after it the batch is simply handed over again. Should two instances run, the
row lock on `projection` makes one wait and then find the position moved: it raises `PositionMoved` and reads it anew.
"""

import asyncpg
import msgspec

from callstream.contracts.outcome import CallSummary
from callstream_reporting.adapters.agent_states import open_states, write_states
from callstream_reporting.adapters.services import write_services
from callstream_reporting.domain.agent_log import Key, StateRow
from callstream_reporting.domain.batch import Rows, storable, storable_json
from callstream_reporting.domain.record import STORED, record_of

NAME = "calls"
_TYPES = {
    "seq": "bigint", "arrived_at": "timestamptz", "ended_at": "timestamptz", "wait_ms": "bigint", "talk_ms": "bigint",
    "recording_ms": "bigint", "ring_ms": "bigint", "hold_ms": "bigint", "holds": "int", "transfers": "int", "consults": "int",
    "conference": "boolean", "callback_at": "timestamptz", "callback_attempts": "int",
}  # fmt: skip
_UPSERT = f"""
    insert into service_record ({", ".join(STORED)}, summary)
    select * from unnest({", ".join(f"${i}::{_TYPES.get(c, 'text')}[]" for i, c in enumerate(STORED, 1))}, ${len(STORED) + 1}::jsonb[])
    on conflict (call_id) do update set
    {", ".join(f"{c} = excluded.{c}" for c in STORED if c != "call_id")}, summary = excluded.summary
    where service_record.seq < excluded.seq
"""  # noqa: S608, E501  (column names are our own constants)
_TIMELINE = """
    insert into timeline (call_id, seq, tenant, at, source, aggregate, aggregate_id, type, body)
    select * from unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::jsonb[])
    on conflict do nothing
"""


class PositionMoved(Exception):
    """Another instance has gone on: what stands in memory is out of date."""


class Projection:
    """Writes batches and reads back what they are folded onto."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def position(self) -> int:
        """The log position up to which all rows are written."""
        position: int = await self._pool.fetchval("select position from projection where name = $1", NAME)
        return position

    async def summaries(self, call_ids: list[str]) -> dict[str, CallSummary]:
        """The stored summaries of some calls."""
        rows = await self._pool.fetch("select call_id, summary from service_record where call_id = any($1)", call_ids)
        return {row["call_id"]: msgspec.json.decode(row["summary"], type=CallSummary) for row in rows}

    async def open_states(self, agents: set[Key]) -> dict[Key, StateRow]:
        """The last state rows of some agents."""
        return await open_states(self._pool, agents) if agents else {}

    async def write(self, rows: Rows, before: int, after: int) -> None:
        """Commit a batch that leads from position `before` to `after`; raises PositionMoved, and then nothing is written."""
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.execute(
                "update projection set position = $3 where name = $1 and position = $2", NAME, before, after
            )
            if moved != "UPDATE 1":
                raise PositionMoved
            if rows.summaries:
                records = [record_of(summary) for summary in rows.summaries.values()]
                columns = [[storable(getattr(record, column)) for record in records] for column in STORED]
                bodies = [storable_json(msgspec.json.encode(summary)) for summary in rows.summaries.values()]
                await connection.execute(_UPSERT, *columns, bodies)
                await write_services(connection, records)
            await write_states(connection, rows.states)
            if rows.timeline:
                events = [row.recorded for row in rows.timeline]
                await connection.execute(
                    _TIMELINE,
                    [row.call_id for row in rows.timeline],
                    [event.seq for event in events],
                    [event.tenant for event in events],
                    [event.time for event in events],
                    [event.source for event in events],
                    [event.aggregate for event in events],
                    [event.aggregate_id for event in events],
                    [event.event.TYPE for event in events],
                    [row.body for row in rows.timeline],
                )

    async def clear(self) -> None:
        """Forget everything, to be rebuilt from the log's beginning."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("truncate service_record, service, timeline, agent_state")
            await connection.execute("update projection set position = 0 where name = $1", NAME)
