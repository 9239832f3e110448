"""All buckets that recordings go to: the installation's, and those of tenants (F204), each with a queue of its own.

So a bucket that is away, slow or refuses its keys holds up nobody else's recordings. Which one a file is for, its directory
says: that survives every kill and every change of the settings.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from callstream.contracts.recording_bucket import parse_root
from callstream.runtime.bucket import Bucket, BucketSettings
from callstream.runtime.tenant_buckets import TenantBuckets
from callstream_media_gateway.adapters.archive import FIRST_RETRY_S, LOOK_AGAIN_S, Archive, until


class OfTenant:
    """The bucket of one directory: looked up for each file, since its keys may come late or change."""

    def __init__(self, buckets: TenantBuckets, folder: str) -> None:
        self._buckets = buckets
        self._tenant, self._place_id, _ = parse_root(folder)

    async def put(self, key: str, file: Path) -> None:
        """Raises BucketError."""
        await self._buckets.find(self._tenant, self._place_id).put(key, file)


class Archives:
    """`run` goes on until cancelled; call `finished` after each MP3. installation: None: what is of no tenant's bucket stays."""

    def __init__(
        self, root: Path, installation: BucketSettings | None, tenants: TenantBuckets, first_retry_s: float = FIRST_RETRY_S
    ) -> None:
        self._root, self._tenants, self._first_retry_s = root, tenants, first_retry_s
        self._news = asyncio.Event()
        self._archives: dict[str, Archive] = {}
        """By directory; empty: the installation's."""
        if installation is not None:
            self._archives[""] = Archive(root, Bucket(installation), first_retry_s)

    def finished(self) -> None:
        """A file has come."""
        self._news.set()
        for archive in self._archives.values():
            archive.finished()

    async def run(self) -> None:
        """Begin a queue for each directory that has come; an empty one costs a look every five minutes."""
        async with asyncio.TaskGroup() as queues:
            for archive in self._archives.values():
                queues.create_task(archive.run())
            while True:
                self._news.clear()
                for folder in await asyncio.to_thread(lambda: list(_folders(self._root))):
                    if folder not in self._archives:
                        archive = Archive(self._root, OfTenant(self._tenants, folder), self._first_retry_s, folder)
                        self._archives[folder] = archive
                        queues.create_task(archive.run())
                await until(self._news, LOOK_AGAIN_S)


def _folders(root: Path) -> Iterator[str]:
    """Those of tenants' own buckets."""
    yield from sorted(entry.name for entry in root.glob("*@*") if entry.is_dir())
