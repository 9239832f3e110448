"""Secrets, kept in buckets of their own that only those may read who need them: never in events, logs or answers."""

from typing import Annotated, ClassVar

import msgspec

from callstream.contracts.config import Document
from callstream.contracts.recording_bucket import RecordingBucket
from callstream.contracts.scalars import Token


class SipCredential(Document, frozen=True, kw_only=True):
    """Digest secrets of a desk phone (RFC 8760): kept in the bucket CREDENTIALS, which only media-gateway may read."""

    KIND: ClassVar[str] = "sip-credential"
    sip_user: Token
    agent_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
    """Empty: a workplace's phone."""
    realm: str
    ha1_md5: str
    ha1_sha256: str

    @property
    def key_id(self) -> str:
        """The user name."""
        return self.sip_user


class TrunkCredential(Document, frozen=True, kw_only=True):
    """Digest secrets of our account at a trunk's registrar: kept where those of phones are."""

    KIND: ClassVar[str] = "trunk-credential"
    trunk: Token
    user: str
    realm: str
    ha1_md5: str
    ha1_sha256: str

    @property
    def key_id(self) -> str:
        """The trunk id."""
        return self.trunk


class BucketCredential(Document, RecordingBucket, frozen=True, kw_only=True):
    """A place of a tenant's recordings with the keys to it: in a bucket that only media-gateway and reporting may read.

    It stays when the settings name another place: what was archived is still to be found.
    """

    KIND: ClassVar[str] = "bucket-credential"
    access_key_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    secret_access_key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

    @property
    def key_id(self) -> str:
        """The place's id."""
        return self.place_id

    def __repr__(self) -> str:
        """Without the keys: this may be logged."""
        return f"BucketCredential(bucket={self.bucket!r}, prefix={self.prefix!r}, endpoint={self.endpoint!r})"
