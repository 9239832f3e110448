"""A desk phone that has Opus or G.722 and nothing else, beside a caller with G.711: both hear each other."""

import asyncio
from pathlib import Path

import pytest

from callstream_local.demo.manifest import GUEST
from callstream_local.phones.ear import Ear
from callstream_local.phones.stories import Ending
from callstream_local.stack import Stack

from .baresip import baresip, needs_baresip
from .conftest import PASSWORDS, OpenCentre, caller

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_baresip]

TONE_HZ = 620


@pytest.mark.parametrize("codec", ["opus", "g722"])
async def test_a_phone_with_one_other_codec_is_served(codec: str, stack: Stack, open_centre: OpenCentre, tmp_path: Path) -> None:
    plan = caller(talk_s=2.0)
    async with open_centre([plan]) as centre:
        async with baresip(tmp_path / "phone", stack.sip_addr, GUEST, PASSWORDS[GUEST], TONE_HZ, codec=codec) as phone:
            await asyncio.to_thread(centre.api.post, "console", f"/v1/agents/{GUEST}/sign-in", {})
            await centre.perform()
            evidence = await centre.settle()
            await asyncio.to_thread(centre.api.post, "console", f"/v1/agents/{GUEST}/sign-out", {})
        heard = Ear().heard(phone.heard())
    (story,), (record,) = evidence.callers, evidence.records
    assert (story.ending, story.heard.tone_hz) == (Ending.HUNG_UP, TONE_HZ)
    assert story.heard.ms >= 1000
    assert (heard.tone_hz, heard.ms >= 1000) == (plan.tone_hz, True)
    recording = evidence.recordings[record.call_id]
    assert (recording.problem, recording.left.tone_hz, recording.right.tone_hz) == ("", plan.tone_hz, TONE_HZ)
