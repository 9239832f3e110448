"""Peers that keep silent: noise of the level they tell, until they speak again (RFC 3389)."""

import pytest

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.comfort import comfort_noise
from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.media.tone import level_dbm0, tone_levels
from callstream_media_gateway.media.worker_commands import DestroyLeg

from .rig import Rig

DBM0_OF_DBOV = 3.14 + 3.01
"""0 dBov is the power of a full square wave, 3.01 dB more than that of the loudest sine, which is +3.14 dBm0."""


@pytest.mark.parametrize("level", [20, 40, 60])
def test_noise_is_as_loud_as_told(level: int) -> None:
    heard = sum(level_dbm0(comfort_noise(level)) for _ in range(100)) / 100
    assert heard == pytest.approx(-level + DBM0_OF_DBOV, abs=0.5)


def test_the_ends_of_the_scale() -> None:
    assert abs(comfort_noise(127)).max() <= 1
    assert len(comfort_noise(0)) == 160


def say_noise(phone: RtpPeer, level: int) -> None:
    """One packet of noise in the place of speech, then nothing."""
    phone.muted = True
    phone.send_raw(wire.build(13, False, phone.sequence, phone.timestamp, phone.ssrc, bytes((level, 1, 2))))
    phone.sequence += 1


def heard_level(phone: RtpPeer, at_least: float, at_most: float) -> bool:
    return len(phone.heard()) >= 1600 and at_least < level_dbm0(phone.heard(200)) < at_most


async def test_silence_sounds_as_the_peer_wants_until_it_speaks_again(rig: Rig) -> None:
    a, b = await rig.phone("a", 400), await rig.phone("b")
    await rig.client.bridge("a", "b")
    await b.until_hears(400)
    say_noise(a, 50)
    b.forget()
    await b.until(lambda phone: heard_level(phone, -47, -41))
    b.forget()
    packets = b.packets_in
    await b.until(lambda phone: phone.packets_in >= packets + 50)
    assert heard_level(b, -47, -41)  # a second later it is still there
    assert tone_levels(b.heard(400), [400])[0] < -50
    a.timestamp += 160 * (b.packets_in - packets)
    a.muted = False
    await b.until_hears(400)


async def test_without_noise_a_silent_peer_is_silent(rig: Rig) -> None:
    a, b = await rig.phone("a", 400), await rig.phone("b")
    await rig.client.bridge("a", "b")
    await b.until_hears(400)
    a.muted = True
    await b.until(lambda phone: len(phone.heard()) >= 1600 and level_dbm0(phone.heard(200)) < -60)


async def test_the_next_leg_in_the_same_place_has_no_noise_of_the_last(rig: Rig) -> None:
    a = await rig.phone("a", 400)
    await a.until(lambda phone: phone.packets_out > 10)
    say_noise(a, 20)
    b = await rig.phone("b")
    await rig.client.bridge("a", "b")
    await b.until(lambda phone: heard_level(phone, -17, -11))
    await rig.do(DestroyLeg("a"))
    fresh = await rig.phone("c")
    await rig.client.bridge("b", "c")
    await fresh.until(lambda phone: phone.packets_in > 10)
    b.forget()
    await b.until(lambda phone: len(phone.heard()) >= 1600 and level_dbm0(phone.heard(200)) < -60)
