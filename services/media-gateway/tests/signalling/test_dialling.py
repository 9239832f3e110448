"""An agent dials: their phone rings first, then the customer through the trunks, with the caller id that the policy gives."""

import asyncio
import secrets
from functools import partial
from typing import Any

import msgspec
import pytest

from callstream.contracts import call_events as call
from callstream.contracts.call_commands import Dial
from callstream.contracts.commands import Reply
from callstream.contracts.config import Agent, Settings
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import DialGuard, Outgoing, SipTransport
from callstream.contracts.states import Terminal
from callstream.contracts.subjects import ANY
from callstream.contracts.trunk_commands import ListTrunks, TrunkView
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.sip.incoming_call import IncomingCall

from .house import AGENT_HZ, CALLER_HZ, OTHERS, House
from .phone import Phone

BEIJING, SHENZHEN = "+861055501234", "+8675555501234"
CUSTOMER = "0755 9999 8888"


async def network(house: House, priority: int = 1, name: str = "out") -> Phone:
    """A carrier behind which customers answer."""
    phone = await house.phone(CALLER_HZ)
    await house.publish(
        Trunk(id=name, outgoing=Outgoing(host="127.0.0.1", port=phone.ua.local_addr[1], priority=priority, options_every_s=0))
    )
    return phone


async def numbers(house: House, *more: Any) -> None:
    """The company's; Ann may show both."""
    for document in (
        Number(number=BEIJING, flow_id="main", flow_version=1, all_agents=True),
        Number(number=SHENZHEN, flow_id="main", flow_version=1, allowed_agents=("1001",)),
        *more,
    ):
        await house.publish(document)
    await house.publish(Settings(ring_timeout_s=31, dial_guard=DialGuard(agent_per_minute=4)))
    async with asyncio.timeout(5):
        while house.service.config.settings(house.tenant).ring_timeout_s != 31:
            await asyncio.sleep(0.01)


async def dial(house: House, number: str = CUSTOMER, agent_id: str = "1001", **more: Any) -> tuple[str, Reply]:
    call_id = f"d{secrets.token_hex(6)}"
    command = Dial(
        command_id=f"c{secrets.token_hex(6)}",
        tenant=house.tenant,
        call_id=call_id,
        agent_id=agent_id,
        actor="ann@acme.test",
        number=number,
        **more,
    )
    return call_id, await house.commands.send(command, scope=ANY)


@pytest.mark.feature("F143", "F144")
async def test_a_dialled_customer_hears_the_agent_and_sees_the_number_of_their_city(open_house: House) -> None:
    broken, working = await network(open_house, 1, "first"), await network(open_house, 2, "second")
    broken.when_called = partial(IncomingCall.reject, code=503)
    await numbers(open_house)
    agent = await open_house.agent()
    call_id, reply = await dial(open_house)
    assert reply.accepted, reply
    dialled = await open_house.event(call.CallDialled, call_id)
    assert (dialled.callee, dialled.caller, dialled.chosen_by) == ("+8675599998888", SHENZHEN, "city")
    assert (dialled.region, dialled.drawn_from) == ("Guangdong/Shenzhen", (SHENZHEN,))
    await agent.until("invited")
    assert working.story == [], "the agent first"
    agent.pick_up()
    await working.until("invited")
    assert broken.story == ["invited"], "the first trunk failed"
    assert (working.calls[0].request_uri.user, working.calls[0].from_.uri.user) == ("+8675599998888", SHENZHEN)
    rang = await open_house.event(call.LegRinging, call_id, leg_id=dialled.leg_id)
    assert rang.trunk == "second"
    working.pick_up()
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    await working.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    working.hang_up()
    await agent.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert ended.party is Party.CUSTOMER
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 0

    _, reply = await dial(open_house, caller_id=BEIJING)
    assert reply.accepted
    chosen = await open_house.event(call.CallDialled, times=2)
    assert (chosen.caller, chosen.chosen_by) == (BEIJING, "hand")


async def test_what_may_not_be_dialled_rings_nobody_and_stands_in_the_log(open_house: House) -> None:
    carrier = await network(open_house)
    await numbers(open_house)
    await open_house.publish(Agent(id="1002", name="Bo", email="bo@acme.test", sip_user=f"{open_house.tenant}-1002"))
    agent, other = await open_house.agent(), await open_house.agent("1002")
    rows: list[tuple[dict[str, Any], Reason, str]] = [
        ({"number": "+12125550100"}, Reason.FORBIDDEN, "number"),
        ({"number": "16823456"}, Reason.FORBIDDEN, "number"),
        ({"number": "nobody"}, Reason.INVALID, "number"),
        ({"caller_id": "+862166668888"}, Reason.FORBIDDEN, "caller_id"),
        ({"agent_id": "1002", "caller_id": SHENZHEN}, Reason.FORBIDDEN, "caller_id"),
    ]
    for times, (how, reason, field) in enumerate(rows, 1):
        _, reply = await dial(open_house, **how)
        assert (reply.accepted, reply.reason, reply.field) == (False, reason, field)
        told = await open_house.event(call.DialRefused, times=times)
        assert (told.agent_id, told.reason, told.field) == (how.get("agent_id", "1001"), reason, field)
    agent.when_called = partial(IncomingCall.reject, code=486)
    for _ in range(4):
        call_id, reply = await dial(open_house)
        assert reply.accepted
        await open_house.event(call.CallEnded, call_id)
    _, reply = await dial(open_house)
    assert (reply.reason, reply.field) == (Reason.AT_CAPACITY, "number"), "too often within a minute"
    assert (carrier.story, other.story) == ([], [])
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 0


async def test_a_customer_who_cannot_be_reached_ends_the_call_with_the_reason(open_house: House) -> None:
    carrier = await network(open_house)
    await numbers(open_house)
    agent = await open_house.agent()
    for times, (status, reason) in enumerate(((486, Reason.BUSY), (503, Reason.TRUNKS_FAILED)), 1):
        carrier.when_called = partial(IncomingCall.reject, code=status)
        call_id, reply = await dial(open_house)
        assert reply.accepted
        await agent.until("invited", times=times)
        agent.pick_up()
        ended = await open_house.event(call.CallEnded, call_id)
        assert ended.reason is reason
        await agent.until(("ended", "bye"), times=times)


@pytest.mark.feature("F141")
async def test_an_agent_on_a_mobile_is_rung_first_and_bridged_with_the_customer(open_house: House) -> None:
    """Each in a network of their own; the agent sees the number that is marked for mobiles."""
    mobile_number, marked = "+8613900000001", "+862155500000"
    _, reply = await dial(open_house, terminal=Terminal.MOBILE)
    assert reply.reason is Reason.AGENT_UNREACHABLE, "no mobile is bound"
    _, reply = await dial(open_house, terminal=Terminal.MOBILE, address=mobile_number)
    assert reply.reason is Reason.NO_TRUNK, "nor could it be rung"
    away, mobile = await network(open_house, name="away"), await open_house.phone(AGENT_HZ)
    place = Outgoing(host="127.0.0.1", port=mobile.ua.local_addr[1], options_every_s=0)
    await open_house.publish(Trunk(id="mobiles", outgoing=place))
    await numbers(
        open_house,
        Number(number=BEIJING, flow_id="main", flow_version=1, all_agents=True, trunks=("away",)),
        Number(number=SHENZHEN, flow_id="main", flow_version=1),
        Number(number=marked, flow_id="main", flow_version=1, prefer_for_mobile_leg=True, trunks=("mobiles",)),
    )
    call_id, reply = await dial(open_house, terminal=Terminal.MOBILE, address=mobile_number)
    assert reply.accepted, reply
    await mobile.until("invited")
    assert (mobile.calls[0].request_uri.user, mobile.calls[0].from_.uri.user) == (mobile_number, marked)
    assert away.story == []
    mobile.pick_up()
    await away.until("invited")
    assert (away.calls[0].request_uri.user, away.calls[0].from_.uri.user) == ("+8675599998888", BEIJING)
    away.pick_up()
    await mobile.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    await away.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 2
    assert open_house.gateway.trunks.at_once(open_house.tenant, "1001") == 1, "being rung is no dial"
    mobile.hang_up()
    await away.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)


async def test_the_state_of_every_trunk_is_told(open_house: House) -> None:
    carrier = await network(open_house)
    await open_house.publish(
        Trunk(id="gone", outgoing=Outgoing(host="127.0.0.1", port=9, transport=SipTransport.TCP, down_after=1))
    )
    await numbers(open_house)
    agent = await open_house.agent()
    caller = await open_house.caller()
    await caller.until("ringing")
    _, reply = await dial(open_house)
    assert reply.accepted
    await agent.until("invited")
    agent.pick_up()
    await carrier.until("invited")

    async with asyncio.timeout(10):
        while True:
            reply = await open_house.commands.send(
                ListTrunks(command_id=secrets.token_hex(6), tenant=open_house.tenant), scope=ANY
            )
            views = {view.trunk: view for view in msgspec.json.decode(reply.result, type=list[TrunkView])}
            if views["gone"].why_not:
                break
            await asyncio.sleep(0.05)
    told = [(view.trunk, view.incoming, view.outgoing, view.takes_calls, view.why_not) for view in views.values()]
    assert told == [("carrier", 1, 0, False, ""), ("gone", 0, 0, False, "down"), ("out", 0, 1, True, "")]
    assert (views["gone"].message, views["out"].gateway) == ("OPTIONS: 503", open_house.instance)
