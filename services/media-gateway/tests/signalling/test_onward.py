"""Blind transfers, supervision, an agent's own calls, heard at every far end."""

import secrets
from typing import Any

import pytest

from callstream.contracts import call_commands as cmd
from callstream.contracts import call_events as call
from callstream.contracts import commands
from callstream.contracts import control_events as control
from callstream.contracts.envelope import NewEvent
from callstream.contracts.states import Supervision, Terminal
from callstream.contracts.subjects import ANY
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.decide import begin_dialled
from callstream_media_gateway.sip.dialog_out import InDialogRequest

from .controls import COLLEAGUE_HZ, MUSIC_HZ, OUTSIDE, SHOWN, ask, colleague, do_it, hears, outside, own_music, until
from .house import AGENT_HZ, CALLER_HZ, House
from .phone import Phone
from .test_survival import talk

MOBILE = "+8613900000009"
ID = "01JZ0000000000000000000000"


@pytest.mark.parametrize("whom", [{"target_agent_id": "1002"}, {"number": OUTSIDE}], ids=["agent", "outside"])
async def test_the_customer_hears_music_then_whom_they_were_given_to(open_house: House, whom: dict[str, str]) -> None:
    house = open_house
    await own_music(house)
    other = await (colleague(house) if "target_agent_id" in whom else outside(house))
    caller, agent, call_id = await talk(house)
    await do_it(house, cmd.BlindTransfer, call_id, **whom)
    await agent.until(("ended", "bye"))
    await hears(caller, MUSIC_HZ)
    if "target_agent_id" in whom:
        started = await house.event(call.TransferStarted)
        await house.offer(call_id, "1002", request_id=started.request_id)
    await other.until("invited")
    other.pick_up()
    await hears(caller, COLLEAGUE_HZ)
    await hears(other, CALLER_HZ)
    moved = await house.event(control.CallTransferred)
    assert (moved.how, moved.to_agent_id, moved.to_number) == ("blind", whom.get("target_agent_id", ""), whom.get("number", ""))
    other.hang_up()
    await caller.until(("ended", "bye"))


async def test_what_goes_on_from_a_call_has_a_hop_less(open_house: House) -> None:
    house = open_house
    other, agent = await outside(house), await house.agent()
    caller = await house.caller(max_forwards=10)
    call_id = await house.call_id()
    await house.answer(call_id)
    await house.event(call.CallAnswered)
    await house.offer(call_id)
    await agent.until("invited")
    assert agent.calls[0].max_forwards == 70, "an agent's phone sends it nowhere"
    agent.pick_up()
    await hears(caller, AGENT_HZ)
    await do_it(house, cmd.BlindTransfer, call_id, number=OUTSIDE)
    await other.until("invited")
    assert other.calls[0].max_forwards == 9


async def test_an_outside_number_that_is_busy_ends_the_call_with_that(open_house: House) -> None:
    house = open_house
    other = await outside(house)
    other.when_called = lambda invited: invited.reject(486)
    caller, _, call_id = await talk(house)
    await do_it(house, cmd.BlindTransfer, call_id, number=OUTSIDE)
    await caller.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.BUSY


@pytest.mark.parametrize(
    ("whom", "reason"),
    [
        ({}, Reason.INVALID),
        ({"target_agent_id": "1002", "number": OUTSIDE}, Reason.INVALID),
        ({"target_agent_id": "1099"}, Reason.UNKNOWN_AGENT),
        ({"group_id": "nowhere"}, Reason.UNKNOWN_GROUP),
        ({"number": "+12125550100"}, Reason.FORBIDDEN),
    ],
)
async def test_a_transfer_to_nobody_is_refused(open_house: House, whom: dict[str, str], reason: Reason) -> None:
    caller, _, call_id = await talk(open_house)
    refused = await ask(open_house, cmd.BlindTransfer, call_id, **whom)
    assert refused.reason is reason, refused
    await hears(caller, AGENT_HZ)


async def test_the_phones_own_transfer_key(open_house: House) -> None:
    house = open_house
    await own_music(house)
    other = await colleague(house)
    caller, agent, call_id = await talk(house)
    assert agent.dialog is not None
    refer = InDialogRequest(agent.dialog, "REFER", [agent.dialog.contact(), ("Refer-To", f"<sip:1002@{house.hop.host}>")], b"")
    assert await refer.code == 202
    await agent.until(("ended", "bye"))
    started = await house.event(call.TransferStarted)
    assert (started.target_agent_id, started.actor) == ("1002", "1001")
    await house.offer(call_id, "1002", request_id=started.request_id)
    await other.until("invited")
    other.pick_up()
    await hears(caller, COLLEAGUE_HZ)


async def test_a_supervisor_listens_whispers_barges_and_goes(open_house: House) -> None:
    house = open_house
    boss = await colleague(house)
    caller, agent, call_id = await talk(house)

    async def supervise(mode: Supervision) -> None:
        await do_it(house, cmd.Supervise, call_id, actor="boss", supervisor_agent_id="1002", mode=mode)

    await supervise(Supervision.LISTEN)
    await boss.until("invited")
    boss.pick_up()
    await hears(boss, CALLER_HZ, AGENT_HZ)
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)
    await supervise(Supervision.WHISPER)
    await hears(agent, CALLER_HZ, COLLEAGUE_HZ)
    await hears(caller, AGENT_HZ)
    await supervise(Supervision.BARGE)
    await hears(caller, AGENT_HZ, COLLEAGUE_HZ)
    await do_it(house, cmd.EndSupervision, call_id, actor="boss")
    await boss.until(("ended", "bye"))
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)
    told = await house.event(control.SupervisionEnded)
    assert (told.supervisor, told.agent_id) == ("boss", "1001")
    assert "ended" not in house.story(call_id)


@pytest.mark.feature("F215")
async def test_a_supervisor_at_a_telephone_chooses_by_keys(open_house: House) -> None:
    house = open_house
    boss = await outside(house)
    caller, agent, call_id = await talk(house)
    await do_it(house, cmd.Supervise, call_id, actor="boss", number=OUTSIDE)
    await boss.until("invited")
    boss.pick_up()
    await hears(boss, CALLER_HZ, AGENT_HZ)
    await hears(caller, AGENT_HZ)
    boss.ears.press("2")
    await hears(agent, CALLER_HZ, COLLEAGUE_HZ)
    boss.ears.press("3")
    await hears(caller, AGENT_HZ, COLLEAGUE_HZ)
    boss.hang_up()
    await hears(caller, AGENT_HZ)
    await hears(agent, CALLER_HZ)


async def test_without_a_phone_a_supervisor_is_refused(open_house: House) -> None:
    _, _, call_id = await talk(open_house)
    refused = await ask(open_house, cmd.Supervise, call_id, actor="boss", supervisor_agent_id="1002")
    assert refused.reason is Reason.AGENT_UNREACHABLE


async def begin(house: House, command: type[cmd.Dial] | type[cmd.CallAgent], **fields: Any) -> commands.Reply:
    """Agent 1001 begins a call."""
    who: dict[str, Any] = {"tenant": house.tenant, "call_id": ID, "agent_id": "1001", "actor": "1001"}
    return await house.commands.send(command(command_id=f"c{secrets.token_hex(6)}", **who, **fields), scope=ANY)


async def dialling(house: House, **fields: Any) -> tuple[Phone, Phone]:
    """The agent has picked up their own phone; the callee's rings."""
    agent, callee = await house.agent(), await outside(house)
    reply = await begin(house, cmd.Dial, number="13700000001", **fields)
    assert reply.accepted, reply
    await agent.until("invited")
    agent.pick_up()
    await callee.until("invited")
    return agent, callee


async def test_an_agent_dials_a_customer(open_house: House) -> None:
    house = open_house
    agent, callee = await dialling(house)
    assert callee.calls[-1].from_.uri.user == SHOWN
    await agent.ears.until(lambda ears: ears.heard_tone((450, COLLEAGUE_HZ)) == 450)
    callee.pick_up()
    await hears(agent, COLLEAGUE_HZ)
    await hears(callee, AGENT_HZ)
    begun = await house.event(call.CallDialled)
    assert (begun.callee, begun.caller, begun.gateway) == (OUTSIDE, SHOWN, house.instance)
    callee.hang_up()
    await agent.until(("ended", "bye"))
    ended = await house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.CALLER_HUNG_UP, Party.CUSTOMER)
    await house.event(call.RecordingReady)
    assert house.story(ID)[0] == "dialled"
    assert house.story(ID).count("leg-answered") == 2


@pytest.mark.feature("F141")
async def test_an_agent_dials_from_a_mobile(open_house: House) -> None:
    """Both legs go through the carrier: the mobile first, and the callee when it was answered."""
    house = open_house
    network = await outside(house, AGENT_HZ)
    where = {"terminal": Terminal.MOBILE, "address": MOBILE}
    reply = await begin(house, cmd.Dial, number="13700000001", **where)
    assert reply.accepted, reply
    await network.until("invited")
    mobile = network.calls[0]
    assert mobile.request_uri.user == MOBILE
    network.pick_up()
    await network.until("invited", times=2)
    assert network.calls[1].request_uri.user == OUTSIDE
    assert len(network.calls) == 2
    network.pick_up()
    bridged = await house.event(call.CallBridged)
    assert (bridged.agent_id, bridged.agent_leg_id) == ("1001", f"{ID}-a")
    network.hang_up()
    await house.event(call.CallEnded)


async def test_without_a_way_to_the_mobile_nothing_is_dialled(open_house: House) -> None:
    house = open_house
    where = {"terminal": Terminal.MOBILE, "address": MOBILE}
    assert (await begin(house, cmd.Dial, number="13700000001", **where)).reason is Reason.NO_TRUNK
    unbound = await begin(house, cmd.Dial, number="13700000001", terminal=Terminal.MOBILE)
    assert unbound.reason is Reason.AGENT_UNREACHABLE


async def test_call_control_of_an_outgoing_call_is_that_of_an_incoming_one(open_house: House) -> None:
    house = open_house
    await own_music(house)
    agent, callee = await dialling(house)
    callee.pick_up()
    await hears(callee, AGENT_HZ)
    await do_it(house, cmd.Hold, ID)
    await hears(callee, MUSIC_HZ)
    await do_it(house, cmd.Retrieve, ID)
    await hears(callee, AGENT_HZ)
    await do_it(house, cmd.Mute, ID)
    await hears(callee)
    await do_it(house, cmd.HangUpAgent, ID)
    await callee.until(("ended", "bye"))
    await agent.until(("ended", "bye"))


@pytest.mark.parametrize(
    ("code", "reason"), [(486, Reason.BUSY), (404, Reason.CALLEE_UNREACHABLE), (603, Reason.CALLEE_REJECTED)]
)
async def test_the_agent_is_hung_up_with_why_nobody_came(open_house: House, code: int, reason: Reason) -> None:
    house = open_house
    agent, callee = await dialling(house)
    callee.calls[-1].reject(code)
    await agent.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is reason


async def test_a_dial_that_cannot_be_made_is_refused_before_anything_rings(open_house: House) -> None:
    house = open_house
    nobody = await begin(house, cmd.Dial, number="13700000001")
    assert nobody.reason is Reason.AGENT_UNREACHABLE
    agent = await house.agent()
    no_trunk = await begin(house, cmd.Dial, number="13700000001")
    assert no_trunk.reason is Reason.NO_TRUNK
    await outside(house)
    for number, reason in (("+12125550100", Reason.FORBIDDEN), ("1", Reason.INVALID)):
        refused = await begin(house, cmd.Dial, number=number)
        assert refused.reason is reason, refused
    assert agent.calls == []
    assert "call.dialled.v1" not in [recorded.event.TYPE for recorded in house.log]


async def test_a_dial_that_another_gateway_has_begun_rings_nobody_here(open_house: House) -> None:
    """The command's first answer was lost, and its repetition reached this gateway."""
    house = open_house
    agent = await house.agent()
    await outside(house)
    theirs = call.CallDialled(
        agent_id="1001", callee=OUTSIDE, caller=SHOWN, gateway="other", leg_id=f"{ID}-c", agent_leg_id=f"{ID}-a"
    )
    _, effects = begin_dialled(ID, house.tenant, theirs, SystemClock().now(), "command")
    (begun,) = (effect for effect in effects if isinstance(effect, do.Append))
    new = NewEvent(id=f"{ID}-{begun.key}", tenant=house.tenant, aggregate_id=ID, time=begun.time, event=theirs)
    await house.store.append("call", ID, house.tenant, [new], 0)
    reply = await begin(house, cmd.Dial, number="13700000001")
    assert reply.accepted, reply
    await until(lambda: not house.gateway.switchboard.calls)
    assert agent.calls == []
    assert house.story(ID) == ["dialled"]


async def test_one_agent_calls_another(open_house: House) -> None:
    house = open_house
    agent, other = await house.agent(), await colleague(house)
    reply = await begin(house, cmd.CallAgent, target_agent_id="1002")
    assert reply.accepted, reply
    await agent.until("invited")
    agent.pick_up()
    wanted = await house.event(control.AgentWanted)
    await agent.ears.until(lambda ears: ears.heard_tone((450, COLLEAGUE_HZ)) == 450)
    await house.offer(ID, "1002", request_id=wanted.request_id)
    await other.until("invited")
    other.pick_up()
    await hears(agent, COLLEAGUE_HZ)
    await hears(other, AGENT_HZ)
    agent.hang_up()
    await other.until(("ended", "bye"))
    assert (await house.event(call.CallEnded)).reason is Reason.AGENT_HUNG_UP
    assert "recording-started" not in house.story(ID)
