"""Where recordings are: the local directory, a bucket of the installation, or the tenant's own (F204): the path tells."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from callstream.contracts.recording_bucket import parse_root
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.bucket import Bucket, BucketError
from callstream.runtime.tenant_buckets import TenantBuckets
from callstream_reporting.domain.links import Link


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where recordings are, and what links into the directory are signed with."""

    directory: Path
    key: bytes
    bucket: Bucket | None = None
    tenants: TenantBuckets | None = None

    def file(self, path: str | None) -> Path | None:
        """The file in the directory, unless there is none or the path leads out of it."""
        if not path:
            return None
        found = (self.directory / path).resolve()
        return found if found.is_relative_to(self.directory.resolve()) and found.is_file() else None

    async def bucket_link(self, path: str | None, lives: timedelta) -> str | None:
        """Into the bucket, or None when it is not there; raises Refusal when the bucket does not answer."""
        if not path:
            return None
        tenant, place_id, key = parse_root(path)
        try:
            bucket = self._bucket_of(tenant, place_id)
            return None if bucket is None else await bucket.link(key, lives)
        except BucketError as error:
            if place_id and self.file(path) is not None:  # not there yet
                return None
            raise Refusal(Reason.UNAVAILABLE, f"the recordings' bucket does not answer: {error}") from None

    def _bucket_of(self, tenant: str, place_id: str) -> Bucket | None:
        if not place_id:
            return self.bucket
        return None if self.tenants is None else self.tenants.find(tenant, place_id)

    async def link(self, path: str | None, given: Link, now: datetime) -> str | None:
        """For whoever has it: into the bucket, else a path of our own API; None when the sound is nowhere. Raises Refusal."""
        lives = timedelta(seconds=given.expires - int(now.timestamp()))
        return await self.bucket_link(path, lives) or (given.url(self.key) if self.file(path) is not None else None)
