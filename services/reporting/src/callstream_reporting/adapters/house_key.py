"""The key that links and pushes are signed with: made once, the same for all instances, kept in the database alone."""

import secrets

import asyncpg

KEY_BYTES = 32


async def house_key(pool: asyncpg.Pool) -> bytes:
    """The key; made when there is none yet."""
    await pool.execute("insert into house_key (key) values ($1) on conflict do nothing", secrets.token_bytes(KEY_BYTES))
    key: bytes = await pool.fetchval("select key from house_key")
    return key
