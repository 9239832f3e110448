"""Call control and a killed signalling process: what was held, asked and dialled goes on with the next one."""

from callstream.contracts import call_commands as cmd
from callstream.contracts import call_events as call
from callstream.kernel.outcomes import Reason

from .controls import COLLEAGUE_HZ, MUSIC_HZ, controls, do_it, hears, outside, own_music
from .house import AGENT_HZ, CALLER_HZ, House
from .test_hold_and_consult import consulting
from .test_onward import ID, begin, dialling
from .test_survival import restart, talk


async def test_a_held_customer_stays_held_and_can_be_retrieved(open_house: House) -> None:
    house = open_house
    await own_music(house)
    caller, agent, call_id = await talk(house)
    await do_it(house, cmd.Mute, call_id)
    await do_it(house, cmd.Hold, call_id)
    await hears(caller, MUSIC_HZ)
    await restart(house)
    await hears(caller, MUSIC_HZ)
    assert (await controls(house, call_id))[0] == "held"
    await do_it(house, cmd.Retrieve, call_id)
    await hears(agent, CALLER_HZ)
    await hears(caller)
    await do_it(house, cmd.Unmute, call_id)
    await hears(caller, AGENT_HZ)


async def test_a_consultation_is_completed_by_the_next_process(open_house: House) -> None:
    house = open_house
    caller, agent, other, call_id = await consulting(house)
    await restart(house)
    await hears(agent, COLLEAGUE_HZ)
    await do_it(house, cmd.CompleteTransfer, call_id)
    await agent.until(("ended", "bye"))
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    other.hang_up()
    await caller.until(("ended", "bye"))


async def test_a_dialled_talk_goes_on_and_can_be_held(open_house: House) -> None:
    house = open_house
    await own_music(house)
    agent, callee = await dialling(house)
    callee.pick_up()
    await hears(callee, AGENT_HZ)
    await restart(house)
    await do_it(house, cmd.Hold, ID)
    await hears(callee, MUSIC_HZ)
    await do_it(house, cmd.Retrieve, ID)
    await hears(callee, AGENT_HZ)
    callee.hang_up()
    await agent.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.CALLER_HUNG_UP


async def test_a_command_whose_answer_was_lost_with_the_process_is_done_once(open_house: House) -> None:
    house = open_house
    caller, _, call_id = await talk(house)
    ask = cmd.Consult(command_id="c1", call_id=call_id, agent_id="1001", actor="1001", target_agent_id="1002")
    for _ in range(2):
        reply = await house.commands.send(ask, scope=house.instance)
        assert reply.accepted, reply
        await restart(house)
    caller.hang_up()
    await house.event(call.CallEnded)  # all that was told before stands in the log now
    assert house.story(call_id).count("consult-started") == 1


async def test_a_call_that_is_being_dialled_is_dialled_on(open_house: House) -> None:
    """Killed while the agent's own phone rings, and again while the callee's does."""
    house = open_house
    agent, callee = await house.agent(), await outside(house)
    assert (await begin(house, cmd.Dial, number="13700000001")).accepted
    await agent.until("invited")
    await restart(house)
    agent.pick_up()
    await callee.until("invited")
    await restart(house)
    callee.pick_up()
    await hears(agent, COLLEAGUE_HZ)
    await hears(callee, AGENT_HZ)
    await restart(house)
    trunks = house.gateway.trunks
    assert (trunks.at_once(house.tenant), trunks.at_once(house.tenant, "1001")) == (1, 1), "limits hold over a kill"
    agent.hang_up()
    await callee.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.AGENT_HUNG_UP
    assert trunks.at_once(house.tenant) == 0
    await house.event(call.RecordingReady)
