"""What every service's Alembic `env.py` does: connect as the service does and run the versions in one transaction."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def run_migrations() -> None:
    """Run the pending versions against CALLSTREAM_DATABASE_URL."""
    asyncio.run(_run())


async def _run() -> None:
    url = os.environ["CALLSTREAM_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_apply)
        await connection.commit()
    await engine.dispose()


def _apply(connection: Connection) -> None:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
