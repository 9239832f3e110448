"""An agent in a real browser: JsSIP over WSS in headless Chromium, a caller on a plain trunk, tones measured at both ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callstream.contracts.call_events import CallEnded, DigitReceived
from callstream.contracts.config import Audio
from callstream.contracts.control_events import AgentWanted
from callstream.kernel.outcomes import Reason
from callstream_local.embedded.nats import EmbeddedNats
from callstream_media_gateway.media.tone import heard_tone, level_dbm0

from .chromium import BOUND_S, Page, build_page, kill, missing, softphone
from .controls import COLLEAGUE_HZ, colleague
from .house import AGENT_HZ, CALLER_HZ, OTHERS, PROMPT_HZ, TONES, House, house
from .phone import Phone
from .test_survival import kill_signalling

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()), pytest.mark.timeout(180)]


@pytest.fixture(scope="module", autouse=True)
def page_is_built() -> None:
    build_page()


@pytest.fixture
async def open_house(fresh_nats: EmbeddedNats, tmp_path: Path) -> AsyncIterator[House]:
    async with house(fresh_nats, tmp_path, wss_port=0, media_timeout_s=5) as opened:
        yield opened


def settings(opened: House, agent: str = "1001") -> dict[str, str]:
    hop = opened.gateway.user_agent.hop("wss")
    return {
        "socket": f"wss://{hop.host}:{hop.port}",
        "user": f"{opened.tenant}-{agent}",
        "host": "callstream.test",
        "password": "secret",
    }


async def talk(opened: House, page: Page) -> tuple[str, Phone]:
    """Somebody calls, the agent's browser rings and answers; both hear each other."""
    await page.until("registered")
    caller = await opened.caller()
    call_id = await opened.call_id()
    await opened.answer(call_id)
    await opened.offer(call_id)
    invited = await page.until("invited")
    assert "UDP/TLS/RTP/SAVPF" in invited["sdp"]
    assert "a=ice-lite" in invited["sdp"]
    await page.do("answer")
    await page.until("confirmed")
    await asyncio.gather(
        caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ], BOUND_S), page.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    )
    return call_id, caller


async def test_agent_and_caller_hear_each_other_as_loud_as_spoken(open_house: House, tmp_path: Path) -> None:
    async with softphone(tmp_path, AGENT_HZ, **settings(open_house)) as (page, _):
        call_id, caller = await talk(open_house, page)
        assert await page.until_hears(CALLER_HZ, OTHERS[CALLER_HZ], -15) == pytest.approx(-13, abs=2)
        caller.ears.forget()
        await caller.ears.until(lambda ears: len(ears.heard()) >= 8000)
        assert level_dbm0(caller.ears.heard(500)) == pytest.approx(-13, abs=2)
        caller.hang_up()
        await page.until("ended")
        assert (await open_house.event(CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP


async def test_the_agent_holds_comes_back_and_changes_the_network(open_house: House, tmp_path: Path) -> None:
    async with softphone(tmp_path, AGENT_HZ, **settings(open_house)) as (page, _):
        _, caller = await talk(open_house, page)
        await page.do("hold")
        await page.do("unhold")
        caller.ears.forget()
        await asyncio.gather(
            caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ], BOUND_S), page.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
        )
        await page.do("restartIce")
        caller.ears.forget()
        await asyncio.gather(
            caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ], BOUND_S), page.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
        )
        await page.do("hangUp")
        await page.until("ended")


async def test_the_talk_goes_on_through_a_killed_signalling(open_house: House, tmp_path: Path) -> None:
    """The audio needs no WebSocket; the browser connects again, and is found by its new connection."""
    async with softphone(tmp_path, AGENT_HZ, **settings(open_house)) as (page, _):
        call_id, caller = await talk(open_house, page)
        open_house.wss_port = open_house.gateway.user_agent.hop("wss").port
        await kill_signalling(open_house)
        caller.ears.forget()
        await caller.ears.until(lambda ears: len(ears.heard()) >= 16_000)
        assert heard_tone(caller.ears.heard(500), TONES) == AGENT_HZ
        await page.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
        await open_house.start_gateway()
        await page.until("registered", times=2)
        await page.do("hold")
        await page.do("unhold")
        caller.ears.forget()
        await asyncio.gather(
            caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ], BOUND_S), page.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
        )
        caller.hang_up()
        await page.until("ended")
        assert (await open_house.event(CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP


async def test_the_agent_asks_a_colleague_in_a_second_call_and_connects_the_two(open_house: House, tmp_path: Path) -> None:
    """REFER with Replaces of another stack, which is told by NOTIFY."""
    async with softphone(tmp_path, AGENT_HZ, **settings(open_house)) as (page, _):
        call_id, caller = await talk(open_house, page)
        other = await colleague(open_house)
        await page.do("hold")
        hop = open_house.gateway.user_agent.hop("wss")
        target = f"sip:1002@{hop.host}:{hop.port};transport=ws"
        await page.do("call", target=target)
        wanted = await open_house.event(AgentWanted)
        assert wanted.agent_id == "1001"
        await open_house.offer(call_id, "1002", request_id=wanted.request_id)
        await other.until("invited")
        other.pick_up()
        await page.until("confirmed", times=2)
        await asyncio.gather(page.until_hears(COLLEAGUE_HZ), other.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ], BOUND_S))
        await page.do("transfer", target=target)
        await page.until("transferTrying")
        await page.until("transferAccepted")
        await page.until("ended", times=2)
        await asyncio.gather(
            caller.ears.until_hears(COLLEAGUE_HZ, OTHERS[COLLEAGUE_HZ], BOUND_S),
            other.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ], BOUND_S),
        )


async def test_a_browser_that_calls_hears_the_menu_and_presses_keys(open_house: House, tmp_path: Path) -> None:
    """The offer is the browser's this time, Opus first. Not registered it is a customer of the trunk at this address."""
    async with softphone(tmp_path, CALLER_HZ, **settings(open_house)) as (page, _):
        await page.until("registered")
        await page.do("unregister")
        await page.until("unregistered")
        hop = open_house.gateway.user_agent.hop("wss")
        await page.do("call", target=f"sip:02166668888@{hop.host}:{hop.port};transport=ws")
        assert "opus" in (await page.until("sending"))["sdp"]
        call_id = await open_house.call_id()
        await open_house.answer(call_id)
        await open_house.play(call_id, [Audio(audio_id="menu")], "menu", repeat=0, barge_in=True)
        assert await page.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ], -16) == pytest.approx(-13, abs=3)
        await page.do("press", digits="5", transport="RFC2833")
        key = await open_house.event(DigitReceived)
        assert (key.digit, key.method, key.play_id) == ("5", "rfc4733", "menu")
        await page.do("press", digits="7", transport="INFO")
        assert (await open_house.event(DigitReceived, digit="7")).method == "info"
        await page.do("hangUp")
        assert (await open_house.event(CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP


async def test_a_browser_that_is_killed_ends_its_call(open_house: House, tmp_path: Path) -> None:
    async with softphone(tmp_path, AGENT_HZ, **settings(open_house)) as (page, browser):
        call_id, _ = await talk(open_house, page)
        kill(browser)
        async with asyncio.timeout(BOUND_S):
            ended = await open_house.event(CallEnded, call_id)
        assert ended.reason is Reason.MEDIA_TIMEOUT
