"""Recordings on their way into an S3-compatible bucket, and back out by reporting's links. The server is a real process."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import jwt
import obstore
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callstream.runtime.auth import ALGORITHM, ISSUER, TokenVerifier
from callstream.runtime.bucket import Bucket, BucketError, BucketSettings, read_bucket
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.adapters.archive import Archive
from callstream_reporting.adapters.accesses import Access
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.api import Parts, build_api

from .s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as made:
        yield made


def recording(root: Path, name: str, content: bytes) -> Path:
    file = root / "acme" / "2026" / "11" / "20" / f"{name}.mp3"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


async def gone(*files: Path) -> None:
    async with asyncio.timeout(20):
        while any(file.exists() for file in files):
            await asyncio.sleep(0.02)


async def test_what_lies_in_the_directory_goes_into_the_bucket(server: S3Server, tmp_path: Path) -> None:
    left = [recording(tmp_path, f"left-{n}", bytes([n]) * 1000) for n in range(3)]
    unfinished = recording(tmp_path, "now", b"being encoded").rename(tmp_path / "acme/2026/11/20/now.mp3.part")
    archive = Archive(tmp_path, Bucket(server.settings))
    running = asyncio.create_task(archive.run())
    await gone(*left)
    fresh = recording(tmp_path, "fresh", b"of a call that has just ended")
    archive.finished()
    await gone(fresh)
    running.cancel()
    stored = server.objects()
    for key, content in [(f"left-{n}", bytes([n]) * 1000) for n in range(3)] + [("fresh", b"of a call that has just ended")]:
        assert stored[f"acme/2026/11/20/{key}.mp3"] == (content, hashlib.sha256(content).hexdigest())
    assert unfinished.exists()


async def test_while_the_bucket_is_away_the_files_wait(tmp_path: Path) -> None:
    server = S3Server()
    files = [recording(tmp_path, f"r{n}", b"x" * n) for n in range(1, 6)]
    archive = Archive(tmp_path, Bucket(server.settings), first_retry_s=0.1)
    tries: list[str] = []
    put = archive._bucket.put

    async def counted(key: str, file: Path) -> None:
        tries.append(key)
        await put(key, file)

    archive._bucket = SimpleNamespace(put=counted)
    running = asyncio.create_task(archive.run())
    try:
        async with asyncio.timeout(20):
            while len(tries) < 6:  # two rounds of three
                await asyncio.sleep(0.02)
        assert all(file.exists() for file in files)
        await asyncio.to_thread(server.start)
        await gone(*files)
        assert len(server.objects()) == 5
    finally:
        running.cancel()
        server.stop()


async def test_an_upload_that_was_cut_short_is_found_out(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recording(tmp_path, "cut", b"a whole recording")
    honest = obstore.put_async

    async def cutting(store: Any, path: str, data: bytes, **more: Any) -> Any:
        return await honest(store, path, data[:-1], **more)

    async def altering(store: Any, path: str, data: bytes, **more: Any) -> Any:
        return await honest(store, path, b"A" + data[1:], **more)

    for broken, told in ((cutting, "16 bytes are stored of 17"), (altering, "another checksum")):
        monkeypatch.setattr(obstore, "put_async", broken)
        with pytest.raises(BucketError, match=told):
            await Bucket(server.settings).put("acme/cut.mp3", file)
    monkeypatch.undo()
    await Bucket(server.settings).put("acme/cut.mp3", file)
    assert server.objects()["acme/cut.mp3"][0] == b"a whole recording"


async def test_one_file_that_cannot_be_stored_stops_no_other(server: S3Server, tmp_path: Path) -> None:
    good = recording(tmp_path, "good", b"good")
    bad = recording(tmp_path, "bad", b"bad")
    bucket = Bucket(server.settings)

    async def put(key: str, file: Path) -> None:
        if "bad" in key:
            raise BucketError("refused")
        await bucket.put(key, file)

    running = asyncio.create_task(Archive(tmp_path, SimpleNamespace(put=put), first_retry_s=0.1).run())
    await gone(good)
    running.cancel()
    assert bad.exists()


async def test_reporting_answers_with_a_link_that_expires_and_can_be_sought(server: S3Server, tmp_path: Path) -> None:
    """And from the disk what has not reached the bucket yet; never a key outside of the recordings."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims: dict[str, Any] = {"iss": ISSUER, "sub": "boss", "tenant": "acme", "role": "admin", "agent": "", "groups": []}
    claims["exp"] = datetime.now(UTC) + timedelta(minutes=1)
    headers = {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm=ALGORITHM)}"}
    bucket = Bucket(server.settings)
    await bucket.put("acme/2026/11/20/c1-r1.mp3", recording(tmp_path / "elsewhere", "c1-r1", b"an mp3"))
    waiting = recording(tmp_path, "c2-r1", b"still here")
    noted: list[tuple[str, str]] = []
    paths = {
        "c1": "acme/2026/11/20/c1-r1.mp3",
        "c2": waiting.relative_to(tmp_path).as_posix(),
        "c3": "acme/2026/11/20/nowhere.mp3",
        "c4": None,
    }

    async def get(_tenant: str, call_id: str) -> Any:
        return SimpleNamespace(recording_path=paths[call_id], recording_id="r1")

    async def note(access: Access) -> None:
        noted.append((access.call_id, access.how))

    def api(with_bucket: Bucket) -> httpx.AsyncClient:
        parts = Parts(
            records=cast(Any, SimpleNamespace(get=get)),
            verifier=TokenVerifier(public),
            accesses=cast(Any, SimpleNamespace(note=note)),
            store=Store(directory=tmp_path, key=b"key", bucket=with_bucket),
            pushes=cast(Any, None),
            mailboxes=cast(Any, None),
            states=cast(Any, None),
            configuration=Configuration.of({}),
        )
        return httpx.AsyncClient(transport=httpx.ASGITransport(build_api(parts)), base_url="http://reporting", headers=headers)

    async with api(bucket) as client:
        answer = await client.get("/v1/records/c1/recording")
        assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
        link = answer.headers["location"]
        assert "X-Amz-Expires=300" in link
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(link)).content == b"an mp3"
            part = await browser.get(link, headers={"Range": "bytes=3-5"})
            assert (part.status_code, part.content) == (206, b"mp3")
            assert (await browser.get(link, headers={"Range": "bytes=99-"})).status_code == 416
            given = (await client.post("/v1/records/c1/recording/link")).json()
            assert "X-Amz-Expires=300" in given["url"]
            assert (await browser.get(given["url"])).content == b"an mp3"
        assert noted == [("c1", "sound"), ("c1", "link")]
        assert (await client.get("/v1/records/c2/recording")).content == b"still here"
        assert (await client.get("/v1/records/c3/recording")).status_code == 404
        assert (await client.get("/v1/records/c4/recording")).status_code == 404
        paths["c4"] = "../secret.mp3"
        assert (await client.get("/v1/records/c4/recording")).status_code == 404
    async with api(Bucket(S3Server().settings)) as client:
        noted.clear()
        away = await client.get("/v1/records/c1/recording")
        assert (away.status_code, away.json()["reason"], noted) == (503, "unavailable", [])


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"CALLSTREAM_S3_ENDPOINT": "minio:9000"}, "CALLSTREAM_S3_ENDPOINT"),
        ({"CALLSTREAM_S3_ACCESS_KEY_ID": "only half"}, "belong together"),
        ({"CALLSTREAM_S3_SECRET_ACCESS_KEY_FILE": "/nowhere/at/all"}, "CALLSTREAM_S3_SECRET_ACCESS_KEY_FILE"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_bucket({"CALLSTREAM_S3_BUCKET": "b", **environ})


def test_without_a_bucket_there_is_none_and_secrets_are_not_shown(tmp_path: Path) -> None:
    assert read_bucket({}) is None
    (tmp_path / "secret").write_text("hush\n")
    settings = read_bucket(
        {
            "CALLSTREAM_S3_BUCKET": "b",
            "CALLSTREAM_S3_ACCESS_KEY_ID": "key",
            "CALLSTREAM_S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret"),
        }
    )
    assert isinstance(settings, BucketSettings)
    assert settings.secret_access_key == "hush"
    assert "hush" not in repr(settings)
