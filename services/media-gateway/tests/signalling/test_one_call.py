"""A whole call: arrival, answer, prompt, key, offer, connect prompt, bridge, recording, hang-up, heard at both ends."""

import hashlib

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.config import Audio
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.media.encode import decode_mp3
from callstream_media_gateway.media.tone import heard_tone

from .house import AGENT_HZ, CALLER_HZ, CONNECT_HZ, NUMBER, OTHERS, PROMPT_HZ, TONES, House


@pytest.mark.feature("F060", "F091", "F198", "F201", "F015", "F175")
async def test_a_call_from_the_first_ring_to_its_recording(open_house: House) -> None:
    agent = await open_house.agent()
    caller = await open_house.caller()
    await caller.until("ringing")
    arrived = await open_house.event(call.CallArrived)
    call_id = await open_house.call_id()
    assert (arrived.called, arrived.caller, arrived.trunk) == (NUMBER, "+862011112222", "carrier")

    await open_house.answer(call_id)
    await caller.until("answered")
    await open_house.event(call.CallAnswered)
    await open_house.play(call_id, [Audio(audio_id="menu")], "menu", repeat=0, barge_in=True)
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
    caller.ears.press("5")
    key = await open_house.event(call.DigitReceived)
    assert (key.digit, key.method, key.play_id) == ("5", "rfc4733", "menu")
    assert (await open_house.event(call.PlaybackFinished)).how == "interrupted"

    await open_house.play(call_id, [Audio(audio_id="menu")], "queue", repeat=0)
    offer_id = await open_house.offer(call_id, connect=[Audio(audio_id="connect")])
    await agent.until("invited")
    await open_house.event(call.LegRinging)
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
    agent.pick_up()
    answered = await open_house.event(call.OfferAnswered)
    assert (answered.offer_id, answered.agent_id) == (offer_id, "1001")
    await caller.ears.until_hears(CONNECT_HZ, OTHERS[CONNECT_HZ])
    assert agent.ears.heard_tone(TONES) is None
    assert (await open_house.event(call.PlaybackFinished, play_id="queue")).how == "stopped"

    await open_house.event(call.CallBridged)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    agent.ears.forget()
    await agent.ears.until(lambda ears: len(ears.heard()) > 8000)
    agent.hang_up()
    await caller.until(("ended", "bye"))

    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)
    legs = [r.event for r in open_house.log if isinstance(r.event, call.LegEnded)]
    assert {leg.role for leg in legs} == {"customer", "agent"}
    assert all(leg.packets_received > 50 for leg in legs)

    ready = await open_house.event(call.RecordingReady)
    mp3 = open_house.folder / "recordings" / ready.path
    assert ready.path.startswith(f"{open_house.tenant}/2")
    assert hashlib.sha256(mp3.read_bytes()).hexdigest() == ready.sha256
    assert mp3.stat().st_size == ready.size_bytes
    sound = decode_mp3(mp3)
    assert heard_tone(sound[4000:-2000, 0], TONES) == CALLER_HZ
    assert heard_tone(sound[4000:-2000, 1], TONES) == AGENT_HZ
    assert open_house.story(call_id) == [
        *("arrived", "answered", "playback-finished", "digit-received"),
        *("leg-started", "leg-ringing", "offer-answered", "playback-finished", "bridged", "recording-started"),
        *("leg-ended", "leg-ended", "ended", "recording-ready"),
    ]
