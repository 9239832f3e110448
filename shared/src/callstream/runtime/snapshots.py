"""Keeps a service's state between runs, so that a start reads only what came since.

A snapshot is worth nothing but time: whatever is wrong with one (absent, cut, of another version, unreadable), the state is
built from the log's beginning instead.
"""

from collections.abc import Callable
from typing import Any, Protocol
from zlib import crc32

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from callstream.contracts.subjects import SNAPSHOTS_BUCKET, bucket_stream, bucket_subject
from callstream.runtime.link import Link, NoAnswer
from callstream.runtime.wire import status

TIMEOUT_S = 5.0
CHUNK = 512 * 1024

log = structlog.get_logger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """How a service's state is kept between runs; msgpack of `kind`.

    `version` counts up whenever the meaning of the state changes: a snapshot of another version is ignored, and the state
    is built from the log's beginning.
    """

    version: int
    kind: Any
    """The type that is kept (a msgspec Struct, or what msgspec can convert)."""
    take: Callable[[], Any]
    """The state as a `kind`. Called between two batches."""
    restore: Callable[[Any], None]
    """Puts a `kind` back into the empty state."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot consists of. Written last, so a crash while saving leaves the one before."""

    version: int
    position: int
    slot: int
    chunks: int
    crc: int


class SnapshotStore(Protocol):
    """Where snapshots lie."""

    async def save(self, name: str, version: int, position: int, state: bytes) -> None:
        """Replace the snapshot of `name`. Failure is logged, not raised."""
        ...

    async def load(self, name: str, version: int) -> tuple[int, bytes] | None:
        """(position, state), or None when there is none of that version."""
        ...


class MemorySnapshots:
    """Snapshots in memory, for tests."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, int, bytes]] = {}

    async def save(self, name: str, version: int, position: int, state: bytes) -> None:
        self.kept[name] = (version, position, state)

    async def load(self, name: str, version: int) -> tuple[int, bytes] | None:
        kept = self.kept.get(name)
        return (kept[1], kept[2]) if kept is not None and kept[0] == version else None


class BucketSnapshots:
    """Snapshots in the KV bucket SNAPSHOTS: `<instance>.<name>.head`, and chunks in two slots that take turns.

    Each instance keeps its own: two that wrote one would tear it.
    """

    def __init__(self, nc: Client, instance: str) -> None:
        self._link = Link.of(nc)
        self._instance = instance
        self._slots: dict[str, int] = {}

    async def save(self, name: str, version: int, position: int, state: bytes) -> None:
        slot = 1 - self._slots.get(name, 1)
        chunks = [state[i : i + CHUNK] for i in range(0, len(state), CHUNK)]
        head = Head(version=version, position=position, slot=slot, chunks=len(chunks), crc=crc32(state))
        try:
            for i, chunk in enumerate(chunks):
                await self._put(f"{name}.{slot}.{i}", chunk)
            await self._put(f"{name}.head", msgspec.json.encode(head))
        except (NoAnswer, NatsError, OSError) as error:
            log.warning("snapshot not saved", name=name, error=str(error))
        else:
            self._slots[name] = slot

    async def load(self, name: str, version: int) -> tuple[int, bytes] | None:
        try:
            found = await self._get(f"{name}.head")
            if found is None:
                return None
            head = msgspec.json.decode(found, type=Head)
            self._slots[name] = head.slot
            if head.version != version:
                log.info("snapshot of another version", name=name, found=head.version, needed=version)
                return None
            chunks = [await self._get(f"{name}.{head.slot}.{i}") for i in range(head.chunks)]
        except (NoAnswer, NatsError, OSError, msgspec.DecodeError) as error:
            log.warning("snapshot not loaded", name=name, error=str(error))
            return None
        state = b"".join(chunk or b"" for chunk in chunks)
        if crc32(state) != head.crc:
            log.warning("snapshot is damaged", name=name)
            return None
        return head.position, state

    async def _put(self, key: str, value: bytes) -> None:
        answer, _ = await self._link.request(bucket_subject(SNAPSHOTS_BUCKET, f"{self._instance}.{key}"), value, TIMEOUT_S)
        if b'"error"' in answer:
            raise NoAnswer(answer.decode())

    async def _get(self, key: str) -> bytes | None:
        stream = bucket_stream(SNAPSHOTS_BUCKET)
        subject = bucket_subject(SNAPSHOTS_BUCKET, f"{self._instance}.{key}")
        payload, headers = await self._link.request(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"", TIMEOUT_S)
        return None if status(headers) == 404 else payload
