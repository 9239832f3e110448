"""Recordings over HTTP: sought in, linked to for a while, and who listened; on a real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from callstream.kernel.errors import Refusal
from callstream_reporting.adapters.house_key import house_key
from callstream_reporting.domain.links import Link

from .test_projection import Tokens, api, pool, projector, ready, recorded  # noqa: F401

Api = tuple[httpx.AsyncClient, Tokens]


@pytest.mark.feature("F200")
async def test_a_recording_is_played_from_anywhere_and_each_access_is_known(api: Api) -> None:  # noqa: F811
    client, tokens = api
    ann, analyst = tokens.header("agent", agent="1001"), tokens.header("analyst")
    for asked, status, content, told in (
        ("", 200, b"mp3", ""),
        ("bytes=1-", 206, b"p3", "bytes 1-2/3"),
        ("bytes=0-0", 206, b"m", "bytes 0-0/3"),
        ("bytes=-1", 206, b"3", "bytes 2-2/3"),
        ("bytes=2-99", 206, b"3", "bytes 2-2/3"),
        ("bytes=3-", 416, None, "*/3"),
    ):
        given = await client.get("/v1/records/C1/recording", headers={**ann, **({"Range": asked} if asked else {})})
        assert (given.status_code, given.headers["accept-ranges"] if status < 400 else "") == (
            status,
            "bytes" if status < 400 else "",
        )
        assert content is None or given.content == content
        assert given.headers.get("content-range", "").endswith(told)

    for who, path, status in (
        (tokens.header("agent", agent="1002"), "C1", 404),
        (analyst, "C1", 404),
        (tokens.header("admin"), "D1", 404),
        (ann, "C3", 404),
        ({}, "C1", 401),
    ):
        assert (await client.get(f"/v1/records/{path}/recording", headers=who)).status_code == status

    listed = (await client.get("/v1/recording-accesses", headers=analyst)).json()
    assert [(each["call_id"], each["recording_id"], each["how"]) for each in listed] == [("C1", "rec", "sound")] * 6
    assert [each["part"] for each in listed] == ["bytes=3-", "bytes=2-99", "bytes=-1", "bytes=0-0", "bytes=1-", ""]
    assert {each["user"] for each in listed} == {"someone"}
    assert all(datetime.fromisoformat(each["at"]) > datetime.now(UTC) - timedelta(minutes=1) for each in listed)
    for filters, found in (({"call_id": "C2"}, 0), ({"user": "someone", "limit": 2}, 2), ({"before": listed[2]["at"]}, 3)):
        assert len((await client.get("/v1/recording-accesses", headers=analyst, params=filters)).json()) == found
    assert (await client.get("/v1/recording-accesses", headers=ann)).status_code == 403


@pytest.mark.feature("F202")
async def test_a_link_gives_one_recording_for_a_while_to_whoever_has_it(api: Api, pool: asyncpg.Pool) -> None:  # noqa: F811
    """The same from a bucket: tests/integration/test_recordings_in_bucket.py."""
    client, tokens = api
    ann = tokens.header("agent", agent="1001")
    given = (await client.post("/v1/records/C1/recording/link", headers=ann)).json()
    url, expires = given["url"], datetime.fromisoformat(given["expires_at"])
    assert timedelta(minutes=4) < expires - datetime.now(UTC) <= timedelta(minutes=5)
    assert ann["Authorization"].split(" ")[1] not in url
    heard = await client.get(url)
    assert (heard.status_code, heard.content, heard.headers["cache-control"]) == (200, b"mp3", "no-store")
    part = await client.get(url, headers={"Range": "bytes=1-1"})
    assert (part.status_code, part.content) == (206, b"p")

    for altered in (
        url.replace("/C1/", "/C2/"),
        url.replace("/main/", "/other/"),
        url.replace("/rec?", "/other?"),
        url.replace("user=someone", "user=else"),
        url.replace(f"expires={int(expires.timestamp())}", f"expires={int(expires.timestamp()) + 60}"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.split("&signature")[0],
        url + "é",
    ):
        refused = await client.get(altered)
        assert (refused.status_code, refused.json()["field"]) == (403, "signature"), altered

    old = Link(tenant="main", call_id="C1", recording_id="rec", user="someone", expires=int(datetime.now(UTC).timestamp()) - 1)
    late = await client.get(old.url(b"key"))
    assert (late.status_code, late.json()["field"]) == (403, "expires")
    signature = parse_qs(urlsplit(url).query)["signature"][0]
    as_token = {"Authorization": f"Bearer {signature}"}
    assert (await client.get("/v1/records", headers=as_token)).status_code == 401, "a link serves for nothing else"

    for who, call_id, status in ((tokens.header("agent", agent="1002"), "C1", 404), (ann, "C3", 404), ({}, "C1", 401)):
        assert (await client.post(f"/v1/records/{call_id}/recording/link", headers=who)).status_code == status
    listed = (await client.get("/v1/recording-accesses", headers=tokens.header("admin"))).json()
    assert [(each["how"], each["user"]) for each in listed] == [("by-link", "someone")] * 2 + [("link", "someone")]
    await pool.execute("truncate service_record")
    assert (await client.get(url)).status_code == 404, "its call is no more"


async def test_an_earlier_recording_of_the_call_is_found_by_its_id(api: Api, pool: asyncpg.Pool, tmp_path: Path) -> None:  # noqa: F811
    """A transfer leaves several."""
    client, tokens = api
    (tmp_path / "main" / "C1-2.mp3").write_bytes(b"second")
    second = replace(ready("C1", "main"), recording_id="rec2", path="main/C1-2.mp3")
    await (await projector(pool)).on_batch(recorded([(90, "C1", "main", second)], first_seq=500))
    admin = tokens.header("admin")
    for asked, content in (({}, b"second"), ({"recording_id": "rec"}, b"mp3"), ({"recording_id": "rec2"}, b"second")):
        assert (await client.get("/v1/records/C1/recording", headers=admin, params=asked)).content == content
        given = (await client.post("/v1/records/C1/recording/link", headers=admin, params=asked)).json()
        assert (await client.get(given["url"])).content == content
    assert (await client.get("/v1/records/C1/recording?recording_id=nix", headers=admin)).status_code == 404


async def test_the_key_is_made_once(pool: asyncpg.Pool) -> None:  # noqa: F811
    first = await house_key(pool)
    assert (len(first), await house_key(pool)) == (32, first)


def test_no_two_links_share_a_signature() -> None:
    """Where one field ends and the next begins is signed, too."""
    one = Link(tenant="a", call_id="bc", recording_id="r", user="u", expires=2_000_000_000)
    other = replace(one, tenant="ab", call_id="c")
    signature = one.url(b"key").rpartition("=")[2]
    one.check(b"key", signature, datetime(2026, 1, 1, tzinfo=UTC))
    for link, key in ((other, b"key"), (one, b"another key")):
        with pytest.raises(Refusal):
            link.check(key, signature, datetime(2026, 1, 1, tzinfo=UTC))
