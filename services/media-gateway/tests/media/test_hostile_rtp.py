"""Any datagram whatever, from the leg's own peer: nothing raises, all of it is counted, speech goes on after it."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callstream_media_gateway.media import rtcp, wire
from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.tone import level_dbm0, sines

from .coded_phone import packets_of
from .engine_house import House

PAYLOAD_TYPES = (0, 8, 9, 13, 101, 111, 97, 72, 127)
packet = st.builds(
    wire.build,
    st.sampled_from(PAYLOAD_TYPES),
    st.booleans(),
    st.integers(0, 0xFFFF) | st.integers(0, 5),
    st.integers(0, 0xFFFFFFFF) | st.sampled_from((0, 80, 160, 480, 960, 0xFFFFFF00)),
    st.sampled_from((7, 7, 7, 8)),
    st.binary(max_size=300) | st.sampled_from((bytes(160), b"\x01\x8a\x03\x20", b"\xfc" + bytes(60))),
)
datagram = packet | st.binary(max_size=60) | st.just(rtcp.build(7, None, rtcp.Block(1, 2, 3, 4, 5, 6, 7), "x"))
PACKETS: dict[int, list[bytes]] = {}
step = st.tuples(datagram, st.integers(0, 3))
"""What comes, and how many ticks pass after it."""


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=40), st.integers(0, 2**32))
def test_nothing_raises_and_speech_goes_on(steps: list[tuple[bytes, int]], seed: int) -> None:
    house = House()
    try:
        for data, ticks in steps:
            house.take(data)
            house.ticks(ticks)
        # Then a plain phone, as if nothing had been.
        chance = random.Random(seed)
        ssrc, sequence, timestamp = 99, chance.randrange(0x10000), chance.randrange(2**32)
        speech = encode(sines((400,), 160), PCMA).tobytes()
        heard = []
        for number in range(40):
            house.take(wire.build(PCMA, False, sequence + number, timestamp + 160 * number, ssrc, speech))
            heard.append(house.said(1))
        assert level_dbm0(np.concatenate(heard[-10:])) > -16
    finally:
        house.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=80), min_size=1, max_size=30))
def test_garbage_is_counted_one_by_one(garbage: list[bytes]) -> None:
    house = House()
    try:
        for data in garbage:
            house.take(b"\x00" + data)  # version 0: neither RTP nor RTCP
        assert house.leg.malformed == house.engine.receiver.malformed == len(garbage)
    finally:
        house.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=60, max_size=60), st.sampled_from((9, 111)))
def test_any_pattern_of_loss_leaves_frames_of_full_length(lost: list[bool], payload_type: int) -> None:
    packets = PACKETS.setdefault(payload_type, packets_of({9: "G722", 111: "OPUS"}[payload_type], 400, seconds=1.2))
    clock = {9: 160, 111: 960}[payload_type]
    house = House()
    try:
        for number, gone in enumerate(lost):
            if not gone:
                house.take(wire.build(payload_type, False, number, number * clock, 7, packets[number]))
            assert house.said(1).shape == (160,)
    finally:
        house.close()
