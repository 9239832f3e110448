"""An S3-compatible server as a process of its own: `moto.server` (PyPI).

Of what can be installed without a build it is the most complete: real HTTP, multipart, ranges, presigned links and checksums.
It does not check signatures; that obstore makes right ones is its own and every S3 user's concern.
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from callstream.runtime.bucket import BucketSettings
from callstream_local.ports import free_port

STARTED_S = 30.0


class S3Server:
    """Empty at each start: it keeps everything in memory."""

    def __init__(self, bucket: str = "recordings") -> None:
        self.port, self.bucket = free_port(), bucket
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> BucketSettings:
        return BucketSettings(
            bucket=self.bucket,
            prefix="call-centre",
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key_id="key",
            secret_access_key="secret",
        )

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTED_S
        while True:
            try:
                self._put_bucket()
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def objects(self) -> dict[str, tuple[bytes, str]]:
        """Key → content and the SHA-256 that went with it."""
        import obstore

        from callstream.runtime.bucket import Bucket

        store = Bucket(self.settings)._store
        found = {}
        for page in obstore.list(store):
            for entry in page:
                got = obstore.get(store, entry["path"])
                found[entry["path"]] = (bytes(got.bytes()), str(got.attributes["sha256"]))
        return found

    def _put_bucket(self) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{self.bucket}", method="PUT")
        urllib.request.urlopen(request, timeout=5).close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    try:
        yield server
    finally:
        server.stop()
