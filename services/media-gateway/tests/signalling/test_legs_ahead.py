"""Legs are opened at ports that the media worker has bound ahead: no step of a call waits for its answer."""

import os
import signal
from collections import deque

from callstream.contracts import call_events as call
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.media.orders import Answered
from callstream_media_gateway.media.worker_commands import AnyCommand, CreateLeg

from .house import AGENT_HZ, CALLER_HZ, OTHERS, House
from .test_survival import kill_signalling, restart, talk

NOBODYS_PORT = 1022


def watch_orders(house: House) -> list[CreateLeg]:
    """What is asked of the worker from now on."""
    client, seen = house.gateway.media.client, []
    post = client.post

    def watched(command: AnyCommand, answered: Answered) -> None:
        if isinstance(command, CreateLeg):
            seen.append(command)
        post(command, answered)

    client.post = watched  # type: ignore[method-assign]
    return seen


async def ready(house: House) -> None:
    """The worker has told its ports."""
    await house.gateway.media.client.stats()


async def test_a_call_names_the_ports_of_both_its_legs(open_house: House) -> None:
    await ready(open_house)
    orders = watch_orders(open_house)
    caller, _, _ = await talk(open_house)
    assert [order.port is not None for order in orders] == [True, True]
    assert caller.dialog is not None
    assert caller.dialog.remote_sdp is not None
    assert caller.dialog.remote_sdp.audio is not None
    assert caller.dialog.remote_sdp.audio.port == orders[0].port


async def test_without_ports_ahead_the_worker_is_asked(open_house: House) -> None:
    open_house.gateway.media.client.ports.take = lambda: None  # type: ignore[method-assign]
    orders = watch_orders(open_house)
    await talk(open_house)
    assert [order.port for order in orders] == [None, None]


async def test_a_caller_whose_leg_is_refused_later_is_refused(open_house: House) -> None:
    await ready(open_house)
    open_house.gateway.media.client.ports._spare = deque([NOBODYS_PORT])
    caller = await open_house.caller()
    await caller.until(("failed", 503))
    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.MEDIA_FAILED, Party.SYSTEM)


async def test_an_offer_whose_leg_is_refused_while_the_phone_rings_fails_and_the_caller_waits_on(open_house: House) -> None:
    agent, caller = await open_house.agent(), await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    await open_house.answer(call_id)
    await open_house.event(call.CallAnswered)
    await ready(open_house)
    open_house.gateway.media.client.ports._spare = deque([NOBODYS_PORT])
    await open_house.offer(call_id)
    assert (await open_house.event(call.OfferFailed)).reason is Reason.MEDIA_FAILED
    await agent.until("cancelled")
    assert "ended" not in open_house.story(call_id)
    await ready(open_house)
    await open_house.offer(call_id)
    await open_house.event(call.LegRinging, times=2)
    agent.pick_up()
    await open_house.event(call.CallBridged)
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])


async def test_a_restart_leaves_no_ports_behind(open_house: House) -> None:
    caller, agent, call_id = await talk(open_house)
    before = await open_house.gateway.media.client.stats()
    for _ in range(2):
        await restart(open_house)
    after = await open_house.gateway.media.client.stats()
    assert (before.legs, before.spare_ports + 2) == (after.legs, after.spare_ports), "and the two that were used are bound anew"
    agent.ears.forget()
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    caller.hang_up()
    await open_house.event(call.CallEnded, call_id)
    await agent.until(("ended", "bye"))


async def test_a_leg_that_a_killed_process_had_asked_for_keeps_its_port(open_house: House) -> None:
    """The next process has ports ahead, but the worker has opened the leg at another by then."""
    open_house.gateway.media.client.ports.take = lambda: None  # type: ignore[method-assign]
    os.kill(open_house.worker.pid, signal.SIGSTOP)
    caller = await open_house.caller()
    call_id = await open_house.call_id()
    await kill_signalling(open_house)
    os.kill(open_house.worker.pid, signal.SIGCONT)
    await open_house.start_gateway()
    await caller.until("ringing")
    await open_house.answer(call_id)
    await caller.until("answered")
    snapshot = open_house.gateway.media.client.snapshot
    assert snapshot is not None
    assert caller.dialog is not None
    assert caller.dialog.remote_sdp is not None
    assert caller.dialog.remote_sdp.audio is not None
    assert [leg.rtp_port for leg in snapshot.legs] == [caller.dialog.remote_sdp.audio.port]
