"""A tenant's own bucket for recordings (F204): only where the operator allows it, and never without its keys."""

from callstream.contracts.credentials import BucketCredential
from callstream.contracts.recording_bucket import RecordingBucket
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.manifest import BucketKeys


def check_bucket(place: RecordingBucket, allowed: frozenset[str]) -> None:
    """Raise Refusal unless its origin is among those that CALLSTREAM_HOOK_ORIGINS names."""
    if place.url not in allowed:
        message = f"the operator does not allow {place.url} (CALLSTREAM_HOOK_ORIGINS)"
        raise Refusal(Reason.INVALID, message, "settings.recording_bucket.endpoint")


def bucket_secret(
    place: RecordingBucket | None, keys: BucketKeys | None, before: BucketCredential | None
) -> BucketCredential | None:
    """The credential to be stored; None keeps what is there. `before`: of this very place. Raises Refusal."""
    if place is None:
        if keys is not None:
            raise Refusal(Reason.INVALID, "the settings name no bucket for recordings", "recording_bucket_keys")
        return None
    if keys is None:
        if before is None:
            message = "a new bucket, or another prefix, endpoint or region of one, needs its keys"
            raise Refusal(Reason.INVALID, message, "recording_bucket_keys")
        return None
    return BucketCredential(
        bucket=place.bucket,
        prefix=place.prefix,
        endpoint=place.endpoint,
        region=place.region,
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
    )
