"""Opus and G.722 legs: real UDP, FFmpeg at the far end; which tone, how loud, how clean."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.arrays import I16
from callstream_media_gateway.media.client import MediaRefusedError
from callstream_media_gateway.media.g722 import G722Decoder, G722Encoder
from callstream_media_gateway.media.opus import OpusDecoder, OpusEncoder, packet_samples
from callstream_media_gateway.media.tone import level_dbm0, sines
from callstream_media_gateway.media.worker_commands import Codec, CreateLeg, UpdateLeg

from .coded_phone import PAYLOAD_TYPE, RATE, coded_phone, decoded, packets_of, tone_and_rest, until_heard
from .rig import Rig

CODECS: tuple[Codec, ...] = ("OPUS", "G722")
CLEAN_DB = {"OPUS": 20, "G722": 35}
"""How far below a tone everything else lies: Opus at 24 kbit/s is made for speech."""


def hears_only(samples: I16, frequency_hz: float) -> bool:
    """The tone at -13 dBm0, and all else well below it."""
    level, rest = tone_and_rest(samples.astype(np.float64), frequency_hz, 8000)
    return len(samples) == 4000 and abs(level + 13) < 1.5 and rest > 8


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_ffmpeg_hears_what_we_encode(codec: str, frequency: int) -> None:
    encoder = OpusEncoder() if codec == "OPUS" else G722Encoder()
    samples = sines((frequency,), 16_000)
    payloads = [encoder.encode(samples[at : at + 160]) for at in range(0, 16_000, 160)]
    level, rest = tone_and_rest(decoded(codec, payloads)[RATE[codec] // 2 :], frequency, RATE[codec])
    assert level == pytest.approx(-13, abs=1)
    assert rest > CLEAN_DB[codec]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_we_hear_what_ffmpeg_encodes(codec: str, frequency: int) -> None:
    decoder = OpusDecoder() if codec == "OPUS" else G722Decoder()
    samples = np.concatenate([decoder.decode(payload) for payload in packets_of(codec, frequency, seconds=2)])
    assert len(samples) == 16_000
    level, rest = tone_and_rest(samples[8000:].astype(np.float64), frequency, 8000)
    assert level == pytest.approx(-13, abs=1)
    assert rest > CLEAN_DB[codec]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("frequency", [5000, 6500])
def test_what_eight_kilohertz_cannot_hold_is_not_folded_into_it(codec: str, frequency: int) -> None:
    decoder = OpusDecoder() if codec == "OPUS" else G722Decoder()
    samples = np.concatenate([decoder.decode(payload) for payload in packets_of(codec, frequency, seconds=1)])
    assert level_dbm0(samples[4000:7600]) < -45


@pytest.mark.parametrize("codec", CODECS)
async def test_both_sides_hear_each_other_across_codecs(rig: Rig, codec: Codec) -> None:
    coded, plain = await coded_phone(rig, "a", codec, 400), await rig.phone("b", 1000)
    await rig.client.bridge("a", "b")
    await plain.until_hears(400, [1000], timeout_s=15)
    await plain.until(lambda phone: hears_only(phone.heard(500), 400), 15)
    await until_heard(coded, 1000, CLEAN_DB[codec] - 3)  # A-law lies between
    assert {packet.payload_type for packet in coded.came} == {PAYLOAD_TYPE[codec]}
    stamps = np.array([packet.timestamp for packet in coded.came], np.uint32)
    assert np.diff(stamps).min() == {"OPUS": 960, "G722": 160}[codec]


async def test_two_opus_phones_hear_each_other(rig: Rig) -> None:
    a, b = await coded_phone(rig, "a", "OPUS", 400), await coded_phone(rig, "b", "OPUS", 1000)
    await rig.client.bridge("a", "b")
    await asyncio.gather(until_heard(a, 1000, 8, 1.5), until_heard(b, 400, 8, 1.5))


async def test_a_peer_may_change_to_another_agreed_codec_at_any_time(rig: Rig) -> None:
    coded, plain = await coded_phone(rig, "a", "OPUS", 400), await rig.phone("b")
    await rig.client.bridge("a", "b")
    await plain.until_hears(400, timeout_s=15)
    coded.codec, coded.packets = "G722", packets_of("G722", 1000)
    coded.ssrc += 1
    await plain.until_hears(1000, [400], timeout_s=15)


async def test_what_we_send_changes_with_the_description_and_gets_a_new_source(rig: Rig) -> None:
    phone, plain = await coded_phone(rig, "a", "OPUS", 400), await rig.phone("b", 1000)
    await rig.client.bridge("a", "b")
    await phone.until(lambda phone: len(phone.came) > 20, 15)
    await rig.do(UpdateLeg("a", codec="G722", pt_out=9))
    await phone.until(lambda phone: [packet.payload_type for packet in phone.came[-70:]] == [9] * 70, 15)
    phone.codec = "G722"
    await until_heard(phone, 1000, 20)
    assert plain.packets_in > 0


@pytest.mark.parametrize("frame_ms", [10, 40, 60])
async def test_packets_of_other_lengths_are_whole_again(rig: Rig, frame_ms: int) -> None:
    """Opus of 10, 40 and 60 ms, one burst per 20 ms tick where there are several."""
    coded, plain = await coded_phone(rig, "a", "OPUS"), await rig.phone("b")
    packets = packets_of("OPUS", 400, frame_ms=frame_ms)
    per_tick, step = max(1, 20 // frame_ms), frame_ms * 48
    await rig.client.bridge("a", "b")

    sent = ticks = 0

    def tick() -> None:
        nonlocal sent, ticks
        ticks += 1
        if frame_ms > 20 and ticks % (frame_ms // 20):
            return
        for _ in range(per_tick):
            coded.send_raw(wire.build(107, False, sent, sent * step, 77, packets[sent % len(packets)]))
            sent += 1

    coded.tick = tick  # type: ignore[method-assign]
    await plain.until_hears(400, timeout_s=15)
    await plain.until(lambda phone: len(phone.heard()) >= 8000 and hears_only(phone.heard(500), 400), 15)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (CreateLeg("x", "call", "OPUS"), "pt_out"),
        (CreateLeg("x", "call", event_rate=16000), "event_rate"),
        (CreateLeg("x", "call", dynamic_in=((8, "OPUS"),)), "dynamic_in"),
        (CreateLeg("x", "call", pt_out=200), "pt_out"),
        (CreateLeg("x", "call", event_pt_out=8), "event_pt_out"),
    ],
)
async def test_impossible_formats_are_refused_by_name(rig: Rig, order: CreateLeg, names: str) -> None:
    with pytest.raises(MediaRefusedError, match=names):
        await rig.client.create_leg(order)
    assert (await rig.client.stats()).legs == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=20))
def test_any_bytes_are_decoded_or_refused(payloads: list[bytes]) -> None:
    opus, g722 = OpusDecoder(), G722Decoder()
    for payload in payloads:
        claimed = packet_samples(payload)
        assert len(opus.decode(payload)) in (0, claimed)
        assert len(g722.decode(payload)) == len(payload)
        assert len(opus.repair(payload, 160)) in (0, 160)
        assert len(opus.conceal(160)) == 160
