"""A call whose recording ends in the bucket, also when the bucket was away and the gateway was killed meanwhile."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.s3_server import S3Server, s3_server

from callstream.contracts import call_events as call
from callstream.contracts.config import Settings
from callstream.contracts.credentials import BucketCredential
from callstream.contracts.recording_bucket import RecordingBucket, parse_root
from callstream.contracts.subjects import ARCHIVE_KEYS_BUCKET
from callstream_local.embedded.nats import EmbeddedNats

from .controls import until
from .house import house
from .test_survival import restart, talk


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as made:
        yield made


async def stored(server: S3Server, key: str) -> bytes:
    async with asyncio.timeout(20):
        while key not in (objects := await asyncio.to_thread(server.objects)):
            await asyncio.sleep(0.1)
    return objects[key][0]


async def test_the_bucket_holds_what_the_log_says(fresh_nats: EmbeddedNats, tmp_path: Path, server: S3Server) -> None:
    async with house(fresh_nats, tmp_path, bucket=server.settings) as made:
        caller, _, call_id = await talk(made)
        caller.hang_up()
        ready = await made.event(call.RecordingReady, call_id)
        content = await stored(server, ready.path)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (ready.size_bytes, ready.sha256)
        async with asyncio.timeout(5):
            while (made.folder / "recordings" / ready.path).exists():
                await asyncio.sleep(0.02)


async def test_nothing_is_lost_while_the_bucket_is_away_and_the_gateway_is_killed(
    fresh_nats: EmbeddedNats, tmp_path: Path, server: S3Server
) -> None:
    async with house(fresh_nats, tmp_path, bucket=server.settings) as made:
        server.stop()
        caller, _, call_id = await talk(made)
        caller.hang_up()
        ready = await made.event(call.RecordingReady, call_id)
        await restart(made)
        assert (made.folder / "recordings" / ready.path).exists()
        await asyncio.to_thread(server.start)
        content = await stored(server, ready.path)
        assert hashlib.sha256(content).hexdigest() == ready.sha256


async def test_a_call_is_archived_in_its_tenants_own_bucket_though_the_settings_change_and_the_gateway_is_killed(
    fresh_nats: EmbeddedNats, tmp_path: Path, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = server.settings.endpoint
    monkeypatch.setenv("CALLSTREAM_HOOK_ORIGINS", endpoint)
    place = RecordingBucket(bucket=server.bucket, prefix=server.settings.prefix, endpoint=endpoint)
    async with house(fresh_nats, tmp_path, bucket=S3Server("elsewhere").settings) as made:
        await made.publish(Settings(recording_bucket=place))
        await until(lambda: made.service.config.settings(made.tenant).recording_bucket == place)
        caller, _, call_id = await talk(made)
        await made.publish(Settings())
        caller.hang_up()
        ready = await made.event(call.RecordingReady, call_id)
        assert ready.path.startswith(f"{made.tenant}@{place.place_id}/")
        await restart(made)
        assert (made.folder / "recordings" / ready.path).exists(), "without keys it waits"
        secret = BucketCredential(
            bucket=place.bucket, prefix=place.prefix, endpoint=endpoint, access_key_id="key", secret_access_key="secret"
        )
        await made.publish(secret, ARCHIVE_KEYS_BUCKET)
        content = await stored(server, parse_root(ready.path)[2])
        assert hashlib.sha256(content).hexdigest() == ready.sha256
