"""A call in which nobody's phone sends a packet leaves no file, and says so."""

from callstream.contracts import call_events as call
from callstream.kernel.outcomes import Reason

from .house import House


async def bridged(house: House, *, muted: bool) -> str:
    agent, caller = await house.agent(), await house.caller()
    agent.ears.muted, caller.ears.muted = True, muted
    await caller.until("ringing")
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    await house.offer(call_id)
    await agent.until("invited")
    agent.pick_up()
    await house.event(call.CallBridged)
    if not muted:
        await agent.ears.until(lambda ears: ears.packets_in > 50)
    caller.hang_up()
    return call_id


async def test_without_a_single_packet_nothing_is_encoded(open_house: House) -> None:
    call_id = await bridged(open_house, muted=True)
    failed = await open_house.event(call.RecordingFailed, call_id)
    assert (failed.recording_id, failed.reason) == (f"{call_id}-r1", Reason.NO_AUDIO)
    legs = [r.event for r in open_house.log if isinstance(r.event, call.LegEnded)]
    assert [leg.packets_received for leg in legs] == [0, 0]
    await open_house.gateway.finish.settled()
    assert [path for path in (open_house.folder / "recordings").rglob("*") if path.is_file()] == []
    assert open_house.gateway.encoder.children == [], "no encoder was needed"


async def test_one_phone_that_sends_is_enough(open_house: House) -> None:
    call_id = await bridged(open_house, muted=False)
    ready = await open_house.event(call.RecordingReady, call_id)
    assert (open_house.folder / "recordings" / ready.path).stat().st_size == ready.size_bytes
