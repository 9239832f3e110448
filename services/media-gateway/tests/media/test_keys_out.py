"""Keys that we press (RFC 4733), read at the far end packet by packet, and masks over keys that are a secret."""

import asyncio
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from callstream_media_gateway.media import wire
from callstream_media_gateway.media.client import MediaRefusedError
from callstream_media_gateway.media.dtmf import EVENTS, DigitReceiver
from callstream_media_gateway.media.encode import read_recording
from callstream_media_gateway.media.keys_out import KeySender, SentDigits
from callstream_media_gateway.media.tone import level_dbm0, sines, tone_levels
from callstream_media_gateway.media.worker_commands import (
    Codec,
    Connect,
    DestroyLeg,
    Edge,
    Mask,
    SendDigits,
    StartRecording,
    StopRecording,
    UpdateLeg,
)
from callstream_media_gateway.media.worker_events import Digit, DigitsSent, FirstRtp, RecordingStopped

from .coded_phone import CodedPhone, coded_phone
from .rig import Rig

EVENT_PT = 103


def keys_of(packets: list[wire.Packet]) -> list[list[wire.Packet]]:
    """The packets of each key."""
    events = [packet for packet in packets if packet.payload_type == EVENT_PT]
    return [list(group) for _, group in groupby(events, lambda packet: packet.timestamp)]


def read_as_a_receiver(packets: list[wire.Packet], rate: int) -> list[tuple[str, int]]:
    receiver = DigitReceiver()
    receiver.rate = rate
    told = [
        key for n, p in enumerate(packets) if p.payload_type == EVENT_PT for key in receiver.packet(p.timestamp, p.payload, n)
    ]
    return [(key.digit, key.duration_ms) for key in told]


async def listening(rig: Rig, codec: Codec) -> CodedPhone:
    """A phone that takes events, and hears a tone otherwise."""
    phone = await coded_phone(rig, "a", codec, event_pt=EVENT_PT)
    await rig.phone("b", 400)
    await rig.do(Connect((Edge("a", "b"),)))
    await phone.until(lambda phone: len(phone.came) > 20, 15)
    return phone


@pytest.mark.parametrize(("codec", "rate"), [("PCMA", 8000), ("G722", 8000), ("OPUS", 48000)])
async def test_keys_arrive_in_order_each_once(rig: Rig, codec: Codec, rate: int) -> None:
    phone = await listening(rig, codec)
    phone.came.clear()
    await rig.do(SendDigits("a", "one", "19*#D", 100, 80))
    assert (await rig.event(DigitsSent)).count == 5
    seen = len(phone.came)
    await phone.until(lambda phone: len(phone.came) > seen + 10, 15)
    assert read_as_a_receiver(phone.came, rate) == [(digit, 100) for digit in "19*#D"]
    for key in keys_of(phone.came):
        assert [packet.marker for packet in key] == [True] + [False] * 6
        assert [bool(packet.payload[1] & 0x80) for packet in key] == [False] * 4 + [True] * 3
        steps = [int.from_bytes(packet.payload[2:4], "big") * 50 // rate for packet in key]
        assert steps == [1, 2, 3, 4, 5, 5, 5]
    # One stream: numbered without a gap, one source, the clock of speech goes on meanwhile.
    numbers = [packet.sequence for packet in phone.came]
    assert {(later - sooner) & 0xFFFF for sooner, later in pairwise(numbers)} == {1}
    assert len({packet.ssrc for packet in phone.came}) == 1
    first = keys_of(phone.came)[0]
    after = phone.came[phone.came.index(first[-1]) + 1]
    assert (after.timestamp - first[0].timestamp) & 0xFFFFFFFF == len(first) * rate // 50


async def test_a_key_beside_opus_is_as_long_as_it_was_pressed(rig: Rig) -> None:
    """Its duration is told in the clock of the speech (RFC 4733 §2.1)."""
    phone = await coded_phone(rig, "a", "OPUS", 400)
    await rig.event(FirstRtp)
    for number, ticks in enumerate((1, 2, 3, 4, 5, 5, 5)):
        payload = bytes((7, 0x8A if ticks == 5 and number >= 4 else 0x0A)) + (960 * ticks).to_bytes(2, "big")
        phone.send_raw(wire.build(101, number == 0, 100 + number, 48_000, 99, payload))
    key = await rig.event(Digit)
    assert (key.digit, key.duration_ms) == ("7", 100)


async def test_nothing_else_is_heard_between_the_keys(rig: Rig) -> None:
    phone = await listening(rig, "PCMA")
    phone.came.clear()
    await rig.do(SendDigits("a", "one", "55", 100, 400))
    await rig.event(DigitsSent)
    events = [number for number, packet in enumerate(phone.came) if packet.payload_type == EVENT_PT]
    between = [packet for packet in phone.came[events[0] : events[-1]] if packet.payload_type == 8]
    assert len(between) >= 15
    assert all(packet.payload == b"\xd5" * 160 for packet in between)
    await phone.until(lambda phone: phone.came[-1].payload_type == 8 and phone.came[-1].payload != b"\xd5" * 160, 15)


async def test_orders_queue_up_and_one_that_is_repeated_counts_once(rig: Rig) -> None:
    phone = await listening(rig, "PCMA")
    order = SendDigits("a", "one", "12", 40, 60)
    await rig.do(order, SendDigits("a", "two", "3", 40, 60), order)
    await rig.event(DigitsSent, send_id="two")
    await rig.do(order)
    seen = len(phone.came)
    await phone.until(lambda phone: len(phone.came) > seen + 20, 15)
    assert [digit for digit, _ in read_as_a_receiver(phone.came, 8000)] == ["1", "2", "3"]
    assert [(event.send_id, event.count) for event in rig.kinds(DigitsSent)] == [("one", 2), ("two", 1)]


@pytest.mark.parametrize("ending", [DestroyLeg("a"), UpdateLeg("a", sending=False)])
async def test_what_could_not_be_sent_is_told(rig: Rig, ending: DestroyLeg | UpdateLeg) -> None:
    phone = await listening(rig, "PCMA")
    await rig.do(SendDigits("a", "one", "1" * 60, 200, 200))
    await phone.until(lambda phone: len(keys_of(phone.came)) >= 2, 15)
    await rig.do(ending)
    assert 1 <= (await rig.event(DigitsSent)).count < 60


REFUSED = [
    (SendDigits("a", "x", ""), "digits"),
    (SendDigits("a", "x", "12x"), "digits"),
    (SendDigits("a", "x", "1" * 65), "digits"),
    (SendDigits("a", "x", "1", duration_ms=39), "duration_ms"),
    (SendDigits("a", "x", "1", gap_ms=1001), "gap_ms"),
    (SendDigits("nobody", "x", "1"), "leg_id"),
    (SendDigits("b", "x", "1"), "telephone-events"),
    (Mask("nobody", True), "leg_id"),
]


@pytest.mark.parametrize(("order", "names"), REFUSED)
async def test_impossible_orders_are_refused_by_name(rig: Rig, order: SendDigits | Mask, names: str) -> None:
    await listening(rig, "PCMA")
    with pytest.raises(MediaRefusedError, match=names):
        await rig.do(order)


@pytest.mark.parametrize("duration_ms", [40, 50, 100, 1000])
@pytest.mark.parametrize("gap_ms", [40, 60, 170])
def test_any_lengths_give_three_ends_and_a_pause(duration_ms: int, gap_ms: int) -> None:
    sender, receiver = KeySender(), DigitReceiver()
    sender.add("one", EVENTS, duration_ms, gap_ms)
    told, over, ends = "", [], 0
    for tick in range(16 * 70):
        if not sender.busy:
            break
        packet, done = sender.next(tick * 160)
        over += [done] if done else []
        if packet is not None:
            ends += packet.payload[1] >> 7
            told += "".join(key.digit for key in receiver.packet(packet.timestamp, packet.payload, tick * 20))
    assert told == EVENTS
    assert ends == 3 * len(EVENTS)
    assert over == [SentDigits("one", len(EVENTS))]


async def test_a_masked_leg_is_neither_heard_nor_recorded_but_its_keys_are_told(rig: Rig) -> None:
    customer, agent = await rig.phone("a", 400), await rig.phone("b", 1000)
    await rig.client.bridge("a", "b")
    await asyncio.gather(agent.until_hears(400), customer.until_hears(1000))
    await rig.do(Mask("a", True), StartRecording("call", "r1", "a", "b", "r1.wav"))
    customer.say(sines((770, 1336), 8000))  # the key 5 as a sound, beside the event
    customer.press("5")
    assert (await rig.event(Digit)).digit == "5"
    await agent.until(lambda phone: level_dbm0(phone.heard(100)) < -60)
    agent.forget()
    await agent.until(lambda phone: len(phone.heard()) >= 4000)
    assert level_dbm0(agent.heard(500)) < -60
    assert customer.heard_tone((1000, 400)) == 1000  # the other direction goes on
    await rig.do(StopRecording("r1"))
    channels = read_recording(Path((await rig.event(RecordingStopped)).path))
    assert level_dbm0(channels[:, 0]) < -60
    assert tone_levels(channels[:, 1], [1000])[0] > -20
    await rig.do(Mask("a", False))
    await agent.until(lambda phone: len(phone.heard()) > 0 and float(tone_levels(phone.heard(200), [770])[0]) > -20)
