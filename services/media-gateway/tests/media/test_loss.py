"""Packets that never come: what is made up for them, measured. Time stands still here but for the ticks."""

import random
from pathlib import Path

import numpy as np
import pytest

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.audiofile import load
from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.opus import OpusDecoder, OpusEncoder
from callstream_media_gateway.media.tone import level_dbm0, sines
from callstream_media_gateway.media.tts import Tts

from .coded_phone import packets_of, tone_and_rest
from .engine_house import House

PAYLOAD_TYPE = {"PCMA": 8, "G722": 9, "OPUS": 111}
CLOCK = {"PCMA": 160, "G722": 160, "OPUS": 960}
FRAMES = 500
TONE_HZ = 430
"""Not a whole number of periods in a frame: repetition has no easy game."""
PACKETS = {codec: packets_of(codec, TONE_HZ, seconds=10.2) for codec in ("G722", "OPUS")}
_PLAIN = sines((TONE_HZ,), 81_600).reshape(-1, 160)
PACKETS["PCMA"] = [encode(np.ascontiguousarray(frame), PCMA).tobytes() for frame in _PLAIN]

# codec, percent lost: the level may fall by so many dB, and all else must lie so far below the tone. A tone is the hardest
# case for repetition: where the phases do not meet, there is a click.
BOUNDS = [
    ("PCMA", 1, 0.3, 14),
    ("PCMA", 5, 0.9, 7),
    ("PCMA", 10, 1.7, 4),
    ("G722", 1, 0.3, 13),
    ("G722", 5, 0.9, 6),
    ("G722", 10, 1.9, 3.5),
    ("OPUS", 1, 0.3, 14),
    ("OPUS", 5, 0.9, 8),
    ("OPUS", 10, 1.9, 5),
]


def heard_with_loss(codec: str, lost: set[int]) -> np.ndarray:
    """What a leg says whose packets with these numbers are lost, without the first half second."""
    house = House()
    parts = []
    try:
        for number in range(FRAMES):
            if number not in lost:
                packet = wire.build(PAYLOAD_TYPE[codec], False, number, number * CLOCK[codec], 7, PACKETS[codec][number])
                house.take(packet)
            parts.append(house.said(1))
        assert house.engine.arrivals.lost(0) == len([number for number in lost if number < FRAMES - 1])
    finally:
        house.close()
    return np.concatenate(parts[25:])


def test_the_clock_of_opus_may_wrap() -> None:
    """Its timestamps begin anywhere and wrap after 25 hours; ours are a sixth of them."""
    house, parts = House(), []
    try:
        for number in range(200):
            timestamp = (2**32 - 100 * 960 + number * 960) & 0xFFFFFFFF
            house.take(wire.build(111, False, number, timestamp, 7, PACKETS["OPUS"][number]))
            parts.append(house.said(1))
        assert house.engine.jitter.resyncs[0] == 0
    finally:
        house.close()
    level, rest = tone_and_rest(np.concatenate(parts[25:]).astype(np.float64), TONE_HZ, 8000)
    assert level > -13.5
    assert rest > 20


def some(percent: int) -> set[int]:
    """So many of a hundred, at random but never two together."""
    chance, lost = random.Random(percent), set[int]()
    while len(lost) < FRAMES * percent // 100:
        number = chance.randrange(30, FRAMES - 5)
        if not {number - 1, number, number + 1} & lost:
            lost.add(number)
    return lost


@pytest.mark.parametrize(("codec", "percent", "softer", "rest"), BOUNDS)
def test_single_losses_are_hidden(codec: str, percent: int, softer: float, rest: float) -> None:
    whole, _ = tone_and_rest(heard_with_loss(codec, set()).astype(np.float64), TONE_HZ, 8000)
    samples = heard_with_loss(codec, some(percent))
    level, below = tone_and_rest(samples.astype(np.float64), TONE_HZ, 8000)
    assert whole - softer <= level <= whole + 0.1
    assert below > rest
    assert min(level_dbm0(frame) for frame in samples.reshape(-1, 160)) > -32


@pytest.mark.parametrize("codec", PAYLOAD_TYPE)
def test_a_long_gap_fades_to_silence_and_speech_returns(codec: str) -> None:
    samples = heard_with_loss(codec, set(range(200, 260))).reshape(-1, 160)
    levels = [level_dbm0(frame) for frame in samples]
    gap = next(number for number, level in enumerate(levels) if level < -60)
    first_lost = 200 - 25 + 2  # the jitter buffer holds two frames
    assert first_lost < gap <= first_lost + 8
    assert min(levels[first_lost - 20 : first_lost]) > -15
    assert max(levels[gap : gap + 40]) < -40
    assert min(levels[-150:]) > -15


async def test_opus_brings_lost_speech_back_out_of_the_next_packet(tmp_path: Path) -> None:
    """Redundancy (RFC 6716 §2.1.7), ours to the peer and the peer's to us: what was lost is much nearer than a guess."""
    speech = load(str(await Tts(tmp_path).render("Please tell me your order number, and I shall see where your parcel is.")))
    encoder, whole = OpusEncoder(), OpusDecoder()
    frames = speech[: len(speech) // 160 * 160].reshape(-1, 160)
    packets = [encoder.encode(np.ascontiguousarray(frame)) for frame in frames]
    said = [whole.decode(packet).astype(np.float64) for packet in packets]
    distance = {}
    for repaired in (True, False):
        decoder, wrong, all_of_it = OpusDecoder(), 0.0, 0.0
        for number, packet in enumerate(packets[:-1]):
            if number % 10 == 5:
                made = decoder.repair(packets[number + 1], 160) if repaired else decoder.conceal(160)
                wrong += float(np.sum(np.square(made - said[number])))
                all_of_it += float(np.sum(np.square(said[number])))
            else:
                decoder.decode(packet)
        distance[repaired] = 10 * np.log10(all_of_it / wrong)
    assert distance[True] > distance[False] + 5
    assert distance[True] > 7


def test_a_leg_uses_that_redundancy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten lost packets whose followers have come in time, ten are repaired."""
    asked: list[tuple[bytes, int]] = []
    repair = OpusDecoder.repair

    def noted(self: OpusDecoder, following: bytes, samples: int) -> np.ndarray:
        asked.append((following, samples))
        return repair(self, following, samples)

    monkeypatch.setattr(OpusDecoder, "repair", noted)
    heard_with_loss("OPUS", set(range(100, 200, 10)))
    assert asked == [(PACKETS["OPUS"][n + 1], 160) for n in range(100, 200, 10)]
