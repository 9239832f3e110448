"""What descriptions agree on is what is spoken: Opus end to end, keys by RTP or INFO, figures in the log."""

import numpy as np
import pytest

from callstream.contracts import call_events as call
from callstream.contracts.config import Audio
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.media import wire
from callstream_media_gateway.media.g711 import PCMA, encode
from callstream_media_gateway.media.opus import OpusDecoder, OpusEncoder
from callstream_media_gateway.media.peer import RtpPeer
from callstream_media_gateway.media.worker_events import QualityChanged
from callstream_media_gateway.sip.info import digit_of
from callstream_media_gateway.sip.offer_answer import OPUS, TELEPHONE_EVENT, make_offer
from callstream_media_gateway.sip.offer_answer import PCMA as PCMA_CODEC
from callstream_media_gateway.sip.sdp import Codec

from .house import AGENT_HZ, CALLER_HZ, OTHERS, PROMPT_HZ, House
from .phone import Phone

OPUS_PT = 107


class OpusPhone(RtpPeer):
    """Speaks and hears Opus only; what it hears is kept as A-law, like what other peers hear."""

    def __init__(self, host: str) -> None:
        self._encoder, self._decoder = OpusEncoder(), OpusDecoder()
        self._linear: list[np.ndarray] = []
        self.other_packets = 0
        super().__init__(host)

    def say(self, samples: np.ndarray) -> None:
        super().say(samples)
        self._linear = [np.ascontiguousarray(frame) for frame in samples[: len(samples) // 160 * 160].reshape(-1, 160)]

    def _next(self) -> tuple[int, bool, int, bytes]:
        _, marker, timestamp, _ = super()._next()
        self.timestamp = (self.timestamp + 800) & 0xFFFFFFFF  # and 160 more as every peer: 20 ms at 48 kHz
        return OPUS_PT, marker, timestamp, self._encoder.encode(self._linear[self._position])

    def _take(self, data: bytes) -> None:
        packet = wire.parse(data)
        if packet is None or packet.payload_type != OPUS_PT:
            self.other_packets += 1
            return
        self.packets_in += 1
        self._heard.append((PCMA, encode(self._decoder.decode(packet.payload), PCMA).tobytes()))


async def opus_caller(house: House) -> Phone:
    """Somebody whose phone has Opus and keys under numbers of its own, and nothing else."""
    ears = OpusPhone("127.0.0.1")
    house.peers.add(ears)
    phone = Phone(ears, CALLER_HZ)
    await phone.ua.start()
    house.phones.append(phone)
    codecs = (OPUS._replace(payload_type=OPUS_PT), Codec(108, "TELEPHONE-EVENT", 48000))
    phone.call(f"sip:02166668888@{house.hop.host}:{house.hop.port}", make_offer(*ears.address, session_id=1, codecs=codecs))
    return phone


async def test_a_caller_with_nothing_but_opus_talks_to_a_desk_phone_with_g711(open_house: House) -> None:
    agent = await open_house.agent()
    caller = await opus_caller(open_house)
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await caller.until("answered")
    await open_house.play(call_id, [Audio(audio_id="menu")], "menu", repeat=0)
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
    await open_house.offer(call_id)
    await agent.until("invited")
    offered = agent.calls[-1].offer
    assert offered is not None
    assert offered.audio is not None
    assert [codec.name for codec in offered.audio.codecs][:4] == ["PCMA", "PCMU", "G722", "OPUS"]
    agent.pick_up()
    await open_house.event(call.CallBridged)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    await caller.ears.until(lambda ears: ears.packets_in > 150)
    caller.hang_up()
    await open_house.event(call.CallEnded)
    leg = await open_house.event(call.LegEnded, role="customer")
    assert leg.packets_received > 100
    assert leg.mos > 4  # nothing was lost on this machine
    assert isinstance(caller.ears, OpusPhone)
    assert caller.ears.other_packets == 0


@pytest.mark.parametrize("events", [True, False], ids=["telephone-events", "INFO"])
async def test_keys_reach_the_far_end_the_way_it_understands(open_house: House, events: bool) -> None:
    caller = await open_house.phone(CALLER_HZ)
    codecs = (PCMA_CODEC, TELEPHONE_EVENT) if events else (PCMA_CODEC,)
    offer = make_offer(*caller.ears.address, session_id=1, codecs=codecs)
    caller.call(f"sip:02166668888@{open_house.hop.host}:{open_house.hop.port}", offer)
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await caller.until("answered")
    assert caller.dialog is not None
    informed: list[str | None] = []
    caller.dialog.on_info = lambda kind, body: informed.append(digit_of(kind, body))
    live = open_house.gateway.switchboard.calls[call_id]
    await caller.ears.until(lambda ears: ears.packets_in > 5)
    open_house.gateway.switchboard.perform(live, do.SendDigits(live.call.customer_leg, "42#"))
    await caller.ears.until(lambda _: len(caller.ears.pressed) + len(informed) == 3)
    assert (caller.ears.pressed, informed) == ((["4", "2", "#"], []) if events else ([], ["4", "2", "#"]))


async def test_a_call_that_sounds_bad_is_told_of_while_it_goes_on(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await caller.until("answered")
    leg_id = open_house.gateway.switchboard.calls[call_id].call.customer_leg
    noticed = QualityChanged(leg_id=leg_id, call_id=call_id, bad=True, mos=2.5, loss=0.2, jitter_ms=30.0, rtt_ms=300.0)
    for _ in range(2):  # the worker repeats what was not acknowledged
        open_house.gateway.on_media.event(noticed)
    told = await open_house.event(call.QualityChanged)
    assert (told.leg_id, told.role, told.bad, told.mos, told.loss_percent) == (leg_id, "customer", True, 2.5, 20.0)
    caller.hang_up()
    await open_house.event(call.CallEnded)
    assert open_house.story(call_id).count("quality-changed") == 1
