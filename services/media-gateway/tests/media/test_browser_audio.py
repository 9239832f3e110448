"""A browser and a plain phone hear each other: real ICE, DTLS and SRTP against a worker process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from callstream_media_gateway.adapters.sdp_session import SdpSession
from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.worker_commands import DestroyLeg
from callstream_media_gateway.media.worker_events import FirstRtp, LegStats

from .browsers import Browser, calling, rung
from .rig import Rig, usual_level

LOW, HIGH, OTHER = 400, 1100, 1700

Join = Callable[[MediaClient, str, int, str], Awaitable[tuple[Browser, SdpSession]]]


@pytest.fixture
async def open_browsers() -> AsyncIterator[list[Browser]]:
    browsers: list[Browser] = []
    yield browsers
    await asyncio.gather(*(browser.close() for browser in browsers))


@pytest.mark.parametrize(
    ("join", "codec", "deviation_db"),
    [(rung, "PCMA", 1), (rung, "PCMU", 1), (calling, "PCMA", 1), (calling, "OPUS", 4)],
)
async def test_browser_and_phone_hear_each_other_as_loud_as_spoken(
    rig: Rig, open_browsers: list[Browser], join: Join, codec: str, deviation_db: float
) -> None:
    """The foreign peer makes its Opus of two channels, 3 dB less loud."""
    phone = await rig.phone("phone", LOW)
    browser, _ = await join(rig.client, "browser", HIGH, codec)
    open_browsers.append(browser)
    await rig.client.bridge("phone", "browser")
    await asyncio.gather(phone.until_hears(HIGH, [LOW], 10), browser.until_hears(LOW, (HIGH,)))
    browser.forget()
    phone.forget()
    await asyncio.gather(browser.until_hears(LOW, (HIGH,)), phone.until_hears(HIGH, [LOW]))
    await phone.until(lambda phone: len(phone.heard()) >= 4000 and len(browser.heard(500)) >= 4000)
    assert usual_level(phone.heard(500), HIGH) == pytest.approx(-13, abs=deviation_db)
    assert usual_level(browser.heard(500), LOW) == pytest.approx(-13, abs=deviation_db)
    assert (await rig.event(FirstRtp, leg_id="browser")).source
    await rig.do(DestroyLeg("browser"))
    stats = await rig.event(LegStats, leg_id="browser")
    assert stats.packets_in > 20
    assert stats.packets_out > 20
    assert (stats.malformed, stats.strangers) == (0, 0)


async def test_a_snapshot_tells_what_a_new_signalling_needs_to_go_on(rig: Rig, open_browsers: list[Browser]) -> None:
    browser, session = await rung(rig.client, "browser", HIGH)
    open_browsers.append(browser)
    await rig.event(FirstRtp, leg_id="browser", timeout_s=10)
    again = await rig.attach()
    assert again.snapshot is not None
    leg = again.snapshot.legs[0]
    told = session.update("browser", 0)
    assert (leg.ice, leg.peer, leg.secured) == (told.ice, told.peer, True)
    assert again.snapshot.fingerprint.startswith("sha-256 ")
