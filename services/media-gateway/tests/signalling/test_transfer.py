"""A supervisor moves a customer to another agent, and tears a service down, heard at every end."""

import pytest

from callstream.contracts import call_events as call
from callstream.contracts import commands as cmd
from callstream.contracts.config import Audio
from callstream.kernel.outcomes import Party, Reason

from .house import AGENT_HZ, CALLER_HZ, CONNECT_HZ, OTHERS, PROMPT_HZ, House
from .phone import Phone
from .test_survival import talk

MUSIC = (Audio(audio_id="menu"),)


async def target(house: House) -> Phone:
    """Agent 1002's desk phone, which sounds otherwise than the first one."""
    phone = await house.phone(CONNECT_HZ)
    await phone.register(f"{house.tenant}-1002", "secret", house.hop)
    return phone


@pytest.mark.feature("F214")
async def test_the_customer_hears_music_then_the_other_agent(open_house: House) -> None:
    house = open_house
    caller, first, call_id = await talk(house)
    second = await target(house)
    reply = await house.send(
        cmd.TransferCall, call_id=call_id, agent_id="1001", target_agent_id="1002", actor="boss", prompts=MUSIC
    )
    assert reply.accepted, reply
    await first.until(("ended", "bye"))
    started = await house.event(call.TransferStarted)
    assert (started.actor, started.target_agent_id, started.gateway) == ("boss", "1002", house.instance)
    ended = await house.event(call.LegEnded, agent_id="1001")
    assert ended.reason is Reason.SUPERVISOR, "the first agent is free"
    caller.ears.forget()
    await caller.ears.until_hears(PROMPT_HZ, OTHERS[PROMPT_HZ])
    assert (await house.event(call.RecordingReady)).duration_ms > 0, "the first talk's recording is complete meanwhile"

    await house.offer(call_id, agent_id="1002")
    await second.until("invited")
    second.pick_up()
    await house.event(call.CallBridged, times=2)
    caller.ears.forget()
    await caller.ears.until_hears(CONNECT_HZ, OTHERS[CONNECT_HZ])
    await second.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    assert AGENT_HZ not in (caller.ears.heard_tone((AGENT_HZ, CONNECT_HZ)),)
    second.hang_up()
    await caller.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.AGENT_HUNG_UP
    await house.event(call.RecordingReady, times=2)


@pytest.mark.feature("F213", "F214")
async def test_what_is_not_possible_is_refused_and_the_talk_goes_on(open_house: House) -> None:
    house = open_house
    _, agent, call_id = await talk(house)
    for command, fields, reason in (
        (cmd.TearDown, {"agent_id": "1002"}, Reason.ILLEGAL_STATE),
        (cmd.TransferCall, {"agent_id": "1002", "target_agent_id": "1001"}, Reason.ILLEGAL_STATE),
        (cmd.TransferCall, {"agent_id": "1001", "target_agent_id": "1001"}, Reason.INVALID),
    ):
        reply = await house.send(command, call_id=call_id, actor="boss", **fields)
        assert (reply.accepted, reply.reason) == (False, reason)
    unknown = await house.send(cmd.TearDown, call_id="nowhere", agent_id="1001", actor="boss")
    assert unknown.reason is Reason.UNKNOWN_CALL
    agent.ears.forget()
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    assert "ended" not in house.story(call_id)


@pytest.mark.feature("F213")
async def test_a_torn_down_service_hangs_up_both(open_house: House) -> None:
    house = open_house
    caller, agent, call_id = await talk(house)
    reply = await house.send(cmd.TearDown, call_id=call_id, agent_id="1001", actor="boss")
    assert reply.accepted, reply
    await caller.until(("ended", "bye"))
    await agent.until(("ended", "bye"))
    ended = await house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.SUPERVISOR, Party.SUPERVISOR)
    assert (await house.event(call.ServiceTornDown)).actor == "boss"
