"""A killed signalling process: the next one goes on with its calls."""

import asyncio

import msgspec

from callstream.contracts import call_events as call
from callstream.contracts import commands as cmd
from callstream.contracts.config import Audio
from callstream.contracts.envelope import NewEvent
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.media.encode import decode_mp3
from callstream_media_gateway.media.tone import heard_tone

from .house import AGENT_HZ, CALLER_HZ, CONNECT_HZ, OTHERS, PROMPT_HZ, TONES, House
from .phone import Phone


async def talk(house: House) -> tuple[Phone, Phone, str]:
    """Caller and agent hear each other."""
    agent, caller = await house.agent(), await house.caller()
    await caller.until("ringing")
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    await house.offer(call_id)
    await agent.until("invited")
    agent.pick_up()
    await house.event(call.CallBridged)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    return caller, agent, call_id


async def kill_signalling(house: House) -> None:
    """As kill -9 leaves it: nothing is told to anybody, sockets are just gone."""
    gateway = house.gateway
    house.sip_port = gateway.user_agent.local_addr[1]
    gateway.switchboard.perform = lambda _live, _effect: None
    gateway.switchboard.noted = gateway.switchboard.forgotten = lambda _: None
    gateway.note_file.put = lambda _call_id, _note: None  # type: ignore[method-assign]  # not what waits for the turn's end either
    for live in gateway.switchboard.calls.values():
        live.outbox._send = lambda: None  # type: ignore[method-assign]
    for task in gateway._tasks:
        task.cancel()
    gateway._tasks.clear()
    gateway.phones.save()  # as it does within a second after each registration
    house.service.on_stop.clear()
    assert gateway._subscription is not None
    await gateway._subscription.stop()
    await gateway.user_agent.stop()
    await gateway.media.close()
    await gateway.encoder.stop()
    await house.service.stop()


async def end_in_log(house: House, call_id: str) -> None:
    """As agent-state does with the calls of a gateway that was away for too long."""
    lost = NewEvent(
        id=f"{call_id}-lost",
        tenant=house.tenant,
        aggregate_id=call_id,
        time=SystemClock().now(),
        event=call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM),
    )
    await house.store.append("call", call_id, house.tenant, [lost], None)


async def restart(house: House) -> None:
    await kill_signalling(house)
    await house.start_gateway()


async def test_a_talk_goes_on_through_a_killed_signalling(open_house: House) -> None:
    """Nobody hears anything of it; afterwards either side hangs up as ever, and the recording is one."""
    caller, agent, call_id = await talk(open_house)
    told = open_house.story(call_id)
    await kill_signalling(open_house)
    agent.ears.forget()
    await agent.ears.until(lambda ears: len(ears.heard()) > 16_000)  # the audio goes on without signalling
    assert heard_tone(agent.ears.heard(), TONES) == CALLER_HZ
    await open_house.start_gateway()
    assert [call_id] == list(open_house.gateway.switchboard.calls)
    (truth,) = msgspec.json.decode((await open_house.send(cmd.ListLegs)).result, type=list[cmd.CallTruth])
    assert {(leg.agent_id, leg.answered) for leg in truth.legs} == {("", False), ("1001", True)}
    assert open_house.story(call_id) == told

    agent.hang_up()
    await caller.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)
    ready = await open_house.event(call.RecordingReady, call_id)
    sound = decode_mp3(open_house.folder / "recordings" / ready.path)
    assert heard_tone(sound[4000:-2000, 0], TONES) == CALLER_HZ
    assert heard_tone(sound[4000:-2000, 1], TONES) == AGENT_HZ
    assert open_house.story(call_id).count("leg-ended") == 2
    await asyncio.wait_for(open_house.gateway.switchboard.empty.wait(), 5)
    assert (await open_house.gateway.media.client.stats()).legs == 0
    assert not list((open_house.folder / "recordings").rglob("*.wav"))

    await restart(open_house)
    assert not open_house.gateway.restore.calls, "what is settled is left alone"
    assert open_house.story(call_id).count("ended") == 1
    assert open_house.story(call_id).count("recording-ready") == 1


async def test_the_caller_hangs_up_after_three_kills(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    for _ in range(3):
        await restart(open_house)
    caller.hang_up()
    await agent.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.CALLER_HUNG_UP, Party.CUSTOMER)


async def test_a_bye_that_comes_while_nobody_listens_is_heard_at_its_next_try(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    await kill_signalling(open_house)
    caller.hang_up()
    await open_house.start_gateway()
    await agent.until(("ended", "bye"))
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.CALLER_HUNG_UP


async def test_a_peer_that_forgot_the_call_meanwhile_is_found_out(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    await kill_signalling(open_house)
    agent.ua._core.dialogs.clear()  # as if its phone had been switched off and on
    await open_house.start_gateway()
    await caller.until(("ended", "bye"))
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.AGENT_GONE


async def test_supervisors_and_flows_command_a_restored_call(open_house: House) -> None:
    """A customer who listens to a prompt: the flow stops it, plays another, and an agent is offered and answers."""
    agent, caller = await open_house.agent(), await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    assert (await open_house.play(call_id, [Audio(audio_id="menu")], "p1", repeat=0)).accepted
    await caller.ears.until_hears(PROMPT_HZ)
    await restart(open_house)
    assert (await open_house.play(call_id, [Audio(audio_id="menu")], "p1", repeat=0)).accepted, "a repeated command"
    assert (await open_house.play(call_id, [Audio(audio_id="connect")], "p2", repeat=0)).accepted
    await caller.ears.until_hears(CONNECT_HZ)
    assert (await open_house.event(call.PlaybackFinished, call_id)).play_id == "p1"
    await restart(open_house)
    await open_house.offer(call_id)
    await agent.until("invited")
    agent.pick_up()
    await open_house.event(call.CallBridged)
    await restart(open_house)
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    torn = await open_house.send(cmd.TearDown, call_id=call_id, agent_id="1001", actor="boss")
    assert torn.accepted, torn
    await caller.until(("ended", "bye"))
    await agent.until(("ended", "bye"))
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.SUPERVISOR


async def test_what_happened_while_signalling_was_away_counts_once(open_house: House) -> None:
    """A key, an offer and the end of a prompt from the time without signalling; a key from before is not told again."""
    agent, caller = await open_house.agent(), await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    assert (await open_house.play(call_id, [Audio(audio_id="menu")], "p1")).accepted
    await caller.ears.until_hears(PROMPT_HZ)
    caller.ears.press("1")
    await open_house.event(call.DigitReceived)
    await kill_signalling(open_house)
    caller.ears.press("2")
    await caller.ears.until(lambda ears: not ears.pressing)
    await open_house.offer(call_id)
    await open_house.start_gateway()
    await open_house.event(call.DigitReceived, times=2)
    await agent.until("invited")
    agent.pick_up()
    await open_house.event(call.CallBridged)
    digits = [r.event.digit for r in open_house.log if isinstance(r.event, call.DigitReceived)]
    assert digits == ["1", "2"]
    finished = await open_house.event(call.PlaybackFinished, call_id)
    assert finished.play_id == "p1"
    assert open_house.story(call_id).count("playback-finished") == 1


async def test_events_that_were_decided_but_not_told_are_told_after_the_restart(open_house: House) -> None:
    """The broker was away and then signalling was killed: a key, and the end of the talk with its true reason."""
    caller, agent, call_id = await talk(open_house)
    (live,) = open_house.gateway.switchboard.calls.values()
    await open_house.nats.kill()
    told = live.call.event_count
    caller.ears.press("4")
    await caller.ears.until(lambda _: live.call.event_count == told + 1)
    agent.hang_up()
    await caller.until(("ended", "bye"))
    await caller.ears.until(lambda _: live.call.customer == "ended")
    await kill_signalling(open_house)
    await open_house.nats.start()
    await open_house.start_gateway()
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)
    assert [r.event.digit for r in open_house.log if isinstance(r.event, call.DigitReceived)] == ["4"]
    await open_house.event(call.RecordingReady, call_id)
    assert open_house.story(call_id).count("leg-ended") == 2


async def test_a_call_that_somebody_ended_in_the_log_meanwhile_is_hung_up(open_house: House) -> None:
    """Away for too long: agent-state has ended it. Both peers are told, the media is closed, the recording is kept."""
    caller, agent, call_id = await talk(open_house)
    await agent.ears.until(lambda ears: len(ears.heard()) > 16_000)
    await kill_signalling(open_house)
    await end_in_log(open_house, call_id)
    await open_house.start_gateway()
    await caller.until(("ended", "bye"))
    await agent.until(("ended", "bye"))
    await open_house.event(call.RecordingReady, call_id)
    assert (await open_house.gateway.media.client.stats()).legs == 0
    assert open_house.story(call_id).count("ended") == 1


async def test_the_whole_gateway_killed_in_a_talk_loses_no_recording(open_house: House) -> None:
    """Signalling and worker at once: the call is over with a true reason and both peers are told; what was recorded until then is
    linked."""
    caller, agent, call_id = await talk(open_house)
    await agent.ears.until(lambda ears: len(ears.heard()) > 24_000)
    await kill_signalling(open_house)
    open_house.worker.kill()
    open_house.worker.wait()
    open_house.start_worker()
    await open_house.start_gateway()
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.GATEWAY_LOST, Party.SYSTEM)
    await caller.until(("ended", "bye"))
    await agent.until(("ended", "bye"))
    ready = await open_house.event(call.RecordingReady, call_id)
    assert ready.duration_ms >= 1000
    sound = decode_mp3(open_house.folder / "recordings" / ready.path)
    assert heard_tone(sound[4000:-2000, 0], TONES) == CALLER_HZ
    assert heard_tone(sound[4000:-2000, 1], TONES) == AGENT_HZ
    assert open_house.story(call_id).count("leg-ended") == 2
    async with asyncio.timeout(5):
        while list((open_house.folder / "recordings").rglob("*.wav")):
            await asyncio.sleep(0.02)
