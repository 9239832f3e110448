"""An open house for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callstream_local.embedded.nats import EmbeddedNats

from .house import House, house


@pytest.fixture
async def open_house(fresh_nats: EmbeddedNats, tmp_path: Path) -> AsyncIterator[House]:
    async with house(fresh_nats, tmp_path) as made:
        yield made
