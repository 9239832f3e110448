"""Database migrations with Alembic, kept out of the serving process: it is only imported when the schema is behind.

A service's `migrations` package holds `env.py`, `versions/` and the constant `HEAD`; a test keeps HEAD equal to the newest
version. The upgrade runs in a process of its own, under an advisory lock, so several starting instances do it once.
"""

import asyncio
import os
import sys
from typing import Any

import asyncpg
import structlog

_LOCK = 0x0CA11


_log = structlog.get_logger(__name__)


class MigrationFailed(Exception):
    """Alembic refused; the message is its own."""


async def migrate(database_url: str, package: str, head: str) -> None:
    """Bring the schema of `database_url` to `head` of the migrations in `package` (for example `callstream_console`).

    Raises MigrationFailed, or asyncpg's errors when the database cannot be reached.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        if await _version(connection) != head:
            await _upgrade(database_url, package)
    finally:
        await connection.close()


async def open_pool(database_url: str, package: str, head: str) -> asyncpg.Pool:
    """A pool on a database whose schema is at `head`; waits for the database as long as it takes. Raises MigrationFailed."""
    back_off = 0.2
    while True:
        try:
            await migrate(database_url, package, head)
            return await asyncpg.create_pool(database_url, min_size=1, max_size=8, reset=_leave_as_it_is)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _log.warning("database away", error=repr(error), retry_in_s=back_off)
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, 5.0)


async def _leave_as_it_is(_: Any) -> None:
    """Nobody sets, listens or locks for a whole session here, so a connection need not be cleared after each use: that asked the
    database once more each time. What a transaction holds ends with it, and an open one is rolled back all the same.
    """


async def _version(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("select version_num from alembic_version")
    return version


async def _upgrade(database_url: str, package: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from alembic import command; from alembic.config import Config; c = Config();"
        " c.set_main_option('script_location', sys.argv[1] + ':migrations'); command.upgrade(c, 'head')",
        package,
        env={**os.environ, "CALLSTREAM_DATABASE_URL": database_url},
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()
    if process.returncode != 0:
        raise MigrationFailed(stderr.decode(errors="replace")[-2000:])
