from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from nats.aio.client import Client

from callstream.runtime.streams import declare

from .nats_server import Server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running nats-server with nothing in it."""
    server = Server(tmp_path / "js")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def nc(server: Server) -> AsyncIterator[Client]:
    """A connection to a server whose streams are declared."""
    client = await server.connect()
    await declare(client)
    yield client
    with suppress(OSError):  # the test may have killed the server
        await client.close()
