"""Databases and roles: one of each per service that keeps tables, and an analyst who may read what reporting shows."""

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

SUPERUSER = "callstream"


@dataclass(frozen=True)
class Role:
    """`owns`: the database is its own; otherwise it may only read there."""

    database: str
    owns: bool = True


ROLES = {
    "console": Role("console"),
    "reporting": Role("reporting"),
    "analyst": Role("reporting", owns=False),
}


async def create_roles(connection: asyncpg.Connection, password: Callable[[str], str], url: Callable[[str, str], str]) -> None:
    """Create what is missing; `connection` is the superuser's. Safe to repeat, also after a crash half way."""
    known = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
    for name in ROLES:
        if name not in known:
            # Utility statements take no parameters; the password has URL-safe letters only (DataFolder.secret).
            await connection.execute(f"create role {name} login password '{password(name)}'")
    databases = {row["datname"] for row in await connection.fetch("select datname from pg_database")}
    for name, role in ROLES.items():
        if role.owns:
            if role.database not in databases:
                await connection.execute(f"create database {role.database} owner {name}")
            await connection.execute(f"revoke all on database {role.database} from public")
    for name, role in ROLES.items():
        if not role.owns:
            await _grant_reading(connection, name, role.database, url)


async def _grant_reading(connection: asyncpg.Connection, reader: str, database: str, url: Callable[[str, str], str]) -> None:
    owner = next(name for name, role in ROLES.items() if role.owns and role.database == database)
    await connection.execute(f"grant connect on database {database} to {reader}")
    await connection.execute(f"alter role {reader} set default_transaction_read_only = on")
    await connection.execute(f"alter role {reader} set statement_timeout = '60s'")
    inside = await asyncpg.connect(url(SUPERUSER, database))
    try:
        # Default privileges act on what the owner creates later: its migrations need not know the reader.
        await inside.execute(f"alter default privileges for role {owner} grant select on tables to {reader}")
        await inside.execute(f"alter default privileges for role {owner} grant usage on schemas to {reader}")
        await inside.execute(f"grant usage on schema public to {reader}")
    finally:
        await inside.close()
