"""An agent who answers on a mobile: the offer goes through a trunk, and all else is as with a phone (F034, F061)."""

import asyncio
from functools import partial

from callstream.contracts import call_events as call
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import NumberFormat, NumberStyle, Outgoing
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.sip.incoming_call import IncomingCall

from .house import AGENT_HZ, CALLER_HZ, NUMBER, OTHERS, House
from .phone import Phone
from .test_survival import restart

MOBILE, MARKED = "+8613900000001", "+862155500000"


async def carrier(house: House) -> Phone:
    """The network in which the agent's mobile is."""
    phone = await house.phone(AGENT_HZ)
    outgoing = Outgoing(
        host="127.0.0.1", port=phone.ua.local_addr[1], called=NumberFormat(style=NumberStyle.NATIONAL), options_every_s=0
    )
    await house.publish(Trunk(id="out", outgoing=outgoing))
    await house.publish(Number(number=MARKED, flow_id="main", flow_version=1, prefer_for_mobile_leg=True))
    await until(lambda: house.service.config.trunk(house.tenant, "out") and house.service.config.number(MARKED, house.tenant))
    return phone


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def waiting_caller(house: House) -> tuple[Phone, str]:
    caller = await house.caller()
    call_id = await house.call_id()
    await house.answer(call_id)
    await caller.until("answered")
    return caller, call_id


async def test_an_agent_serves_a_caller_from_a_mobile(open_house: House) -> None:
    mobile = await carrier(open_house)
    caller, call_id = await waiting_caller(open_house)
    offer_id = await open_house.offer(call_id, terminal="mobile", address=MOBILE)
    await mobile.until("invited")
    invited = mobile.calls[-1]
    assert (invited.request_uri.user, invited.from_.uri.user) == ("13900000001", MARKED)
    await open_house.event(call.LegRinging)
    mobile.pick_up()
    answered = await open_house.event(call.OfferAnswered)
    assert (answered.offer_id, answered.agent_id) == (offer_id, "1001")
    await open_house.event(call.CallBridged)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    await mobile.ears.until_hears(CALLER_HZ, OTHERS[CALLER_HZ])
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 1
    mobile.hang_up()
    await caller.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded)
    assert (ended.reason, ended.party) == (Reason.AGENT_HUNG_UP, Party.AGENT)
    await open_house.event(call.RecordingReady)
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 0


async def test_a_mobile_that_is_not_reached_fails_the_offer_with_the_reason_and_the_next_one_goes_on(open_house: House) -> None:
    caller, call_id = await waiting_caller(open_house)
    first = await open_house.offer(call_id, terminal="mobile", address=MOBILE)
    failed = await open_house.event(call.OfferFailed, offer_id=first)
    assert (failed.reason, failed.agent_id) == (Reason.NO_TRUNK, "1001"), "no trunk takes calls yet"

    mobile = await carrier(open_house)
    for code, reason in ((486, Reason.AGENT_REJECTED), (503, Reason.TRUNKS_FAILED), (404, Reason.AGENT_UNREACHABLE)):
        mobile.when_called = partial(IncomingCall.reject, code=code)
        offer_id = await open_house.offer(call_id, terminal="mobile", address=MOBILE)
        failed = await open_house.event(call.OfferFailed, offer_id=offer_id)
        assert (failed.reason, failed.sip_status) == (reason, code)

    mobile.when_called = lambda call: call.provisional(180)
    rung_out = await open_house.offer(call_id, terminal="mobile", address=MOBILE)
    await mobile.until("invited", times=4)
    await open_house.event(call.LegRinging)
    await open_house.withdraw(call_id, rung_out)
    await mobile.until("cancelled")
    desk = await open_house.agent("1002")
    await open_house.offer(call_id, agent_id="1002")
    await desk.until("invited")
    desk.pick_up()
    bridged = await open_house.event(call.CallBridged)
    assert bridged.agent_id == "1002"
    caller.hang_up()
    await desk.until(("ended", "bye"))
    assert open_house.gateway.trunks.at_once(open_house.tenant) == 0


async def test_a_talk_and_a_ringing_mobile_outlive_a_killed_signalling(open_house: House) -> None:
    mobile = await carrier(open_house)
    caller, call_id = await waiting_caller(open_house)
    await open_house.offer(call_id, terminal="mobile", address=MOBILE)
    await mobile.until("invited")
    await open_house.event(call.LegRinging)
    await restart(open_house)
    mobile.pick_up()
    await open_house.event(call.CallBridged)
    await caller.ears.until_hears(AGENT_HZ, OTHERS[AGENT_HZ])
    await restart(open_house)
    caller.hang_up()
    await mobile.until(("ended", "bye"))
    ended = await open_house.event(call.CallEnded, call_id)
    assert (ended.reason, ended.party) == (Reason.CALLER_HUNG_UP, Party.CUSTOMER)


async def test_an_agent_without_a_number_anywhere_cannot_be_rung_on_a_mobile(open_house: House) -> None:
    await carrier(open_house)
    caller, call_id = await waiting_caller(open_house)
    offer_id = await open_house.offer(call_id, terminal="mobile")
    failed = await open_house.event(call.OfferFailed, offer_id=offer_id)
    assert failed.reason is Reason.AGENT_UNREACHABLE
    caller.hang_up()


async def test_a_caller_is_told_by_home_region(open_house: House) -> None:
    for number, (user, region) in enumerate(
        (("13910757777", "Beijing/Beijing"), ("075533334444", "Guangdong/Shenzhen"), ("+12125550100", "US"), ("anonymous", "")), 1
    ):
        caller = await open_house.caller(caller=f"sip:{user}@trunk.test")
        await caller.until("ringing")
        call_id = await open_house.call_id(number)
        arrived = await open_house.event(call.CallArrived, call_id)
        assert (arrived.region, arrived.called) == (region, NUMBER)
        assert caller.calling is not None
        caller.calling.cancel()
        await caller.until(("failed", 487))
        await open_house.event(call.CallEnded, call_id)
