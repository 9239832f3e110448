"""baresip as an agent's desk phone: registers with digest, is offered a call, is heard and hears."""

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


@pytest.mark.feature("F060", "F198")
@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_baresip_answers_an_agents_calls_and_both_sides_hear_each_other(
    transport: str, stack: Stack, open_centre: OpenCentre, tmp_path: Path
) -> None:
    over_tls = transport == "tls"
    gateway = (stack.options.listen, stack.place.sip_doors["tls"]) if over_tls else stack.sip_addr
    trusted = stack.files / "gateway" / "tls" / "self-signed.pem" if over_tls else None
    plan = caller(talk_s=2.0)
    async with open_centre([plan]) as centre:
        async with baresip(tmp_path / "phone", gateway, GUEST, PASSWORDS[GUEST], TONE_HZ, trusted=trusted) as phone:
            await asyncio.to_thread(centre.api.post, "console", f"/v1/agents/{GUEST}/sign-in", {})
            await centre.perform()
            evidence = await centre.settle()
            await asyncio.to_thread(centre.api.post, "console", f"/v1/agents/{GUEST}/sign-out", {})
        heard = Ear().heard(phone.heard())
    (story,), (record,) = evidence.callers, evidence.records
    assert (story.ending, story.heard.tone_hz) == (Ending.HUNG_UP, TONE_HZ)
    assert story.heard.ms >= 1000
    assert (heard.tone_hz, heard.ms >= 1000) == (plan.tone_hz, True)
    assert (record.access_status, record.agent_id, record.hang_up_party) == ("answered", GUEST, "customer")
    recording = evidence.recordings[record.call_id]
    assert (recording.problem, recording.left.tone_hz, recording.right.tone_hz) == ("", plan.tone_hz, TONE_HZ)
