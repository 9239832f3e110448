"""Calls that end early, and offers that come to nothing."""

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.commands import AnswerCall, HangUpCall, PlayPrompts, StopPlayback
from callstream.contracts.config import Audio, Speech
from callstream.kernel.outcomes import Party, Reason

from .house import AGENT_HZ, OTHERS, PROMPT_HZ, House
from .phone import Phone

MENU = [Audio(audio_id="menu")]


async def answered_call(house: House) -> tuple[Phone, str]:
    caller = await house.caller()
    await caller.until("ringing")
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    return caller, call_id


async def in_queue(house: House) -> tuple[Phone, str]:
    """A customer who hears queue music."""
    caller, call_id = await answered_call(house)
    await house.play(call_id, MENU, "queue", repeat=0)
    return caller, call_id


@pytest.mark.feature("F015")
async def test_a_caller_who_cancels_while_it_rings(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    assert caller.calling is not None
    caller.calling.cancel()
    await caller.until(("failed", 487))
    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.CALLER_CANCELLED, Party.CUSTOMER)
    call_id = await open_house.call_id()
    assert open_house.story(call_id) == ["arrived", "leg-ended", "ended"]


async def test_a_flow_that_declines_before_the_answer(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    reply = await open_house.send(HangUpCall, call_id=call_id, reason=Reason.UNKNOWN_FLOW)
    assert reply.accepted
    await caller.until(("failed", 404))
    assert (await open_house.event(call.CallEnded)).sip_status == 404


async def test_a_flow_that_ends_the_call(open_house: House) -> None:
    caller, call_id = await in_queue(open_house)
    await open_house.send(HangUpCall, call_id=call_id, reason=Reason.FLOW_ENDED)
    await caller.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.FLOW_ENDED, Party.SYSTEM)
    again = await open_house.send(HangUpCall, call_id=call_id, reason=Reason.FLOW_ENDED)
    assert again.accepted, "it is over already"


async def test_commands_for_nobody_and_out_of_place_are_refused(open_house: House) -> None:
    for command, more in (
        (AnswerCall, {}),
        (PlayPrompts, {"play_id": "p", "prompts": tuple(MENU)}),
        (StopPlayback, {"play_id": "p"}),
    ):
        reply = await open_house.send(command, call_id="nobody", **more)
        assert (reply.accepted, reply.reason, reply.field) == (False, Reason.UNKNOWN_CALL, "call_id")
    caller = await open_house.caller()
    await caller.until("ringing")
    reply = await open_house.play(await open_house.call_id(), MENU)
    assert (reply.accepted, reply.reason) == (False, Reason.ILLEGAL_STATE)


async def test_speech_and_unknown_sounds(open_house: House) -> None:
    caller, call_id = await answered_call(open_house)
    await open_house.play(call_id, [Audio(audio_id="nowhere")], "lost")
    failed = await open_house.event(call.PlaybackFinished, play_id="lost")
    assert failed.how == "failed"
    assert "nowhere" in failed.message
    await open_house.play(call_id, [Speech(text="You are number 3", voice="en")], "spoken")
    assert (await open_house.event(call.PlaybackFinished, play_id="spoken")).how == "completed"
    await open_house.play(call_id, [Speech(text="You are number 3", voice="en")], "again")
    assert (await open_house.event(call.PlaybackFinished, play_id="again")).how == "completed"
    await open_house.play(call_id, [Speech(text="hello", voice="no such voice!")], "mute")
    assert (await open_house.event(call.PlaybackFinished, play_id="mute")).how == "failed"
    await open_house.play(call_id, MENU, "music", repeat=0)
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
    await open_house.send(StopPlayback, call_id=call_id, play_id="music")
    assert (await open_house.event(call.PlaybackFinished, play_id="music")).how == "stopped"


async def test_keys_by_info_and_by_both_ways(open_house: House) -> None:
    caller, call_id = await answered_call(open_house)
    await open_house.play(call_id, MENU, "menu", repeat=0, barge_in=True)
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
    assert caller.dialog is not None
    assert await caller.dialog.send_digit("7") == 200
    key = await open_house.event(call.DigitReceived, digit="7")
    assert (key.method, key.play_id) == ("info", "menu")
    assert (await open_house.event(call.PlaybackFinished, play_id="menu")).how == "interrupted"
    caller.ears.press("8")
    await caller.dialog.send_digit("8")
    await caller.ears.until(lambda ears: not ears.pressing)
    caller.ears.press("9")
    await open_house.event(call.DigitReceived, digit="9")
    digits = [r.event.digit for r in open_house.log if isinstance(r.event, call.DigitReceived)]
    assert digits == ["7", "8", "9"]


async def test_an_offer_that_is_withdrawn_stops_ringing_and_the_next_agent_rings(open_house: House) -> None:
    first, second = await open_house.agent("1001"), await open_house.agent("1002")
    caller, call_id = await in_queue(open_house)
    offer_id = await open_house.offer(call_id, "1001")
    await first.until("invited")
    await open_house.event(call.LegRinging)
    await open_house.withdraw(call_id, offer_id)
    await first.until("cancelled")
    assert (await open_house.event(call.LegEnded)).reason is Reason.RING_TIMEOUT
    await open_house.offer(call_id, "1002")
    await second.until("invited")
    second.pick_up()
    await open_house.event(call.CallBridged)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])


async def test_an_answer_behind_the_withdrawal_is_dropped_and_the_customer_waits_on(open_house: House) -> None:
    agent = await open_house.agent()
    caller, call_id = await in_queue(open_house)
    offer_id = await open_house.offer(call_id)
    await agent.until("invited")
    await open_house.event(call.LegRinging)
    (live,) = open_house.gateway.switchboard.calls.values()
    # Hold back the gateway's append until the withdrawal stands in the log: the race, decided.
    send = live.outbox._send
    live.outbox._send = lambda: None  # type: ignore[method-assign]
    agent.pick_up()
    await agent.ears.until(lambda _: any(offer.state == "answered" for offer in live.call.offers.values()))
    await open_house.withdraw(call_id, offer_id)
    live.outbox._send = send  # type: ignore[method-assign]
    send()
    await agent.until(("ended", "bye"))
    assert (await open_house.event(call.LegEnded)).reason is Reason.OFFER_LOST
    story = [r.event.NAME for r in open_house.log if r.event.NAME in ("offer-withdrawn", "offer-answered", "bridged")]
    assert story == ["offer-withdrawn", "offer-answered"]
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])


async def test_phones_that_cannot_be_rung(open_house: House) -> None:
    _, call_id = await in_queue(open_house)
    await open_house.offer(call_id, "1001", offer_id="unregistered")
    failed = await open_house.event(call.OfferFailed, offer_id="unregistered")
    assert failed.reason is Reason.AGENT_UNREACHABLE
    await open_house.offer(call_id, "1999", offer_id="unknown")
    assert (await open_house.event(call.OfferFailed, offer_id="unknown")).reason is Reason.UNKNOWN_AGENT
    busy = await open_house.agent("1001")
    busy.when_called = lambda incoming: incoming.reject(486)
    await open_house.offer(call_id, "1001", offer_id="busy")
    failed = await open_house.event(call.OfferFailed, offer_id="busy")
    assert (failed.reason, failed.sip_status) == (Reason.AGENT_REJECTED, 486)
    await open_house.offer(call_id, "1001", offer_id="again")
    await open_house.event(call.OfferFailed, offer_id="again")
    told = open_house.story(call_id)
    assert "leg-started" not in told, "a phone that never rang leaves the failed offer alone"
    assert "leg-ended" not in told


@pytest.mark.feature("F048")
async def test_never_two_legs_to_one_agent(open_house: House) -> None:
    agent = await open_house.agent("1001")
    await in_queue(open_house)
    second_caller = await open_house.caller()
    await second_caller.until("ringing")
    one, other = await open_house.call_id(1), await open_house.call_id(2)
    await open_house.answer(other)
    await open_house.offer(one, "1001")
    await agent.until("invited")
    await open_house.offer(other, "1001", offer_id="second")
    failed = await open_house.event(call.OfferFailed, offer_id="second")
    assert failed.reason is Reason.ALREADY_RESERVED
    assert agent.story.count("invited") == 1


async def test_the_customer_hangs_up_while_the_agent_rings_and_in_talk(open_house: House) -> None:
    agent = await open_house.agent()
    caller, call_id = await in_queue(open_house)
    await open_house.offer(call_id)
    await agent.until("invited")
    caller.hang_up()
    await agent.until("cancelled")
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.CALLER_HUNG_UP, Party.CUSTOMER)
    assert open_house.story(call_id)[-3:] == ["leg-ended", "leg-ended", "ended"]
    assert not open_house.gateway.switchboard.by_leg
