import pytest

from callstream.runtime.event_store import EventStore
from callstream.runtime.memory_store import MemoryStore
from callstream.testing.store_contract import InjectRaw, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def inject(self, store: MemoryStore) -> InjectRaw:
        async def put(subject: str, payload: bytes, headers: dict[str, str]) -> None:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            store.inject(subject, payload, f"NATS/1.0\r\n{lines}\r\n".encode())

        return put

    async def dead_letters(self, store: EventStore, count: int) -> int:
        assert isinstance(store, MemoryStore)
        return len(store.dead_letters)
