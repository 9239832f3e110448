"""People outside in PostgreSQL. What is everybody's is logged like configuration (F183); what is one's own is one's own."""

import asyncpg
import msgspec

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.documents import Connection
from callstream_console.domain.contacts import MOST_OWN, MOST_PUBLIC, Contact

_SEEN = (
    "select id, name, number, company, owner is not null as own from contact where tenant = $1 and (owner is null or owner = $2)"
)


class Contacts:
    """Of all tenants. `person_id`: who looks; another person's own contacts do not exist for them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def seen_by(self, tenant: str, person_id: str) -> list[Contact]:
        """The public ones and the person's own."""
        return [Contact(**row) for row in await self._pool.fetch(_SEEN, tenant, person_id)]

    async def one(self, tenant: str, person_id: str, contact_id: str) -> Contact:
        """Raises Refusal."""
        row = await self._pool.fetchrow(f"{_SEEN} and id = $3", tenant, person_id, contact_id)
        if row is None:
            raise Refusal(Reason.UNKNOWN_NUMBER, f"no such contact: '{contact_id}'", "contact_id")
        return Contact(**row)

    async def put(self, tenant: str, person_id: str, contact: Contact) -> None:
        """Create or change it. Raises Refusal when the number stands in that list already, or the list is full."""
        owner = person_id if contact.own else None
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"contacts:{tenant}:{owner}")
            before = await connection.fetchrow("select * from contact where tenant = $1 and id = $2", tenant, contact.id)
            if before is None:
                await _check_room(connection, tenant, owner)
            try:
                await connection.execute(
                    """
                    insert into contact (tenant, id, owner, name, number, company) values ($1, $2, $3, $4, $5, $6)
                    on conflict (tenant, id) do update
                    set name = excluded.name, number = excluded.number, company = excluded.company
                    """,
                    *(tenant, contact.id, owner, contact.name, contact.number, contact.company),
                )
            except asyncpg.UniqueViolationError:
                raise Refusal(Reason.CONFLICT, "this number is in the list already", "number") from None
            if not contact.own:
                await _log(connection, tenant, person_id, "change" if before else "create", before, contact)

    async def delete(self, tenant: str, person_id: str, contact: Contact) -> None:
        """Accepted also when it is gone already."""
        async with self._pool.acquire() as connection, connection.transaction():
            before = await connection.fetchrow(
                "delete from contact where tenant = $1 and id = $2 returning *", tenant, contact.id
            )
            if before is not None and not contact.own:
                await _log(connection, tenant, person_id, "delete", before, None, contact.id)


async def _check_room(connection: Connection, tenant: str, owner: str | None) -> None:
    most = MOST_PUBLIC if owner is None else MOST_OWN
    count = await connection.fetchval(
        "select count(*) from contact where tenant = $1 and owner is not distinct from $2", tenant, owner
    )
    if count >= most:
        raise Refusal(Reason.INVALID, f"{most} contacts at most", "name")


async def _log(
    connection: Connection,
    tenant: str,
    actor: str,
    action: str,
    before: asyncpg.Record | None,
    after: Contact | None,
    contact_id: str = "",
) -> None:
    shown = None if before is None else {name: before[name] for name in ("id", "name", "number", "company")}
    await connection.execute(
        "insert into operation_log (tenant, actor, action, kind, id, before, after) values ($1, $2, $3, 'contact', $4, $5, $6)",
        *(tenant, actor, action, after.id if after else contact_id),
        None if shown is None else msgspec.json.encode(shown).decode(),
        None if after is None else msgspec.json.encode(after).decode(),
    )
