import asyncio

import pytest
from nats.aio.client import Client

from callstream.contracts.subjects import DEAD_LETTER_STREAM
from callstream.runtime.event_store import EventStore
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.testing.store_contract import InjectRaw, StoreContract


class TestJetStreamStore(StoreContract):
    @pytest.fixture
    def store(self, nc: Client) -> JetStreamStore:
        self.nc = nc
        return JetStreamStore(nc, "test")

    @pytest.fixture
    def inject(self, nc: Client) -> InjectRaw:
        async def put(subject: str, payload: bytes, headers: dict[str, str]) -> None:
            await nc.jetstream().publish(subject, payload, headers=headers or None)

        return put

    async def dead_letters(self, store: EventStore, count: int) -> int:
        async with asyncio.timeout(5):
            while True:
                info = await self.nc.jetstream().stream_info(DEAD_LETTER_STREAM)
                if info.state.messages >= count:
                    return info.state.messages
                await asyncio.sleep(0.02)
