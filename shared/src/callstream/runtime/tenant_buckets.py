"""Tenants' own buckets by the place that a recording's path names (F204): media-gateway puts there, reporting gives links.

A place whose origin the operator does not allow is never asked, whatever its document says: so nobody who may write
configuration can have us ask what lies behind the firewall.
"""

from callstream.contracts.credentials import BucketCredential
from callstream.runtime.bucket import Bucket, BucketError, BucketSettings
from callstream.runtime.config_watch import ArchiveKeys


class TenantBuckets:
    """`allowed`: origins, as `hook_origins` reads them."""

    def __init__(self, keys: ArchiveKeys, allowed: frozenset[str]) -> None:
        self._keys, self._allowed = keys, allowed
        self._opened: dict[tuple[str, str], tuple[BucketCredential, Bucket]] = {}

    def find(self, tenant: str, place_id: str) -> Bucket:
        """With the keys that hold now. Raises BucketError: keys that are not here yet may come."""
        credential = self._keys.of_place(tenant, place_id)
        if credential is None:
            raise BucketError(f"there are no keys to the place '{place_id}' of tenant '{tenant}'")
        if credential.url not in self._allowed:
            raise BucketError(f"the operator does not allow recordings to go to {credential.url}")
        before = self._opened.get((tenant, place_id))
        if before is not None and before[0] == credential:
            return before[1]
        settings = BucketSettings(
            bucket=credential.bucket,
            prefix=credential.prefix,
            endpoint=credential.url,
            region=credential.region,
            access_key_id=credential.access_key_id,
            secret_access_key=credential.secret_access_key,
            nothing_of_ours=True,
        )
        try:
            bucket = Bucket(settings)
        except Exception as error:  # the library's own kinds; one tenant's settings must not stop the others
            raise BucketError(f"{credential.url}: {error}") from error
        self._opened[tenant, place_id] = credential, bucket
        return bucket
