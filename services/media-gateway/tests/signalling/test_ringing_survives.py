"""A killed signalling process while phones ring: nobody rings for nobody, and every answer is heard."""

import asyncio

from callstream.contracts import call_events as call
from callstream.contracts.config import Audio
from callstream.kernel.outcomes import Reason

from .house import AGENT_HZ, CALLER_HZ, OTHERS, PROMPT_HZ, House
from .phone import Phone
from .test_survival import end_in_log, kill_signalling, restart, talk


async def ringing(house: House) -> tuple[Phone, Phone, str, str]:
    """A customer waits, and an agent's phone rings for them."""
    agent, caller = await house.agent(), await house.caller()
    await caller.until("ringing")
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    offer_id = await house.offer(call_id)
    await house.event(call.LegRinging)
    return caller, agent, call_id, offer_id


async def test_a_phone_that_rings_goes_on_ringing_and_is_answered_after_the_kill(open_house: House) -> None:
    caller, agent, call_id, _ = await ringing(open_house)
    await restart(open_house)
    agent.pick_up()
    await open_house.event(call.CallBridged, call_id)
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    agent.hang_up()
    await caller.until(("ended", "bye"))
    assert open_house.story(call_id).count("leg-ringing") == 1


async def test_an_agent_who_picks_up_while_nobody_listens_is_heard_at_the_next_try(open_house: House) -> None:
    caller, agent, call_id, _ = await ringing(open_house)
    await kill_signalling(open_house)
    agent.pick_up()
    await open_house.start_gateway()
    await open_house.event(call.CallBridged, call_id)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])


async def test_an_offer_that_was_withdrawn_meanwhile_stops_ringing(open_house: House) -> None:
    """The customer waits on and gets the next agent."""
    caller, agent, call_id, offer_id = await ringing(open_house)
    await kill_signalling(open_house)
    await open_house.withdraw(call_id, offer_id)
    await open_house.start_gateway()
    await agent.until("cancelled")
    other = await open_house.agent("1002")
    await open_house.offer(call_id, "1002")
    await other.until("invited")
    other.pick_up()
    await other.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    caller.hang_up()
    await other.until(("ended", "bye"))


async def test_a_phone_that_rings_for_a_call_that_is_over_stops(open_house: House) -> None:
    """The customer hung up while nobody listened."""
    caller, agent, call_id, _ = await ringing(open_house)
    await kill_signalling(open_house)
    caller.hang_up()
    await open_house.start_gateway()
    await agent.until("cancelled")
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP


async def test_a_call_that_was_not_answered_yet_is_answered_by_the_next_process(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await restart(open_house)
    await open_house.answer(call_id)
    await caller.until("answered")
    assert (await open_house.play(call_id, [Audio(audio_id="menu")], repeat=0)).accepted
    await caller.ears.until_hears(PROMPT_HZ)
    caller.hang_up()
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP
    assert open_house.story(call_id).count("arrived") == 1


async def test_a_caller_who_gives_up_while_nobody_listens_is_heard_at_the_next_try(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await kill_signalling(open_house)
    assert caller.calling is not None
    caller.calling.cancel()
    await open_house.start_gateway()
    await caller.until(("failed", 487))
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.CALLER_CANCELLED
    await asyncio.wait_for(open_house.gateway.switchboard.empty.wait(), 5)
    assert (await open_house.gateway.media.client.stats()).legs == 0


async def test_an_unanswered_call_that_is_over_in_the_log_is_refused(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await kill_signalling(open_house)
    await end_in_log(open_house, call_id)
    await open_house.start_gateway()
    await caller.until(("failed", 503))
    assert open_house.story(call_id).count("ended") == 1


async def test_a_restarted_gateway_rings_phones_that_registered_before(open_house: House) -> None:
    agent = await open_house.agent()
    open_house.sip_port = open_house.hop.port
    await open_house.service.stop()
    await open_house.start_gateway()
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await open_house.offer(call_id)
    await agent.until("invited")


async def test_an_agent_who_talks_is_not_rung_for_another_call_after_a_kill(open_house: House) -> None:
    """The last guard of F048, should routing and agent-state ever agree on it."""
    _, agent, _ = await talk(open_house)
    await restart(open_house)
    second = await open_house.caller()
    await second.until("ringing")
    other_call = await open_house.call_id(2)
    await open_house.answer(other_call)
    await open_house.offer(other_call)
    failed = await open_house.event(call.OfferFailed, other_call)
    assert failed.reason is Reason.ALREADY_RESERVED
    assert agent.story.count("invited") == 1
