"""Moves finished recordings into one bucket. The local directory is the queue: an MP3 that lies there is not in the bucket.

So a kill at any moment loses nothing, and nothing needs to be remembered: the file goes only when the bucket is known to have
it, and a second upload of the same file is the same object. While the bucket is away the files wait, and calls go on.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import structlog

from callstream.contracts.recording_bucket import parse_root
from callstream.runtime.bucket import BucketError
from callstream_media_gateway import metrics

log = structlog.get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
GIVE_UP_AFTER = 3
"""Faults in a row are the bucket's and not the files'."""
LOOK_AGAIN_S = 300.0
"""Without a word from `finished`: for files that were put there by hand."""


class Target(Protocol):
    """What is needed of the bucket."""

    async def put(self, key: str, file: Path) -> None:
        """Raises BucketError."""


class Archive:
    """`run` goes on until cancelled; call `finished` after each MP3.

    folder: the directory in `root` whose files are meant, `<tenant>@<place>`; empty: all those of no place.
    """

    def __init__(self, root: Path, bucket: Target, first_retry_s: float = FIRST_RETRY_S, folder: str = "") -> None:
        self._root, self._bucket, self._first_retry_s, self._folder = root, bucket, first_retry_s, folder
        self._news = asyncio.Event()

    def finished(self) -> None:
        """A file has come."""
        self._news.set()

    async def run(self) -> None:
        """Upload what lies there, oldest first; after a fault wait longer each time, since it is hardly one file's."""
        wait_s = self._first_retry_s
        while True:
            self._news.clear()
            if await self._upload_all():
                wait_s = self._first_retry_s
                await until(self._news, LOOK_AGAIN_S)
            else:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    async def _upload_all(self) -> bool:
        """False when something is left to do."""
        failed = in_a_row = 0
        try:
            files = await asyncio.to_thread(lambda: list(_waiting(self._root, self._folder)))
        except OSError as error:
            log.error("the recordings' directory cannot be read", folder=self._folder, error=str(error))
            return False
        for file in files:
            _, _, key = parse_root(file.relative_to(self._root).as_posix())
            try:
                await self._bucket.put(key, file)
                file.unlink(missing_ok=True)
            except (BucketError, OSError) as error:
                log.warning("a recording is not in the bucket yet", key=key, error=str(error))
                metrics.uploads.labels("failed").inc()
                failed, in_a_row = failed + 1, in_a_row + 1
                if in_a_row == GIVE_UP_AFTER:
                    break
                continue
            in_a_row = 0
            metrics.uploads.labels("stored").inc()
        return not failed


def _waiting(root: Path, folder: str) -> Iterator[Path]:
    found = root.glob(f"{folder or '*'}/*/*/*/*.mp3")
    mine = (file for file in found if folder or "@" not in file.relative_to(root).parts[0])
    yield from sorted(mine, key=lambda file: file.stat().st_mtime)


async def until(news: asyncio.Event, longest_s: float) -> None:
    try:
        async with asyncio.timeout(longest_s):
            await news.wait()
    except TimeoutError:
        return
