"""Carries the outbox to the configuration buckets, in order, at least once.

A kill between put and delete sends a row again: the put is idempotent. While the broker is away rows wait in the database.
With several consoles one publishes at a time (advisory lock), so the order of revisions holds.
"""

import asyncio
from typing import Protocol

import asyncpg
import structlog

_LOCK = 0x0B0C5
_BATCH = 500
_log = structlog.get_logger()


class Buckets(Protocol):
    """Where configuration goes; raises on failure."""

    async def put(self, bucket: str, key: str, value: bytes | None) -> None:
        """Store a value under a key of a bucket; None removes the key."""
        ...


class Outbox:
    """Publishes what stands in the outbox whenever it is woken, and every few seconds in case another instance died."""

    def __init__(self, pool: asyncpg.Pool, buckets: Buckets, idle_s: float = 10.0) -> None:
        self._pool, self._buckets, self._idle_s = pool, buckets, idle_s
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        back_off = 0.2
        while True:
            self._wake.clear()
            try:
                while await self.publish_batch():
                    pass
                back_off = 0.2
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, PublishFailed) as error:
                _log.warning("outbox waits", error=str(error), retry_in_s=back_off)
                await asyncio.sleep(back_off)
                back_off = min(back_off * 2, 5.0)
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), self._idle_s)
            except TimeoutError:
                continue

    async def publish_batch(self) -> int:
        """Send the oldest rows; tells how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            rows = await connection.fetch("select position, bucket, key, value from outbox order by position limit $1", _BATCH)
            for row in rows:
                await self._buckets.put(row["bucket"], row["key"], row["value"])
            if rows:
                await connection.execute("delete from outbox where position <= $1", rows[-1]["position"])
            return len(rows)

    async def pending(self) -> int:
        """Rows that wait."""
        count: int = await self._pool.fetchval("select count(*) from outbox")
        return count


class PublishFailed(Exception):
    """The broker did not take a value."""
