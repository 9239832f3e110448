"""What one phone says is what the other hears: a worker process, real UDP, tones measured at the far end."""

import asyncio
from functools import partial

import numpy as np
import pytest

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.g711 import DECODE, PCMA
from callstream_media_gateway.media.peer import RtpPeer, RtpPeers
from callstream_media_gateway.media.tone import tone_levels
from callstream_media_gateway.media.worker_commands import Codec, Connect, CreateLeg, DestroyLeg, Disconnect, Edge, UpdateLeg
from callstream_media_gateway.media.worker_events import FirstRtp, LegStats, RtpTimeout

from .rig import Rig, usual_level

LOW, HIGH, OTHER = 400, 1100, 1700


def _hears_all(frequencies: tuple[int, ...], phone: RtpPeer) -> bool:
    return bool((tone_levels(phone.heard(400), frequencies) > -20).all())


async def _send_more(phone: RtpPeer, packets: int) -> None:
    sent = phone.packets_out
    await phone.until(lambda phone: phone.packets_out >= sent + packets)


@pytest.mark.parametrize(("codec_a", "codec_b"), [("PCMA", "PCMA"), ("PCMU", "PCMU"), ("PCMA", "PCMU")])
async def test_both_hear_each_other_as_loud_as_spoken(rig: Rig, codec_a: Codec, codec_b: Codec) -> None:
    a = await rig.phone("a", LOW, codec_a)
    b = await rig.phone("b", HIGH, codec_b)
    await rig.client.bridge("a", "b")
    await asyncio.gather(a.until_hears(HIGH, [LOW]), b.until_hears(LOW, [HIGH]))
    a.forget()
    b.forget()
    await asyncio.gather(*(phone.until(lambda phone: len(phone.heard()) >= 4000) for phone in (a, b)))
    assert usual_level(a.heard(500), HIGH) == pytest.approx(-13, abs=1)
    assert usual_level(b.heard(500), LOW) == pytest.approx(-13, abs=1)
    # Nothing of a phone's own voice comes back to it.
    assert tone_levels(a.heard(500), [LOW])[0] < -50


async def test_no_frame_is_lost_or_doubled_on_the_way(rig: Rig) -> None:
    a, b = await rig.phone("a"), await rig.phone("b")
    levels = DECODE[PCMA][:100]  # frame n is the n-th level, which A-law carries exactly
    a.say(levels.repeat(160))
    await rig.client.bridge("a", "b")
    await b.until(lambda phone: len(phone.heard(20)) > 0 and abs(int(phone.heard(20)[0])) > 8)
    b.forget()
    await b.until(lambda phone: len(phone.heard()) >= 160 * 80)
    frames = b.heard().reshape(-1, 160)
    assert (frames == frames[:, :1]).all()
    number_of = {int(level): number for number, level in enumerate(levels)}
    numbers = np.array([number_of.get(int(frame[0]), -1) for frame in frames])
    irregular = np.flatnonzero(np.diff(numbers) % 100 != 1)
    assert len(irregular) <= 5  # the delay may still be adapting to how busy this machine is


async def test_nobody_hears_anything_without_an_entry_and_after_its_removal(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.do(Connect((Edge("b", "a"),)))
    await b.until_hears(LOW)
    assert np.abs(a.heard(200)).max() <= 8  # one way only
    await rig.do(Disconnect((Edge("b", "a"),)))
    b.forget()
    await b.until(lambda phone: len(phone.heard()) >= 1600 and int(np.abs(phone.heard(100)).max()) <= 8)


async def test_three_way_and_gain(rig: Rig) -> None:
    a, b, c = [await rig.phone(name, tone) for name, tone in (("a", LOW), ("b", HIGH), ("c", OTHER))]
    names = "abc"
    await rig.do(Connect(tuple(Edge(x, y, 0.5) for x in names for y in names if x != y)))
    await a.until(lambda phone: len(phone.heard()) > 0 and float(tone_levels(phone.heard(200), [HIGH])[0]) > -25)
    for phone, hears, own in ((a, (HIGH, OTHER), LOW), (b, (LOW, OTHER), HIGH), (c, (LOW, HIGH), OTHER)):
        await phone.until(partial(_hears_all, hears))
        assert tone_levels(phone.heard(400), hears) == pytest.approx(-19, abs=1)
        assert tone_levels(phone.heard(400), [own])[0] < -45


async def test_a_stranger_is_not_heard_and_is_counted(rig: Rig, phones: RtpPeers) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    stranger = phones.open()
    stranger.send_to = a.send_to
    stranger.ssrc, stranger.sequence, stranger.timestamp = a.ssrc, a.sequence, a.timestamp  # as much as one can know
    stranger.tone(OTHER)
    await stranger.until(lambda phone: phone.packets_out >= 50)
    assert b.heard_tone((LOW, HIGH, OTHER), 400) == LOW
    assert stranger.packets_in == 0
    assert (await rig.client.stats()).stranger_packets >= 40
    await rig.do(DestroyLeg("a"))
    assert (await rig.event(LegStats, leg_id="a")).strangers >= 40


async def test_a_stranger_that_comes_first_is_not_locked_to_by_a_few_packets(rig: Rig, phones: RtpPeers) -> None:
    phone, stranger = phones.open(), phones.open()
    port = await rig.client.create_leg(CreateLeg("a", "call", remote=phone.address))
    stranger.send_to = ("127.0.0.1", port)
    await stranger.until(lambda peer: peer.packets_out >= 3)
    phone.send_to = ("127.0.0.1", port)
    assert (await rig.event(FirstRtp)).source == phone.address


async def test_a_phone_behind_nat_is_locked_to_and_answered_where_it_is(rig: Rig, phones: RtpPeers) -> None:
    a = await rig.phone("a", LOW)
    inside, outside = phones.open(), phones.open()
    port = await rig.client.create_leg(CreateLeg("b", "call", remote=inside.address))
    outside.send_to = ("127.0.0.1", port)
    await rig.client.bridge("a", "b")
    assert (await rig.event(FirstRtp, leg_id="b")).source == outside.address
    await outside.until_hears(LOW)
    assert a.packets_in > 0


async def test_without_an_address_the_first_source_is_taken(rig: Rig, phones: RtpPeers) -> None:
    phone = phones.open()
    phone.send_to = ("127.0.0.1", await rig.client.create_leg(CreateLeg("a", "call")))
    assert (await rig.event(FirstRtp)).source == phone.address
    await phone.until(lambda p: p.packets_in > 3)


async def test_a_new_address_in_the_answer_moves_the_lock(rig: Rig, phones: RtpPeers) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    moved = phones.open()
    moved.send_to = b.send_to
    moved.tone(OTHER)
    b.muted = True
    await rig.do(UpdateLeg("b", remote=moved.address))
    await moved.until_hears(LOW)
    await a.until_hears(OTHER, [HIGH])


async def test_a_peer_that_said_sendonly_gets_nothing_and_a_codec_may_change(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    await rig.do(UpdateLeg("b", sending=False))
    await a.until(lambda phone: len(phone.heard(100)) > 0)
    count, before = b.packets_in, a.packets_in
    await a.until(lambda phone: phone.packets_in >= before + 10)
    assert b.packets_in <= count + 2
    await rig.do(UpdateLeg("b", sending=True, codec="PCMU"))
    b.forget()
    await b.until_hears(LOW)
    assert {law for law, _ in b._heard} == {0}


async def test_garbage_is_counted_and_harms_nobody(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b", HIGH)
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    garbage = [
        *(b"", b"x", bytes(11), b"\x80\x08", b"\xff" * 400, b"\x80\xc8" + bytes(26)),
        *(bytes(5000), b"\x9f" + bytes(20), wire.build(77, False, 1, 1, a.ssrc, bytes(160))),
    ]
    for data in garbage * 10:
        a.send_raw(data)
    await rig.do(Disconnect(()))
    b.forget()
    await b.until_hears(LOW, [HIGH, OTHER])
    assert (await rig.client.stats()).malformed_packets >= 80
    await rig.do(DestroyLeg("a"))
    assert (await rig.event(LegStats, leg_id="a")).malformed >= 80


async def test_a_new_ssrc_of_the_same_phone_is_followed(rig: Rig) -> None:
    a, b = await rig.phone("a", LOW), await rig.phone("b")
    await rig.client.bridge("a", "b")
    await b.until_hears(LOW)
    a.ssrc, a.sequence, a.timestamp = 1, 60_000, 5
    a.tone(HIGH)
    await b.until_hears(HIGH, [LOW])


async def test_silence_on_the_wire_is_told_once_until_it_ends(rig: Rig) -> None:
    a = await rig.phone("a", LOW)
    await rig.event(FirstRtp)
    await rig.do(UpdateLeg("a", rtp_timeout_ms=1000))
    a.muted = True
    assert (await rig.event(RtpTimeout)).silent_ms >= 1000
    a.muted = False
    sent = a.packets_out
    await a.until(lambda phone: phone.packets_out > sent + 60)
    a.muted = True
    async with asyncio.timeout(5):
        while len(rig.kinds(RtpTimeout)) < 2:
            await asyncio.sleep(0.05)
    sent = (await rig.client.stats()).ticks
    while (await rig.client.stats()).ticks < sent + 120:
        await asyncio.sleep(0.1)
    assert len(rig.kinds(RtpTimeout)) == 2


async def test_what_a_leg_received_is_told_at_its_end(rig: Rig) -> None:
    a = await rig.phone("a", LOW)
    await a.until(lambda phone: phone.packets_out >= 50)
    for _ in range(5):
        a.sequence += 1  # five packets lost
        await _send_more(a, 2)
    a.muted = True
    sent = a.packets_out
    async with asyncio.timeout(5):
        while (await rig.client.stats()).packets_in < sent:
            await asyncio.sleep(0.02)
    await rig.do(DestroyLeg("a"), DestroyLeg("a"))
    stats = await rig.event(LegStats)
    assert (stats.packets_in, stats.lost, stats.duplicates) == (sent, 5, 0)
    assert stats.packets_out > 0
    assert 0 <= stats.jitter_ms < 20
    assert a.law == PCMA
