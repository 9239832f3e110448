"""The recordings' bucket at any S3-compatible service: what media-gateway puts there, reporting gives links to.

Without CALLSTREAM_S3_BUCKET there is none, and recordings stay in the local directory. Credentials are read from the
environment or from a secret file, and are never logged.
"""

import asyncio
import hashlib
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential, S3Store

ANSWER_S = 30
MD5_DIGITS = 32
META_SHA256 = "sha256"


class BucketError(Exception):
    """The bucket did not do what was asked; the message says why. Trying again later is safe."""


class BucketSettings(Struct, frozen=True, kw_only=True):
    """Where the bucket is. endpoint: empty for AWS itself. prefix: in front of every key, may be empty."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = ""
    nothing_of_ours: bool = False
    """A tenant's: the keys above, and nothing that the machine has been given (role, session token)."""

    def __repr__(self) -> str:
        """Without secrets: this may be logged."""
        return f"BucketSettings(bucket={self.bucket!r}, prefix={self.prefix!r}, endpoint={self.endpoint!r})"


def read_bucket(environ: Mapping[str, str] = os.environ) -> BucketSettings | None:
    """What the environment says; None without a bucket. Raises ValueError that names the variable.

    CALLSTREAM_S3_BUCKET, _PREFIX, _ENDPOINT (http or https), _REGION, _ACCESS_KEY_ID, and _SECRET_ACCESS_KEY or
    _SECRET_ACCESS_KEY_FILE.
    """
    bucket = environ.get("CALLSTREAM_S3_BUCKET", "")
    if not bucket:
        return None
    endpoint = environ.get("CALLSTREAM_S3_ENDPOINT", "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ValueError(f"CALLSTREAM_S3_ENDPOINT must begin with http:// or https://, not {endpoint!r}")
    secret, file = environ.get("CALLSTREAM_S3_SECRET_ACCESS_KEY", ""), environ.get("CALLSTREAM_S3_SECRET_ACCESS_KEY_FILE", "")
    if file:
        try:
            secret = Path(file).read_text().strip()
        except OSError as error:
            raise ValueError(f"CALLSTREAM_S3_SECRET_ACCESS_KEY_FILE: {error}") from None
    if bool(secret) != bool(environ.get("CALLSTREAM_S3_ACCESS_KEY_ID", "")):
        raise ValueError("CALLSTREAM_S3_ACCESS_KEY_ID and CALLSTREAM_S3_SECRET_ACCESS_KEY(_FILE) belong together")
    return BucketSettings(
        bucket=bucket,
        prefix=environ.get("CALLSTREAM_S3_PREFIX", "").strip("/"),
        endpoint=endpoint,
        region=environ.get("CALLSTREAM_S3_REGION", "") or "us-east-1",
        access_key_id=environ.get("CALLSTREAM_S3_ACCESS_KEY_ID", ""),
        secret_access_key=secret,
    )


class Bucket:
    """Keys are the recordings' paths, tenant first."""

    def __init__(self, settings: BucketSettings) -> None:
        self._store = _open(settings)

    async def put(self, key: str, file: Path) -> None:
        """Store the file under its key, and make sure that it is there as a whole. Raises BucketError.

        The service checks the body by the SHA-256 that goes with it; afterwards size and, where the service tells an MD5,
        the ETag are compared. Again with the same file: the same object.
        """
        import obstore

        if not _is_key(key):
            raise BucketError(f"{key!r} is no key of a recording")
        data = await asyncio.to_thread(file.read_bytes)
        attributes = {"Content-Type": "audio/mpeg", META_SHA256: hashlib.sha256(data).hexdigest()}
        try:
            await obstore.put_async(self._store, key, data, attributes=attributes, use_multipart=False)
            there = await obstore.head_async(self._store, key)
        except Exception as error:  # its own class for each fault; what matters is that the file is not known to be there
            raise BucketError(f"{key}: {error}") from error
        if there["size"] != len(data):
            raise BucketError(f"{key}: {there['size']} bytes are stored of {len(data)}")
        etag = (there["e_tag"] or "").strip('"')
        if len(etag) == MD5_DIGITS and etag != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise BucketError(f"{key}: what is stored has another checksum")

    async def link(self, key: str, lives_for: timedelta) -> str | None:
        """A link that gives the object to whoever has it, for a while; None when it is not there (yet). Raises BucketError."""
        import obstore
        from obstore.exceptions import NotFoundError

        if not _is_key(key):
            return None
        try:
            await obstore.head_async(self._store, key)
            return await obstore.sign_async(self._store, "GET", key, lives_for)
        except (NotFoundError, FileNotFoundError):
            return None
        except Exception as error:
            raise BucketError(f"{key}: {error}") from error


def _is_key(key: str) -> bool:
    """Whether it stays below the prefix."""
    return bool(key) and not key.startswith("/") and ".." not in PurePosixPath(key).parts


def _open(settings: BucketSettings) -> "S3Store":
    """Loaded only where there is a bucket: the library costs some 10 MB of memory."""
    from obstore.store import S3Store

    keys: S3Config = {"access_key_id": settings.access_key_id, "secret_access_key": settings.secret_access_key}
    if not settings.access_key_id:
        keys = {}
    only: S3Credential = {
        "access_key_id": settings.access_key_id,
        "secret_access_key": settings.secret_access_key,
        "token": None,
        "expires_at": None,
    }
    return S3Store(
        settings.bucket,
        prefix=settings.prefix or None,
        config={
            "region": settings.region,
            "checksum_algorithm": "SHA256",
            **({"endpoint": settings.endpoint} if settings.endpoint else {}),
            **({} if settings.nothing_of_ours else keys),
        },
        credential_provider=(lambda: only) if settings.nothing_of_ours else None,
        client_options={
            "allow_http": settings.endpoint.startswith("http://"),
            "timeout": f"{ANSWER_S}s",
            "connect_timeout": "5s",
        },
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=ANSWER_S)},
    )
