"""Reading service records and timelines."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_reporting.adapters.remarks import remark_on, with_remarks, write_remark
from callstream_reporting.adapters.services import with_services
from callstream_reporting.domain.record import STORED, Names, ServiceRecord, named

_COLUMNS = ", ".join(STORED)


class RecordQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which records. `since` counts, `until` does not; empty filters match everything."""

    tenant: str
    since: datetime | None = None
    until: datetime | None = None
    agent_id: str = ""
    group_id: str = ""
    groups: tuple[str, ...] | None = None
    """Only calls that asked for one of these groups; None: all."""
    agents: tuple[str, ...] = ()
    """With `groups`: also calls of no group that one of these agents has part in."""
    call_type: str = ""
    access_status: str = ""
    caller: str = ""
    called: str = ""
    callback_of: str = ""
    """Only the attempts at the callback that was asked for in this call."""
    live: bool | None = None
    """Only calls that go on (True), or only ended ones (False)."""
    limit: int = 100
    cursor: str = ""


class RecordPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of records, newest first, with the count of all that match (F240)."""

    total: int
    records: list[ServiceRecord]
    next_cursor: str = ""


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a call's story."""

    seq: int
    at: datetime
    source: str
    aggregate: str
    aggregate_id: str
    type: str
    body: msgspec.Raw


class Records:
    """Queries over the projected tables."""

    def __init__(self, pool: asyncpg.Pool, names: Names) -> None:
        self._pool, self._names = pool, names

    async def page(self, query: RecordQuery) -> RecordPage:
        """A page of the records that match; Refusal names a broken cursor."""
        where, values = _where(query)
        total: int = await self._pool.fetchval(f"select count(*) from service_record where {where}", *values)  # noqa: S608
        if query.cursor:
            moment, call_id = _read_cursor(query.cursor)
            values += [moment, call_id]
            where += f" and (arrived_at, call_id) < (${len(values) - 1}, ${len(values)})"
        rows = await self._pool.fetch(
            f"select {_COLUMNS} from service_record where {where} "  # noqa: S608
            f"order by arrived_at desc, call_id desc limit {query.limit + 1:d}",
            *values,
        )
        records = await self._whole(rows[: query.limit])
        more = len(rows) > query.limit
        return RecordPage(total=total, records=records, next_cursor=_cursor(records[-1]) if more else "")

    async def get(self, tenant: str, call_id: str) -> ServiceRecord | None:
        """One record, or None when the tenant has no such call."""
        row = await self._pool.fetchrow(
            f"select {_COLUMNS} from service_record where tenant = $1 and call_id = $2",  # noqa: S608
            tenant,
            call_id,
        )
        return (await self._whole([row]))[0] if row else None

    async def remark(self, record: ServiceRecord, text: str, person: str, at: datetime) -> None:
        """Write the remark on a call (F190)."""
        await write_remark(self._pool, record.tenant, record.call_id, text, person, at)

    async def remark_on(self, tenant: str, call_id: str) -> str:
        """The remark on a call; empty: none."""
        return await remark_on(self._pool, tenant, call_id)

    async def _whole(self, rows: Sequence[asyncpg.Record]) -> list[ServiceRecord]:
        found = await with_services(self._pool, [ServiceRecord(**row) for row in rows])
        return [named(record, self._names) for record in await with_remarks(self._pool, found)]

    async def recording_path(self, tenant: str, call_id: str, recording_id: str) -> str | None:
        """Where one of a call's recordings is, relative to the store; None while it is not ready."""
        path: str | None = await self._pool.fetchval(
            "select body->>'path' from timeline where tenant = $1 and call_id = $2 and type = 'call.recording-ready.v1'"
            " and body->>'recording_id' = $3 order by seq desc limit 1",
            tenant,
            call_id,
            recording_id,
        )
        return path

    async def timeline(self, tenant: str, call_id: str) -> list[TimelineEntry]:
        """A call's events in log order."""
        rows = await self._pool.fetch(
            "select seq, at, source, aggregate, aggregate_id, type, body from timeline"
            " where tenant = $1 and call_id = $2 order by seq",
            tenant,
            call_id,
        )
        return [TimelineEntry(**{**row, "body": msgspec.Raw(row["body"].encode())}) for row in rows]


def _where(query: RecordQuery) -> tuple[str, list[object]]:
    conditions = ["tenant = $1"]
    found: list[object] = [query.tenant]
    for condition, value in (
        ("arrived_at >= ", query.since),
        ("arrived_at < ", query.until),
        ("call_type = ", query.call_type or None),
        ("group_id = ", query.group_id or None),
        ("access_status = ", query.access_status or None),
        ("caller = ", query.caller or None),
        ("called = ", query.called or None),
        ("callback_of = ", query.callback_of or None),
    ):
        if value is not None:
            found.append(value)
            conditions.append(f"{condition}${len(found)}")
    if query.agent_id:
        found.append(query.agent_id)
        conditions.append(_has_part(f"= ${len(found)}"))
    if query.groups is not None:
        found += [list(query.groups), list(query.agents)]
        theirs = _has_part(f"= any(${len(found)})")
        conditions.append(f"(group_id = any(${len(found) - 1}) or (group_id is null and call_type <> 'inbound' and {theirs}))")
    if query.live is not None:
        conditions.append("ended_at is null" if query.live else "ended_at is not null")
    return " and ".join(conditions), found


def _has_part(is_agent: str) -> str:
    """Who began the call or answered it first, or served it later."""
    served = f"select 1 from service s where s.call_id = service_record.call_id and s.agent_id {is_agent}"  # noqa: S608
    return f"(agent_id {is_agent} or exists ({served}))"


def _cursor(record: ServiceRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.arrived_at.isoformat()} {record.call_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        moment, call_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(moment), call_id
    except (ValueError, binascii.Error):
        raise Refusal(Reason.INVALID, "not a cursor of ours", "cursor") from None
