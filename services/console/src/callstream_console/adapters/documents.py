"""The record of the configuration: documents, operation log and outbox, written in one transaction.

A change and its publication cannot part: the outbox row is committed with the document, and the publisher sends it as often
as it takes. The operation log holds who changed what and when (F183); credentials are written there without their content.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import asyncpg
import msgspec

from callstream.contracts.commands import Command, Reply
from callstream.contracts.config import Agent, Document, Published
from callstream.contracts.credentials import BucketCredential, SipCredential, TrunkCredential
from callstream.contracts.subjects import ARCHIVE_KEYS_BUCKET, CONFIG_BUCKET, CREDENTIALS_BUCKET, config_key
from callstream_console.domain.holdings import DOCUMENT_TYPES, Holdings
from callstream_console.domain.plan import Change

SECRETS = (SipCredential, TrunkCredential, BucketCredential)
BUCKET_OF = {
    SipCredential.KIND: CREDENTIALS_BUCKET,
    TrunkCredential.KIND: CREDENTIALS_BUCKET,
    BucketCredential.KIND: ARCHIVE_KEYS_BUCKET,
}
D = TypeVar("D", bound=Document)

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the operation log."""

    at: datetime
    actor: str
    action: str
    kind: str
    id: str
    before: msgspec.Raw | None
    after: msgspec.Raw | None


class Documents:
    """Documents of all tenants in PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def writing(self, tenant: str) -> AsyncIterator[Connection]:
        """A transaction in which nobody else changes this tenant's configuration."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"configuration:{tenant}")
            yield connection

    async def holdings(self, tenant: str, connection: Connection | None = None) -> Holdings:
        """All readable documents of a tenant."""
        rows = await (connection or self._pool).fetch(
            "select kind, id, body from document where tenant = $1 and kind = any($2)", tenant, list(DOCUMENT_TYPES)
        )
        documents = {(row["kind"], row["id"]): msgspec.json.decode(row["body"], type=DOCUMENT_TYPES[row["kind"]]) for row in rows}
        return Holdings(documents=documents)

    async def write(self, connection: Connection, tenant: str, changes: Iterable[Change], actor: str) -> None:
        """Store changed documents with their log lines and outbox rows."""
        for change in changes:
            document = change.after
            body = msgspec.json.encode(document)
            revision = await connection.fetchval(
                """
                insert into document (tenant, kind, id, revision, body, updated_by) values ($1, $2, $3, 1, $4, $5)
                on conflict (tenant, kind, id) do update
                set revision = document.revision + 1, body = excluded.body, updated_at = now(), updated_by = $5
                returning revision
                """,
                tenant,
                document.KIND,
                document.key_id,
                body.decode(),
                actor,
            )
            secret = isinstance(document, SECRETS)
            await self._log(
                connection,
                tenant,
                actor,
                "change" if change.before else "create",
                document,
                before=None if secret or change.before is None else msgspec.json.encode(change.before).decode(),
                after=None if secret else body.decode(),
            )
            value = msgspec.json.encode(Published(revision=revision, body=msgspec.Raw(body)))
            await self._post(connection, tenant, document.KIND, document.key_id, value)

    async def delete(self, connection: Connection, tenant: str, document: Document, actor: str) -> None:
        """Remove a document and publish its removal."""
        await connection.execute(
            "delete from document where tenant = $1 and kind = $2 and id = $3", tenant, document.KIND, document.key_id
        )
        secret = isinstance(document, SECRETS)
        before = None if secret else msgspec.json.encode(document).decode()
        await self._log(connection, tenant, actor, "delete", document, before=before, after=None)
        await self._post(connection, tenant, document.KIND, document.key_id, None)

    async def credential(self, connection: Connection, tenant: str, kind: type[D], key_id: str) -> D | None:
        """Secrets of a phone, of an account at a trunk or of a bucket, for comparison only."""
        body = await connection.fetchval(
            "select body from document where tenant = $1 and kind = $2 and id = $3", tenant, kind.KIND, key_id
        )
        return None if body is None else msgspec.json.decode(body, type=kind)

    async def log(self, tenant: str, limit: int) -> list[LogEntry]:
        """The newest lines of the operation log."""
        rows = await self._pool.fetch(
            "select at, actor, action, kind, id, before, after from operation_log where tenant = $1"
            " order by position desc limit $2",
            tenant,
            limit,
        )
        return [
            LogEntry(
                at=row["at"],
                actor=row["actor"],
                action=row["action"],
                kind=row["kind"],
                id=row["id"],
                before=None if row["before"] is None else msgspec.Raw(row["before"].encode()),
                after=None if row["after"] is None else msgspec.Raw(row["after"].encode()),
            )
            for row in rows
        ]

    async def note(self, tenant: str, actor: str, command: Command, reply: Reply) -> None:
        """A line about what a person did to a call or an agent, and what came of it (F183)."""
        outcome: dict[str, object] = {"accepted": reply.accepted}
        if not reply.accepted:
            outcome |= {"reason": reply.reason, "message": reply.message}
        subject = getattr(command, "request_id", "") or getattr(command, "agent_id", "")
        await self._pool.execute(
            "insert into operation_log (tenant, actor, action, kind, id, before, after) values ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            actor,
            command.NAME,
            "request" if hasattr(command, "request_id") else Agent.KIND,
            subject,
            msgspec.json.encode(command).decode(),
            msgspec.json.encode(outcome).decode(),
        )

    async def _log(
        self,
        connection: Connection,
        tenant: str,
        actor: str,
        action: str,
        document: Document,
        *,
        before: str | None,
        after: str | None,
    ) -> None:
        await connection.execute(
            "insert into operation_log (tenant, actor, action, kind, id, before, after) values ($1, $2, $3, $4, $5, $6, $7)",
            tenant,
            actor,
            action,
            document.KIND,
            document.key_id,
            before,
            after,
        )

    async def _post(self, connection: Connection, tenant: str, kind: str, key_id: str, value: bytes | None) -> None:
        bucket = BUCKET_OF.get(kind, CONFIG_BUCKET)
        await connection.execute(
            "insert into outbox (bucket, key, value) values ($1, $2, $3)", bucket, config_key(tenant, kind, key_id), value
        )
