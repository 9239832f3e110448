"""Fixtures: real NATS and PostgreSQL for any test that asks for them.

The session's servers are shared: a test that needs untouched streams takes `fresh_nats` (some 30 ms), one that needs empty
tables takes `fresh_database`, and one that needs a service's empty tables a `fresh_schema`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from callstream.runtime.migrations import migrate
from callstream_local.embedded.nats import EmbeddedNats
from callstream_local.embedded.postgres import EmbeddedPostgres

FreshSchema = Callable[[str, str], Awaitable[str]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedNats]:
    """One nats-server with JetStream for the whole session; `await nats_server.connect()` gives an operator's client."""
    async with EmbeddedNats(tmp_path_factory.mktemp("nats"), durability="fast") as server:
        yield server


@pytest_asyncio.fixture
async def fresh_nats(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    """A nats-server of the test's own: empty, and free to be killed (`await fresh_nats.kill()`, then `.start()`)."""
    async with EmbeddedNats(tmp_path / "nats", durability="fast") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """One PostgreSQL for the whole session, with the roles and databases of the product."""
    async with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durability="fast") as server:
        yield server


@pytest.fixture(scope="session")
def fresh_schema(postgres_server: EmbeddedPostgres) -> FreshSchema:
    """`await fresh_schema("callstream_console", HEAD)`: the URL of a database of the test's own with that service's tables.

    Migrations run once a session (a process and a second of work); the others get copies of what they made.
    """
    made: set[str] = set()

    async def fresh(package: str, head: str) -> str:
        template = f"template_{package}"
        if template not in made:
            await migrate(await postgres_server.create_database(template), package, head)
            made.add(template)
        return await postgres_server.create_database(f"test_{uuid4().hex}", template)

    return fresh


@pytest_asyncio.fixture
async def fresh_database(postgres_server: EmbeddedPostgres) -> str:
    """The URL of an empty database of the test's own, in the session's PostgreSQL."""
    return await postgres_server.create_database(f"test_{uuid4().hex}")
