"""A tenant's own bucket (F204) through the whole system: applied over HTTP, a real call, and its sound back by a link."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.s3_server import S3Server, s3_server

from callstream_local.config import StackOptions
from callstream_local.demo.manifest import demo_manifest
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.demo.scenario import Scenario
from callstream_local.stack import Stack

from .conftest import PASSWORDS, agent, caller
from .test_supervision import get, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def objects(server: S3Server) -> dict[str, tuple[bytes, str]]:
    return await asyncio.to_thread(server.objects)


async def recorded(centre: Rehearsal) -> dict[str, Any] | None:
    """The call's record, once it has its recording."""
    (record,) = (await get(centre, "/v1/records", service="reporting"))["records"] or [{}]
    return record if record.get("recording_path") else None


@pytest.mark.feature("F204")
async def test_a_call_is_heard_from_the_tenants_own_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server() as server:
        bucket, endpoint = server.settings, server.settings.endpoint
        monkeypatch.setenv("CALLSTREAM_HOOK_ORIGINS", endpoint)
        manifest = demo_manifest(PASSWORDS)
        place = {"bucket": bucket.bucket, "prefix": bucket.prefix, "endpoint": endpoint}
        manifest["settings"] = {**manifest.get("settings", {}), "recording_bucket": place}
        manifest["recording_bucket_keys"] = {"access_key_id": "key", "secret_access_key": "secret"}
        scenario = Scenario((caller(),), (agent(0),))
        async with Stack(tmp_path, StackOptions(durability="fast")) as stack, Rehearsal(stack, scenario, manifest) as centre:
            await centre.prepare()
            await centre.perform()
            ((key, (content, sha256)),) = (await until(lambda: objects(server))).items()
            assert hashlib.sha256(content).hexdigest() == sha256
            record = await until(lambda: recorded(centre))
            assert key == f"main/{record['recording_path'].partition('/')[2]}"
            path = f"/v1/records/{record['call_id']}/recording/link"
            link = await asyncio.to_thread(centre.api.post, "reporting", path, {})
            assert link["url"].startswith(endpoint)
            async with httpx.AsyncClient() as browser:
                assert (await browser.get(link["url"])).content == content
            await centre.leave()
