"""What is over is freed by itself. Circles would stay for up to a minute, and their collection stops every call."""

import gc
import secrets
import weakref
from collections.abc import Iterator

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.commands import HangUpCall
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.adapters.caller_leg import CallerLeg
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.adapters.phone_leg import PhoneLeg
from callstream_media_gateway.sip.transactions import timer_rules

from .controls import until
from .house import House
from .test_endings import answered_call
from .test_phone_dials import PlayedAgents, dialling


@pytest.fixture(autouse=True)
def no_collector(open_house: House) -> Iterator[None]:
    """Whatever stands in a circle stays. Transactions end after three seconds, not half a minute."""
    core = open_house.gateway.user_agent._core
    for udp in (True, False):
        core.transactions.rules[udp] = timer_rules(core.timers, 0.05, 4.0, 0.5, udp=udp)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_a_call_with_its_legs_and_dialogs(open_house: House) -> None:
    agent = await open_house.agent()
    caller, call_id = await answered_call(open_house)
    await open_house.offer(call_id)
    await agent.until("invited")
    agent.pick_up()
    await open_house.event(call.CallBridged)
    live = open_house.gateway.switchboard.calls[call_id]
    phone = next(iter(live.phones.values()))
    assert isinstance(live.caller, CallerLeg)
    assert isinstance(phone, PhoneLeg)
    parts = (live.caller, live.caller.incoming, live.caller.dialog, phone, phone.calling, phone.dialog, live.outbox)
    left = weakref.WeakSet[object](parts)
    assert len(left) == len(parts)
    del live, phone, parts
    caller.hang_up()
    await open_house.event(call.CallEnded)
    await caller.until_true(lambda: not left)


async def test_a_call_that_is_refused(open_house: House) -> None:
    caller = await open_house.caller()
    await caller.until("ringing")
    call_id = await open_house.call_id()
    live = open_house.gateway.switchboard.calls[call_id]
    assert isinstance(live.caller, CallerLeg)
    left = weakref.WeakSet[object]((live.caller, live.caller.incoming, live.outbox))
    del live
    await open_house.send(HangUpCall, call_id=call_id, reason=Reason.UNKNOWN_FLOW)
    await caller.until(("failed", 404))
    await caller.until_true(lambda: not left)


async def test_a_call_that_a_phone_dials(open_house: House) -> None:
    await PlayedAgents().open(open_house)
    line, callee = await dialling(open_house)
    callee.pick_up()
    await line.until("answered")
    (live,) = open_house.gateway.switchboard.calls.values()
    own = next(leg for leg in live.phones.values() if isinstance(leg, PhoneCallLeg))
    left = weakref.WeakSet[object]((*live.phones.values(), own.incoming, own.dialog, live.outbox))
    assert len(left) == 5
    del live, own
    line.hang_up()
    await callee.until(("ended", "bye"))
    await callee.until_true(lambda: not left)


async def test_the_account_of_a_caller_who_was_blocked(open_house: House) -> None:
    switchboard = open_house.gateway.switchboard
    blocked = call.CallBlocked(caller="+8613800000001", called="+862166668888", trunk="carrier", gateway=open_house.instance)
    switchboard.record_alone(f"x{secrets.token_hex(4)}", open_house.tenant, blocked)
    left = weakref.WeakSet[object](switchboard._refused.values())
    assert len(left) == 1
    await open_house.event(call.CallBlocked)
    await until(lambda: not left)
