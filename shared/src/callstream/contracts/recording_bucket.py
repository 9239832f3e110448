"""A tenant's own S3-compatible bucket for recordings (F204): the place, without its keys.

A place never changes: another bucket, prefix, endpoint or region is another place with another id, so what was archived
stays where it is and is found there. A recording's path names its place: `<tenant>@<place id>/2026/11/20/<id>.mp3`; without
one it is in the installation's bucket or directory.
"""

import hashlib
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"


class RecordingBucket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a tenant's recordings go. The operator allows its origin, else nothing is sent there and they wait."""

    bucket: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Annotated[str, msgspec.Meta(pattern=rf"^({_PART}(/{_PART})*)?$", max_length=200)] = ""
    """In front of every key, without slashes at its ends."""
    endpoint: Annotated[str, msgspec.Meta(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$", max_length=200)] = ""
    """`https://host` or `https://host:port`; empty: AWS. http only on this machine."""
    region: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}$")] = "us-east-1"

    def __post_init__(self) -> None:
        if self.endpoint.startswith("http://") and not _loopback(self.endpoint):
            raise ValueError("endpoint: must begin with https:// (http is for this machine's own addresses only)")

    @property
    def url(self) -> str:
        """Scheme, host and port that are asked."""
        return self.endpoint.lower() or f"https://s3.{self.region}.amazonaws.com"

    @property
    def place_id(self) -> str:
        """The same for the same place."""
        return hashlib.sha256("\n".join((self.url, self.region, self.bucket, self.prefix)).encode()).hexdigest()[:16]


def root_of(tenant: str, place: RecordingBucket | None) -> str:
    """The first part of the paths of recordings that are to go there."""
    return tenant if place is None else f"{tenant}@{place.place_id}"


def parse_root(path: str) -> tuple[str, str, str]:
    """(tenant, place id, key in the bucket) of a recording's path; the place id is empty for the installation's own."""
    root, slash, rest = path.partition("/")
    tenant, _, place_id = root.partition("@")
    return tenant, place_id, f"{tenant}{slash}{rest}"


def _loopback(endpoint: str) -> bool:
    try:
        host = urlsplit(endpoint).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
