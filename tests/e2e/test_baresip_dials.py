"""baresip as a desk phone that calls by itself: idle, and out of a talk; and that transfers with its own key."""

import asyncio
from pathlib import Path

import pytest

from callstream.contracts import call_events, control_events
from callstream_local.demo.manifest import GUEST
from callstream_local.phones.ear import Ear
from callstream_local.phones.tones import agent_tone
from callstream_local.stack import Stack

from .baresip import Baresip, baresip, needs_baresip
from .conftest import PASSWORDS, OpenCentre, agent, caller
from .test_call_control import alone_idle, call_of, caller_hears, finished, told
from .test_supervision import ended_record, in_state, post, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_baresip]

TONE_HZ = 620


async def says(phone: Baresip, words: str) -> None:
    async def look() -> bool:
        return words in phone.output

    try:
        await until(look)
    except TimeoutError:
        raise AssertionError(f"not {words!r} in:\n{phone.output}") from None


async def test_an_idle_agent_calls_a_colleague(stack: Stack, open_centre: OpenCentre, tmp_path: Path) -> None:
    async with (
        open_centre([], [agent(0)]) as centre,
        baresip(tmp_path / "phone", stack.sip_addr, GUEST, PASSWORDS[GUEST], TONE_HZ) as phone,
    ):
        await post(centre, f"/v1/agents/{GUEST}/sign-in")
        await phone.press("dial", "1001")
        call_id = await call_of(centre, call_events.CallDialled)
        await told(centre, call_events.CallBridged)
        await in_state(centre, GUEST, "busy")
        await in_state(centre, "1001", "busy")
        await until(phone.has_heard_enough)
        await phone.press("hangup")
        record = await until(lambda: ended_record(centre, call_id))
        await in_state(centre, GUEST, "wrap-up", "idle")
        await in_state(centre, "1001", "wrap-up", "idle")
        await post(centre, f"/v1/agents/{GUEST}/state", {"state": "idle"})
        await phone.press("dial", "+12125550100")
        await says(phone, "403 Forbidden")
        await in_state(centre, GUEST, "wrap-up", "idle")
        await post(centre, f"/v1/agents/{GUEST}/sign-out")
        await phone.stop()
        heard = Ear().heard(phone.heard())
    assert (record["call_type"], record["hang_up_party"]) == ("internal", "agent")
    assert (heard.tone_hz, heard.ms >= 1000) == (agent_tone(0), True)
    (story,) = centre.network.phones["1001"].stories
    assert story.heard.tone_hz == TONE_HZ


async def test_an_agent_consults_on_a_second_call_and_hands_the_customer_over(
    stack: Stack, open_centre: OpenCentre, tmp_path: Path
) -> None:
    async with (
        open_centre([caller(talk_s=None)], [agent(0)]) as centre,
        baresip(tmp_path / "phone", stack.sip_addr, GUEST, PASSWORDS[GUEST], TONE_HZ) as phone,
    ):
        await post(centre, f"/v1/agents/{GUEST}/sign-in")
        await alone_idle(centre, "1001", GUEST, but=GUEST)
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        await caller_hears(centre, TONE_HZ)
        await post(centre, "/v1/agents/1001/state", {"state": "idle"})
        await phone.press("hold")
        await told(centre, control_events.CallHeld)
        await phone.press("dial", "1001")
        await says(phone, "CALL_ESTABLISHED")
        await told(centre, call_events.OfferAnswered, 2)
        await caller_hears(centre, None)
        await phone.press("hangup")
        await told(centre, control_events.ConsultEnded)
        await in_state(centre, "1001", "wrap-up", "idle")
        await post(centre, "/v1/agents/1001/state", {"state": "idle"})
        await phone.press("resume")
        await caller_hears(centre, TONE_HZ)
        await phone.press("transfer", "1001")
        await caller_hears(centre, agent_tone(0))
        await in_state(centre, GUEST, "wrap-up", "idle")
        call_id = await call_of(centre, call_events.CallArrived)
        await post(centre, f"/v1/agents/{GUEST}/sign-out")
        await phone.stop()
        await post(centre, "/v1/agents/1001/tear-down")
        await finished(calling)
        record = await until(lambda: ended_record(centre, call_id))
    assert "Call transfered" in phone.output, "it was told so by NOTIFY"
    assert record["access_status"] == "answered"
