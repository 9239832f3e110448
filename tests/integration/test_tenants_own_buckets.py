"""Recordings of two tenants on their way into buckets of their own (F204). Both S3 servers are real processes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from callstream.contracts.credentials import BucketCredential
from callstream.contracts.recording_bucket import RecordingBucket, parse_root
from callstream.contracts.subjects import ARCHIVE_KEYS_BUCKET
from callstream.kernel.errors import Refusal
from callstream.runtime.bucket import Bucket, BucketError, BucketSettings
from callstream.runtime.config_watch import ArchiveKeys, publication
from callstream.runtime.streams import declare
from callstream.runtime.tenant_buckets import TenantBuckets
from callstream_local.embedded.nats import EmbeddedNats
from callstream_media_gateway.adapters.archives import Archives
from callstream_media_gateway.adapters.recordings import leftovers, wav_path
from callstream_reporting.adapters.recording_store import Store

from .s3_server import S3Server, s3_server
from .test_recordings_in_bucket import gone

LIVES = timedelta(minutes=5)
AT = datetime(2026, 11, 20, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def ours() -> Iterator[S3Server]:
    with s3_server() as made:
        yield made


@pytest.fixture(scope="module")
def acmes() -> Iterator[S3Server]:
    server = S3Server("acme-calls")
    server.start()
    yield server
    server.stop()


def place_of(server: S3Server, prefix: str = "call-centre") -> RecordingBucket:
    return RecordingBucket(bucket=server.bucket, prefix=prefix, endpoint=server.settings.endpoint)


def credential(place: RecordingBucket) -> BucketCredential:
    fields = {name: getattr(place, name) for name in place.__struct_fields__}
    return BucketCredential(**fields, access_key_id="key", secret_access_key="secret")


def tenants(*allowed: str, **places: RecordingBucket) -> tuple[ArchiveKeys, TenantBuckets]:
    keys = ArchiveKeys.of({tenant: [credential(place)] for tenant, place in places.items()})
    return keys, TenantBuckets(keys, frozenset(allowed))


def recording(root: Path, tenant: str, name: str, place: RecordingBucket | None) -> str:
    """An MP3 as the gateway leaves it; its path."""
    path = wav_path(tenant, name, AT, place).replace(".wav", ".mp3")
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(f"{tenant} {name}".encode())
    return path


@asynccontextmanager
async def archiving(root: Path, installation: BucketSettings | None, buckets: TenantBuckets) -> AsyncIterator[Archives]:
    archives = Archives(root, installation, buckets, first_retry_s=0.1)
    running = asyncio.create_task(archives.run())
    try:
        yield archives
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def fetched(store: Store, path: str) -> bytes:
    link = await store.bucket_link(path, LIVES)
    assert link is not None
    async with httpx.AsyncClient() as browser:
        return (await browser.get(link)).content


@pytest.mark.feature("F204")
async def test_each_tenants_recordings_go_to_its_own_bucket_and_stay_found_after_a_change(
    ours: S3Server, acmes: S3Server, tmp_path: Path
) -> None:
    first, second = place_of(acmes), place_of(acmes, "after-the-move")
    keys, buckets = tenants(first.url, acme=first)
    store = Store(directory=tmp_path, key=b"key", bucket=Bucket(ours.settings), tenants=buckets)
    old, others = recording(tmp_path, "acme", "old", first), recording(tmp_path, "bolt", "theirs", None)
    async with archiving(tmp_path, ours.settings, buckets) as archives:
        await gone(tmp_path / old, tmp_path / others)
        keys.put("acme", credential(second))
        new = recording(tmp_path, "acme", "new", second)
        archives.finished()
        await gone(tmp_path / new)
    assert set(acmes.objects()) == {"acme/2026/11/20/old.mp3"}
    assert set(ours.objects()) == {"bolt/2026/11/20/theirs.mp3"}
    assert [await fetched(store, path) for path in (old, new, others)] == [b"acme old", b"acme new", b"bolt theirs"]
    assert await store.bucket_link(recording(tmp_path / "x", "acme", "never", second), LIVES) is None

    taken_over = old.replace("acme@", "bolt@")
    with pytest.raises(Refusal, match="no keys"):
        await store.bucket_link(taken_over, LIVES)


@pytest.mark.feature("F204")
async def test_a_bucket_that_is_away_or_without_keys_holds_up_nobody_else(ours: S3Server, tmp_path: Path) -> None:
    away = S3Server("bolt-calls")
    gone_place, keyless = place_of(away), place_of(ours, "keys-come-later")
    keys, buckets = tenants(gone_place.url, keyless.url, bolt=gone_place)
    store = Store(directory=tmp_path, key=b"key", tenants=buckets)
    waiting = [recording(tmp_path, "bolt", f"r{n}", gone_place) for n in range(5)]
    late = recording(tmp_path, "crow", "late", keyless)
    local = recording(tmp_path, "dove", "local", None)
    try:
        async with archiving(tmp_path, None, buckets) as archives:
            free = place_of(ours, "free")
            keys.put("acme", credential(free))
            passing = recording(tmp_path, "acme", "passing", free)
            archives.finished()
            await gone(tmp_path / passing)
            assert all((tmp_path / path).exists() for path in (*waiting, late, local))
            assert await store.bucket_link(waiting[0], LIVES) is None, "heard from the disk meanwhile"
            assert store.file(waiting[0]) is not None
            keys.put("crow", credential(keyless))
            await gone(tmp_path / late)
            await asyncio.to_thread(away.start)
            await gone(*(tmp_path / path for path in waiting))
        assert len(away.objects()) == 5
        assert (tmp_path / local).exists(), "no bucket at all: the directory"
    finally:
        away.stop()
    with pytest.raises(Refusal, match="does not answer"):
        await store.bucket_link(waiting[0], LIVES)


async def test_reporting_is_given_keys_as_they_come(fresh_nats: EmbeddedNats) -> None:
    place = RecordingBucket(bucket="calls")
    operator, reporting = await fresh_nats.connect(), await fresh_nats.connect("reporting")
    await declare(operator)
    keys, news = ArchiveKeys(), asyncio.Event()
    keys.on_change.append(lambda *_: news.set())
    await keys.watch(reporting)
    async with asyncio.timeout(20):
        await keys.ready.wait()
        key, value = publication("acme", credential(place), 1)
        await operator.jetstream().publish(f"$KV.{ARCHIVE_KEYS_BUCKET}.{key}", value)
        await news.wait()
    assert keys.of_place("acme", place.place_id) == credential(place)
    await keys.stop()
    await reporting.close()
    await operator.close()


class Overheard(BaseHTTPRequestHandler):
    """Notes that somebody asked."""

    heard: list[dict[str, str]]

    def do_PUT(self) -> None:
        self.heard.append(dict(self.headers))
        self.send_response(403)
        self.end_headers()

    do_HEAD = do_PUT  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def inside() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The address of something that listens on this machine, and what it hears."""
    heard: list[dict[str, str]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (Overheard,), {"heard": heard}))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.feature("F204")
async def test_nothing_is_asked_that_the_operator_did_not_allow(inside: tuple[str, list[dict[str, str]]], tmp_path: Path) -> None:
    address, heard = inside
    place = RecordingBucket(bucket="calls", endpoint=address)
    _, buckets = tenants("https://s3.example.com", acme=place)
    path = recording(tmp_path, "acme", "r1", place)
    with pytest.raises(BucketError, match="does not allow"):
        buckets.find("acme", place.place_id)
    assert await Store(directory=tmp_path, key=b"key", tenants=buckets).bucket_link(path, LIVES) is None
    assert not heard


async def test_a_tenants_bucket_is_shown_nothing_of_the_machines_own_credentials(
    inside: tuple[str, list[dict[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "the machine's own")
    address, heard = inside
    place = RecordingBucket(bucket="calls", endpoint=address)
    _, buckets = tenants(address, acme=place)
    path = recording(tmp_path, "acme", "r1", place)
    with pytest.raises(BucketError) as told:
        await buckets.find("acme", place.place_id).put(parse_root(path)[2], tmp_path / path)
    assert "Credential=key/" in heard[0]["authorization"]
    assert "machine" not in json.dumps(heard)
    assert "secret" not in str(told.value)


def test_a_wav_left_in_a_tenants_directory_is_that_tenants(tmp_path: Path) -> None:
    wav = tmp_path / wav_path("acme", "call-r1", AT, RecordingBucket(bucket="calls"))
    wav.parent.mkdir(parents=True)
    wav.touch()
    assert [(left.tenant, left.call_id, left.recording_id) for left in leftovers(tmp_path)] == [("acme", "call", "call-r1")]


@pytest.mark.parametrize(
    ("endpoint", "fine"),
    [
        ("https://s3.example.com", True),
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000", True),
        ("http://[::1]:9000", True),
        ("http://s3.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_http_is_for_this_machine_only(endpoint: str, fine: bool) -> None:
    if fine:
        assert RecordingBucket(bucket="calls", endpoint=endpoint).url == endpoint
    else:
        with pytest.raises(ValueError, match="endpoint"):
            RecordingBucket(bucket="calls", endpoint=endpoint)


def test_another_place_has_another_id() -> None:
    places = [
        RecordingBucket(bucket="calls"),
        RecordingBucket(bucket="calls", prefix="a"),
        RecordingBucket(bucket="calls", region="eu-west-1"),
        RecordingBucket(bucket="calls", endpoint="https://s3.example.com"),
    ]
    assert len({place.place_id for place in places}) == len(places)
    assert RecordingBucket(bucket="calls", endpoint="https://s3.us-east-1.amazonaws.com").place_id == places[0].place_id
