"""Failure is a normal input: killed media, a lost broker, silence, somebody else's word."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

from callstream.contracts import call_events as call
from callstream.contracts.envelope import NewEvent
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream_local.embedded.nats import EmbeddedNats
from callstream_media_gateway.sip.offer_answer import make_offer

from .house import CALLER_HZ, OTHERS, House, house
from .test_survival import kill_signalling, talk


async def test_a_killed_media_worker_ends_its_calls_and_keeps_what_was_recorded(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    await agent.ears.until(lambda ears: len(ears.heard()) > 24_000)
    open_house.worker.kill()
    open_house.worker.wait()
    open_house.start_worker()
    await caller.until(("ended", "bye"))
    await agent.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.MEDIA_FAILED, Party.SYSTEM)
    ready = await open_house.event(call.RecordingReady, call_id)
    assert ready.duration_ms >= 1000
    again = await open_house.caller()
    await again.until("ringing")


async def test_a_call_without_audio_ends(fresh_nats: EmbeddedNats, tmp_path: Path) -> None:
    async with house(fresh_nats, tmp_path, media_timeout_s=1) as made:
        caller = await made.caller()
        await caller.until("ringing")
        caller.ears.muted = True
        await made.answer(await made.call_id())
        await caller.until(("ended", "bye"))
        ended = await made.event(call.CallEnded)
        assert (ended.reason, ended.party) == (Reason.MEDIA_TIMEOUT, Party.SYSTEM)


async def test_without_the_broker_talks_go_on_and_new_calls_are_refused(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    await open_house.nats.kill()
    (live,) = open_house.gateway.switchboard.calls.values()
    told = live.call.event_count
    caller.ears.press("42")
    await caller.ears.until(lambda _: live.call.event_count == told + 2)
    agent.ears.forget()
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    refused = await open_house.caller()
    await refused.until(("failed", 503))
    agent.hang_up()
    await caller.until(("ended", "bye"))
    await open_house.nats.start()
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)
    digits = [r.event.digit for r in open_house.log if isinstance(r.event, call.DigitReceived)]
    assert digits == ["4", "2"], "nothing is lost, nothing doubled"
    await open_house.event(call.RecordingReady, call_id)
    again = await open_house.caller()
    await again.until_any("ringing", ("failed", 503))
    assert again.story == ["ringing"]


async def test_a_recording_whose_file_is_lost_has_failed(open_house: House) -> None:
    await talk(open_house)
    await kill_signalling(open_house)
    open_house.worker.kill()
    open_house.worker.wait()
    shutil.rmtree(open_house.folder / "recordings")
    open_house.start_worker()
    await open_house.start_gateway()
    failed = await open_house.event(call.RecordingFailed)
    assert "lost" in failed.message


async def test_the_position_to_recover_from_never_passes_an_open_call(open_house: House) -> None:
    housekeeping = open_house.gateway.housekeeping
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    arrived = next(r.seq for r in open_house.log if r.aggregate_id == call_id)
    later = await open_house.caller()
    await later.until("ringing")
    await open_house.call_id(2)
    housekeeping.save_position()
    assert housekeeping.recover_after() == arrived - 1
    for phone in (caller, later):
        assert phone.calling is not None
        phone.calling.cancel()
    await open_house.event(call.CallEnded, times=2)
    await asyncio.wait_for(open_house.gateway.switchboard.empty.wait(), 5)
    housekeeping.save_position()
    assert housekeeping.recover_after() >= arrived + 3, "two calls, each came and went"


async def test_a_log_that_does_not_answer_refuses_the_call_and_still_tells_it_later(open_house: House) -> None:
    broker = open_house.nats.child
    assert broker is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        caller = await open_house.caller()
        await caller.until(("failed", 503))
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party, ended.sip_status) == (Reason.UNAVAILABLE, Party.SYSTEM, 503)
    assert open_house.story(await open_house.call_id()) == ["arrived", "leg-ended", "ended"]


async def test_an_end_that_somebody_else_wrote_stops_the_call_in_silence(open_house: House) -> None:
    """Two gateways under one name: the one that comes second to the log says good-bye and writes nothing."""
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    foreign = NewEvent(
        id="foreign",
        tenant=open_house.tenant,
        aggregate_id=call_id,
        time=SystemClock().now(),
        event=call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM),
    )
    await open_house.store.append("call", call_id, open_house.tenant, [foreign], None)
    await open_house.answer(call_id)
    await caller.until(("ended", "bye"))
    await asyncio.wait_for(open_house.gateway.switchboard.empty.wait(), 5)
    assert open_house.story(call_id) == ["arrived", "ended"]
    assert (await open_house.gateway.media.client.stats()).legs == 0


async def test_a_caller_on_hold_is_not_silent(fresh_nats: EmbeddedNats, tmp_path: Path) -> None:
    async with house(fresh_nats, tmp_path, media_timeout_s=1) as made:
        caller = await made.caller()
        await caller.until("ringing")
        call_id = await made.call_id()
        await made.answer(call_id)
        await made.event(call.CallAnswered)
        assert caller.dialog is not None
        on_hold = make_offer(*caller.ears.address, session_id=1, version=2, direction="inactive")
        held = await caller.dialog.reinvite(on_hold)
        assert held.code == 200
        caller.ears.muted = True
        await asyncio.sleep(1.5)  # longer than the timeout: silence is what we wait for
        assert "ended" not in made.story(call_id)
        back = await caller.dialog.reinvite(make_offer(*caller.ears.address, session_id=1, version=3))
        assert back.code == 200
        await caller.until(("ended", "bye"))
        assert (await made.event(call.CallEnded)).reason is Reason.MEDIA_TIMEOUT
