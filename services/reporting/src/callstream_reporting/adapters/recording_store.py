"""Where recordings are: the local directory, and a bucket where there is one."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.bucket import Bucket, BucketError
from callstream_reporting.domain.links import Link


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where recordings are, and what links into the directory are signed with."""

    directory: Path
    key: bytes
    bucket: Bucket | None = None

    def file(self, path: str | None) -> Path | None:
        """The file in the directory, unless there is none or the path leads out of it."""
        if not path:
            return None
        found = (self.directory / path).resolve()
        return found if found.is_relative_to(self.directory.resolve()) and found.is_file() else None

    async def bucket_link(self, path: str | None, lives: timedelta) -> str | None:
        """Into the bucket, or None when it is not there; raises Refusal when the bucket does not answer."""
        if self.bucket is None or not path:
            return None
        try:
            return await self.bucket.link(path, lives)
        except BucketError as error:
            raise Refusal(Reason.UNAVAILABLE, f"the recordings' bucket does not answer: {error}") from None

    async def link(self, path: str | None, given: Link, now: datetime) -> str | None:
        """For whoever has it: into the bucket, else a path of our own API; None when the sound is nowhere. Raises Refusal."""
        lives = timedelta(seconds=given.expires - int(now.timestamp()))
        return await self.bucket_link(path, lives) or (given.url(self.key) if self.file(path) is not None else None)
