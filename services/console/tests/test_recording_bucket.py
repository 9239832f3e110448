"""A tenant names its own bucket for recordings (F204): what is refused, and where its keys are and are not."""

from typing import Any

import msgspec
import pytest

from callstream.contracts.config import Settings
from callstream.contracts.credentials import BucketCredential
from callstream.contracts.recording_bucket import RecordingBucket

from .test_api import House, house

__all__ = ["house"]

PLACE = {"bucket": "acme-calls", "prefix": "calls/2026", "endpoint": "https://s3.example.com"}
KEYS = {"access_key_id": "AKID7", "secret_access_key": "most/secret+key"}


async def apply(house: House, **manifest: Any) -> Any:
    return await house.client.post("/v1/apply", json=manifest, headers=await house.token("admin@example.com"))


@pytest.mark.feature("F204")
@pytest.mark.parametrize(
    ("place", "keys", "field", "told"),
    [
        (PLACE, None, "recording_bucket_keys", "needs its keys"),
        (None, KEYS, "recording_bucket_keys", "name no bucket"),
        (PLACE | {"endpoint": "https://10.0.0.1"}, KEYS, "settings.recording_bucket.endpoint", "does not allow"),
        (PLACE | {"endpoint": ""}, KEYS, "settings.recording_bucket.endpoint", "https://s3.us-east-1.amazonaws.com"),
        (PLACE | {"endpoint": "http://s3.example.com"}, KEYS, "settings.recording_bucket", "https://"),
        (PLACE | {"endpoint": "https://s3.example.com@10.0.0.1"}, KEYS, "settings.recording_bucket.endpoint", "regex"),
        (PLACE | {"endpoint": "https://s3.example.com/admin"}, KEYS, "settings.recording_bucket.endpoint", "regex"),
        (PLACE | {"bucket": "../else"}, KEYS, "settings.recording_bucket.bucket", "regex"),
        (PLACE | {"prefix": "a/../b"}, KEYS, "settings.recording_bucket.prefix", "regex"),
        (PLACE | {"region": "evil.example.com/"}, KEYS, "settings.recording_bucket.region", "regex"),
        (PLACE, KEYS | {"secret_access_key": ""}, "recording_bucket_keys.secret_access_key", "length"),
        (PLACE | KEYS, None, "settings.recording_bucket", "access_key_id"),
    ],
)
async def test_what_is_refused(house: House, place: Any, keys: Any, field: str, told: str) -> None:
    refused = await apply(house, settings={"recording_bucket": place}, recording_bucket_keys=keys)
    assert (refused.status_code, refused.json()["field"]) == (422, field), refused.text
    assert told in refused.json()["message"]
    assert KEYS["secret_access_key"] not in refused.text
    assert not await house.pool.fetchval("select count(*) from document where kind in ('settings', 'bucket-credential')")


async def test_the_keys_are_where_only_who_needs_them_reads_and_former_ones_stay(house: House) -> None:
    settings = {"recording_bucket": PLACE}
    first = await apply(house, settings=settings, recording_bucket_keys=KEYS)
    place_id = RecordingBucket(**PLACE).place_id
    assert first.json()["created"] == [f"bucket-credential/{place_id}", "settings/main"]
    assert (await apply(house, settings=settings)).json() == {"created": [], "changed": [], "logins": []}, "the keys stay"
    await house.outbox.publish_batch()
    secret, public = ("ARCHIVE_KEYS", f"main.bucket-credential.{place_id}"), ("CONFIG", "main.settings.main")
    assert list(house.buckets.values) == [secret, public], "the keys come first"

    moved = {"recording_bucket": PLACE | {"endpoint": "", "region": "eu-central-1"}}
    assert (await apply(house, settings=moved)).json()["field"] == "recording_bucket_keys", "another place needs keys again"
    assert (await apply(house, settings=moved, recording_bucket_keys=KEYS)).json()["changed"] == ["settings/main"]
    renewed = await apply(house, recording_bucket_keys=KEYS | {"access_key_id": "AKID8"})
    assert len(renewed.json()["changed"]) == 1, "of the bucket that is set"
    assert (await apply(house, settings={})).json()["changed"] == ["settings/main"]
    await house.outbox.publish_batch()
    kept = msgspec.convert(msgspec.json.decode(house.buckets.values[secret] or b"")["body"], BucketCredential)
    assert (kept.key_id, kept.access_key_id, kept.secret_access_key) == (place_id, "AKID7", "most/secret+key")
    assert msgspec.convert(msgspec.json.decode(house.buckets.values[public] or b"")["body"], Settings) == Settings()

    headers = await house.token("admin@example.com")
    shown = [await house.client.get(f"/v1/{path}", headers=headers) for path in ("config/settings", "operations")]
    assert all(KEYS["secret_access_key"] not in answer.text and "AKID" not in answer.text for answer in shown)
    hidden = await house.client.get("/v1/config/bucket-credential", headers=headers)
    assert hidden.status_code == 422
    assert "most" not in repr(kept)
    assert "AKID" not in repr(kept)
