"""Remarks on calls (F190): one a call, written by people and touched by no rebuild."""

from datetime import datetime

import asyncpg
from msgspec.structs import replace

from callstream_reporting.domain.batch import storable
from callstream_reporting.domain.record import ServiceRecord


async def write_remark(pool: asyncpg.Pool, tenant: str, call_id: str, text: str, person: str, at: datetime) -> None:
    """In the place of the one before; an empty text is none."""
    await pool.execute(
        """
        insert into remark (tenant, call_id, text, written_by, written_at) values ($1, $2, $3, $4, $5)
        on conflict (tenant, call_id) do update
        set text = excluded.text, written_by = excluded.written_by, written_at = excluded.written_at
        """,
        *(tenant, call_id, storable(text), person, at),
    )


async def remark_on(pool: asyncpg.Pool, tenant: str, call_id: str) -> str:
    """Empty: none."""
    return await pool.fetchval("select text from remark where tenant = $1 and call_id = $2", tenant, call_id) or ""


async def with_remarks(pool: asyncpg.Pool, records: list[ServiceRecord]) -> list[ServiceRecord]:
    """The records, each with its remark."""
    rows = await pool.fetch(
        "select tenant, call_id, text from remark where (tenant, call_id) in (select * from unnest($1::text[], $2::text[]))",
        [record.tenant for record in records],
        [record.call_id for record in records],
    )
    texts = {(row["tenant"], row["call_id"]): row["text"] for row in rows}
    return [replace(record, remark=texts.get((record.tenant, record.call_id), "")) for record in records]
