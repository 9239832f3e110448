"""The table of services: who had which part of a call."""

from collections.abc import Iterable

import asyncpg
from msgspec.structs import replace

from callstream_reporting.domain.batch import storable
from callstream_reporting.domain.record import Service, ServiceRecord

_COLUMNS = Service.__struct_fields__
_INSERT = f"""
    insert into service (call_id, tenant, {", ".join(_COLUMNS)})
    select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
                         $9::timestamptz[], $10::bigint[], $11::bigint[], $12::int[])
"""  # noqa: S608  (column names are our own constants)


async def write_services(
    connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy, records: Iterable[ServiceRecord]
) -> None:
    """Put the services of these calls in the place of what stood there; in the transaction of their records."""
    records = list(records)
    await connection.execute("delete from service where call_id = any($1)", [storable(record.call_id) for record in records])
    rows = [
        (storable(record.call_id), record.tenant, *(storable(getattr(service, column)) for column in _COLUMNS))
        for record in records
        for service in record.services
    ]
    if rows:
        await connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))


async def with_services(pool: asyncpg.Pool, records: list[ServiceRecord]) -> list[ServiceRecord]:
    """The records, each with its services."""
    rows = await pool.fetch(
        f"select call_id, {', '.join(_COLUMNS)} from service where call_id = any($1) order by call_id, number",  # noqa: S608
        [record.call_id for record in records],
    )
    of_call: dict[str, list[Service]] = {}
    for row in rows:
        of_call.setdefault(row["call_id"], []).append(Service(**{column: row[column] for column in _COLUMNS}))
    return [replace(record, services=tuple(of_call.get(record.call_id, ()))) for record in records]
