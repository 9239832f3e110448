"""Wiring of console: the API on PostgreSQL, and the outbox that publishes what it changes.

PostgreSQL away at the start: not ready, tried again for ever; calls go on with the configuration that is published.
"""

import asyncio
import contextlib
import secrets

import asyncpg

from callstream.contracts.roles import Role
from callstream.kernel.ids import ulid
from callstream.runtime.auth import TokenVerifier
from callstream.runtime.migrations import open_pool
from callstream.runtime.origins import hook_origins
from callstream.runtime.service import Service, run
from callstream_console import migrations
from callstream_console.adapters.buckets import KvBuckets
from callstream_console.adapters.contacts import Contacts
from callstream_console.adapters.documents import Documents
from callstream_console.adapters.outbox import Outbox
from callstream_console.adapters.people import Login, People
from callstream_console.adapters.tokens import TokenSigner
from callstream_console.api import build_api
from callstream_console.app.on_log_in import LogIn
from callstream_console.config import ConsoleConfig, read_config
from callstream_console.parts import Parts


def main() -> None:
    """Run the service."""
    config = read_config()

    async def wire(service: Service) -> None:
        pool = await open_pool(config.database_url, "callstream_console", migrations.HEAD)
        service.on_stop.append(pool.close)

        def new_id() -> str:
            return ulid(service.clock.now(), secrets.randbits(80))

        documents, people = Documents(pool), People(pool)
        await ensure_admin(pool, people, config, new_id())
        outbox = Outbox(pool, KvBuckets(service.nc.jetstream()))
        service.mount(
            build_api(
                Parts(
                    documents=documents,
                    people=people,
                    contacts=Contacts(pool),
                    log_in=LogIn(people, TokenSigner(config.private_key_file), service.clock),
                    outbox=outbox,
                    commands=service.commands,
                    verifier=TokenVerifier.from_file(config.public_key_file),
                    prompts=config.data_dir / "prompts",
                    new_id=new_id,
                    origins=hook_origins(),
                )
            )
        )

        async def database() -> str:
            await pool.fetchval("select 1")
            return ""

        service.check("database", database)
        publishing = asyncio.create_task(outbox.run())

        async def stop_publishing() -> None:
            publishing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await publishing

        service.on_stop.append(stop_publishing)
        await people.remove_expired(service.clock.now())

    run("console", wire)


async def ensure_admin(pool: asyncpg.Pool, people: People, config: ConsoleConfig, new_id: str) -> None:
    """The first administrator exists with the configured password."""
    login = Login(email=config.admin_email, role=Role.ADMIN, password=config.admin_password)
    async with pool.acquire() as connection, connection.transaction():
        await people.put(connection, config.tenant, login, new_id)


if __name__ == "__main__":
    main()
