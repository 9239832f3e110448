"""A call whose recording ends in the bucket, also when the bucket was away and the gateway was killed meanwhile."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.s3_server import S3Server, s3_server

from callstream.contracts import call_events as call
from callstream_local.embedded.nats import EmbeddedNats

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
