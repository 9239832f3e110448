"""Groups that were stored with one rule become groups with a list of criteria, and are published again."""

import asyncio
import os
import sys

import asyncpg
import msgspec

from callstream.contracts.config import Published, SkillGroup
from callstream.runtime.migrations import migrate
from callstream_console import migrations

UPGRADE = (
    "from alembic import command; from alembic.config import Config; c = Config();"
    " c.set_main_option('script_location', 'callstream_console:migrations'); command.upgrade(c, '0001')"
)


async def test_stored_groups_are_converted_and_published(fresh_database: str) -> None:
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPGRADE, env={**os.environ, "CALLSTREAM_DATABASE_URL": fresh_database}
    )
    assert await first.wait() == 0
    connection = await asyncpg.connect(fresh_database)
    insert = "insert into document (tenant, kind, id, revision, body, updated_by) values ('acme', $1, $2, 4, $3, 'u')"
    await connection.execute(insert, "group", "sales", '{"id": "sales", "name": "S", "rule": "longest-idle", "enabled": true}')
    await connection.execute(insert, "trunk", "t", '{"id": "t", "peers": ["192.0.2.1"], "rule": "kept"}')
    await migrate(fresh_database, "callstream_console", migrations.HEAD)
    rows = await connection.fetch("select bucket, key, value from outbox")
    assert [(row["bucket"], row["key"]) for row in rows] == [("CONFIG", "acme.group.sales")]
    published = msgspec.json.decode(rows[0]["value"], type=Published)
    group = msgspec.json.decode(published.body, type=SkillGroup)
    assert (published.revision, group.id, group.rank_by) == (5, "sales", ())
    assert await connection.fetchval("select body ? 'rule' from document where kind = 'trunk'")
    await connection.close()
