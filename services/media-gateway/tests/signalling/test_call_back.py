"""A callback at a real gateway: phones and a carrier by SIP, the offer in the log, and signalling killed at each stage."""

import asyncio
import secrets

import msgspec
import pytest

from callstream.contracts import call_events as call
from callstream.contracts.call_commands import CallBack
from callstream.contracts.commands import Reply
from callstream.contracts.config import Settings
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.lines import Number
from callstream.contracts.outbound import CallerIdPolicy
from callstream.contracts.states import LegRole, Purpose
from callstream.contracts.subjects import ANY
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.adapters.outbox import Outbox

from .house import AGENT_HZ, CALLER_HZ, OTHERS, House
from .phone import Phone
from .test_dialling import BEIJING, SHENZHEN, network, numbers
from .test_survival import kill_signalling, restart

CUSTOMER = "+8675599998888"


async def begin(house: House, number: str = CUSTOMER, group_id: str = "sales") -> tuple[str, str, Reply]:
    call_id, offer_id = f"d{secrets.token_hex(6)}", f"o{secrets.token_hex(6)}"
    command = CallBack(
        command_id=f"c{secrets.token_hex(6)}",
        tenant=house.tenant,
        call_id=call_id,
        agent_id="1001",
        offer_id=offer_id,
        request_id=f"r-{offer_id}",
        callback_of="earlier",
        number=number,
        group_id=group_id,
    )
    return call_id, offer_id, await house.commands.send(command, scope=ANY)


async def agent_rings(house: House) -> tuple[Phone, Phone, str, str]:
    carrier, agent = await network(house), None
    await numbers(house)
    agent = await house.agent()
    call_id, offer_id, reply = await begin(house)
    assert reply.accepted, reply
    assert msgspec.json.decode(reply.result) == house.instance
    await house.event(call.CallDialled, call_id)
    await house.offer(call_id, offer_id=offer_id)
    await agent.until("invited")
    return carrier, agent, call_id, offer_id


async def customer_rings(house: House) -> tuple[Phone, Phone, str, str]:
    carrier, agent, call_id, offer_id = await agent_rings(house)
    assert carrier.story == [], "the agent first"
    agent.pick_up()
    await carrier.until("invited")
    return carrier, agent, call_id, offer_id


async def they_talk(house: House, carrier: Phone, agent: Phone, call_id: str, offer_id: str) -> None:
    carrier.pick_up()
    bridged = await house.event(call.CallBridged, call_id)
    assert (bridged.offer_id, bridged.agent_id) == (offer_id, "1001")
    await agent.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    await carrier.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    agent.hang_up()
    await carrier.until(("ended", "bye"))
    ended = await house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)


async def test_the_agent_then_the_customer_then_they_talk(open_house: House) -> None:
    carrier, agent, call_id, offer_id = await customer_rings(open_house)
    dialled = await open_house.event(call.CallDialled, call_id)
    assert (dialled.purpose, dialled.callback_of, dialled.request_id) == (Purpose.CALLBACK, "earlier", f"r-{offer_id}")
    assert carrier.calls[0].request_uri.user == CUSTOMER
    await they_talk(open_house, carrier, agent, call_id, offer_id)
    answered = await open_house.event(LegAnswered, call_id, role=LegRole.CUSTOMER)
    assert answered.number == CUSTOMER
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 0


async def test_a_busy_customer_ends_it_with_that(open_house: House) -> None:
    carrier, agent, call_id, _ = await customer_rings(open_house)
    carrier.calls[-1].reject(486)
    await agent.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.BUSY, Party.CUSTOMER)


async def test_a_withdrawn_offer_ends_it(open_house: House) -> None:
    carrier, agent, call_id, offer_id = await agent_rings(open_house)
    await open_house.withdraw(call_id, offer_id)
    await agent.until("cancelled")
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.RING_TIMEOUT
    assert carrier.story == []


async def test_without_its_offer_it_ends_by_itself(open_house: House) -> None:
    await network(open_house)
    await numbers(open_house)
    call_id, _, reply = await begin(open_house)
    assert reply.accepted
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.OFFER_LOST


async def test_begun_twice_it_is_one_call(open_house: House) -> None:
    """The first answer was lost, and routing may ask again."""
    await network(open_house)
    await numbers(open_house)
    call_id, offer_id = f"d{secrets.token_hex(6)}", "o"
    command = CallBack(
        command_id="first",
        tenant=open_house.tenant,
        call_id=call_id,
        agent_id="1001",
        offer_id=offer_id,
        request_id="r",
        callback_of="earlier",
        number=CUSTOMER,
        group_id="sales",
    )
    again = msgspec.structs.replace(command, command_id="second")
    replies = [await open_house.commands.send(each, scope=ANY) for each in (command, again)]
    assert [msgspec.json.decode(reply.result) for reply in replies] == [open_house.instance] * 2
    await open_house.event(call.CallEnded, call_id)
    assert open_house.story(call_id) == ["dialled", "ended"]


@pytest.mark.parametrize(("number", "reason"), [("+12125550100", Reason.FORBIDDEN), ("nobody", Reason.INVALID)])
async def test_what_may_not_be_dialled_is_refused_before_anybody_rings(open_house: House, number: str, reason: Reason) -> None:
    await network(open_house)
    await numbers(open_house)
    call_id, _, reply = await begin(open_house, number)
    assert (reply.accepted, reply.reason, reply.field) == (False, reason, "number")
    assert call_id not in open_house.gateway.switchboard.calls


async def test_a_number_of_the_group_is_shown_whatever_the_policy(open_house: House) -> None:
    """Nobody is there to choose by hand; without a number of the group it is any that the agent may show."""
    await network(open_house)
    await numbers(open_house, Number(number="+862155501234", flow_id="main", flow_version=1, outbound_groups=("sales",)))
    await open_house.publish(Settings(ring_timeout_s=32, caller_id=CallerIdPolicy.BY_HAND))
    async with asyncio.timeout(5):
        while open_house.service.config.settings(open_house.tenant).ring_timeout_s != 32:
            await asyncio.sleep(0.01)
    rows = [("sales", {"+862155501234"}, "group"), ("support", {BEIJING, SHENZHEN}, "random")]
    for group_id, shown, by in rows:
        call_id, _, reply = await begin(open_house, group_id=group_id)
        assert reply.accepted, reply
        dialled = await open_house.event(call.CallDialled, call_id)
        assert dialled.caller in shown
        assert dialled.chosen_by == by


async def test_killed_before_it_knew_that_the_log_has_its_beginning(open_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The acknowledgement dies with the process; routing has seen the event, and its offer stands before the next start."""
    await network(open_house)
    await numbers(open_house)
    agent = await open_house.agent()
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_answered", lambda _self, _answer: None)
        call_id, offer_id, _ = await begin(open_house)
        await open_house.event(call.CallDialled, call_id)
        await kill_signalling(open_house)
    await open_house.offer(call_id, offer_id=offer_id)
    await open_house.start_gateway()
    await agent.until("invited")
    agent.pick_up()
    await open_house.event(call.OfferAnswered, call_id)
    assert open_house.story(call_id).count("dialled") == 1


async def test_killed_before_its_offer_it_goes_on_with_it(open_house: House) -> None:
    carrier = await network(open_house)
    await numbers(open_house)
    agent = await open_house.agent()
    call_id, offer_id, _ = await begin(open_house)
    await open_house.event(call.CallDialled, call_id)
    await kill_signalling(open_house)
    await open_house.offer(call_id, offer_id=offer_id)
    await open_house.start_gateway()
    await agent.until("invited")
    agent.pick_up()
    await carrier.until("invited")
    await they_talk(open_house, carrier, agent, call_id, offer_id)


async def test_killed_while_the_agent_rings(open_house: House) -> None:
    carrier, agent, call_id, offer_id = await agent_rings(open_house)
    await restart(open_house)
    agent.pick_up()
    await carrier.until("invited")
    await they_talk(open_house, carrier, agent, call_id, offer_id)


async def test_killed_while_the_customer_rings(open_house: House) -> None:
    carrier, agent, call_id, offer_id = await customer_rings(open_house)
    await open_house.event(call.LegRinging, call_id, leg_id=f"{call_id}-c")
    await restart(open_house)
    await they_talk(open_house, carrier, agent, call_id, offer_id)


async def test_killed_without_an_offer_it_ends_all_the_same(open_house: House) -> None:
    await network(open_house)
    await numbers(open_house)
    call_id, _, _ = await begin(open_house)
    await open_house.event(call.CallDialled, call_id)
    await restart(open_house)
    assert (await open_house.event(call.CallEnded, call_id)).reason is Reason.OFFER_LOST
