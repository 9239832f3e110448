"""Two copies each of routing and agent-state on a real broker: who is killed or frozen is replaced, and wakes without harm."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import nats.errors

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.commands import GetAgent, Reply
from callstream.contracts.config import Settings
from callstream.contracts.queue_events import OfferMade
from callstream.contracts.subjects import command_subject
from callstream_local.embedded.nats import EmbeddedNats

from .offer_house import TENANT, House, group_of, open_house

OTHER = "lotus"
"""A tenant of the second share; TENANT is of the first."""
QUIET_S = 1.5
"""How long we listen for a second voice."""
SETTINGS = Settings(wrap_up_s=1, ring_timeout_s=4)


@asynccontextmanager
async def pairs(server: EmbeddedNats, *agents: str) -> AsyncIterator[House]:
    """Two copies each; copy 0 works for TENANT, copy 1 for OTHER. Both tenants have the same agents."""
    async with open_house(server, agents, SETTINGS, None) as house:
        house.tenant = OTHER
        await house.publish(SETTINGS, *group_of(*agents))
        house.tenant = TENANT
        copies = [(service, f"{service}-{copy}", f"{copy}/2") for copy in (0, 1) for service in ("routing", "agent-state")]
        await asyncio.gather(*(house.start(*each) for each in copies))
        yield house


async def voices(house: House, tenant: str) -> int:
    """How many processes answer one command."""
    inbox = house.nc.new_inbox()
    heard = await house.nc.subscribe(inbox)
    asked = GetAgent(command_id=house.id(), agent_id="1001")
    await house.nc.publish(command_subject("agent-state", tenant, "get"), msgspec.json.encode(asked), reply=inbox)
    count = 0
    try:
        while True:
            message = await heard.next_msg(timeout=QUIET_S)
            assert msgspec.json.decode(message.data, type=Reply).accepted
            count += 1
    except nats.errors.TimeoutError:
        return count
    finally:
        await heard.unsubscribe()


async def one_call(house: House, name: str) -> OfferMade:
    """A caller is offered and answered; who it was."""
    await house.request(name)
    offer = await house.offer(name)
    await house.answer(offer, name)
    await house.until(lambda: house.story(name)[-1] == "left answered answered")
    await house.hang_up(name, offer)
    return offer


async def test_each_copy_works_for_its_tenants_and_in_need_for_all(fresh_nats: EmbeddedNats) -> None:
    async with pairs(fresh_nats, "1001") as house:
        for tenant in (TENANT, OTHER):
            house.tenant = tenant
            await house.sign_in("1001")
            await one_call(house, f"first-{tenant}")
            assert await voices(house, tenant) == 1
        # Without the copies of TENANT's share, OTHER does not notice anything.
        await house.kill("routing-0")
        await house.kill("agent-state-0")
        await house.until(lambda: house.states("1001").count("idle") == 4)
        await one_call(house, "other-goes-on")
        house.tenant = TENANT
        await one_call(house, "taken-over")
        assert await voices(house, TENANT) == 1


async def test_offers_and_timers_outlive_who_made_them(fresh_nats: EmbeddedNats) -> None:
    async with pairs(fresh_nats, "1001", "1002") as house:
        await house.sign_in("1001", "1002")
        rings = await one_call(house, "wraps-up")
        for name in ("rings", "waits"):
            await house.request(name)
        await house.until(lambda: house.of(OfferMade, "rings"))
        await house.kill("agent-state-0")
        await house.kill("routing-0")
        await house.until(lambda: "offer-withdrawn ring-timeout" in house.story("rings"))
        again = await house.offer("rings", 2)
        await house.answer(again, "rings")
        await house.answer(await house.offer("waits"), "waits")
        await house.until(lambda: house.story("waits")[-1] == "left answered answered")
        _tell_delays(house)
        assert house.story("rings") == [
            "queued",
            "offer-made",
            "offer-withdrawn ring-timeout",
            "offer-made",
            "left answered answered",
        ]
        assert [state for state in house.states(rings.agent_id) if state == "wrap-up"] == ["wrap-up"]


async def test_who_was_frozen_steps_back(fresh_nats: EmbeddedNats) -> None:
    async with pairs(fresh_nats, "1001", "1002") as house:
        await house.sign_in("1001", "1002")
        await house.request("r1")
        first = await house.offer("r1")
        for name in ("routing-0", "agent-state-0"):
            house.processes[name].send_signal(signal.SIGSTOP)
        await house.answer(first, "r1")
        await house.request("r2")
        second = await house.offer("r2")  # by those who took over
        assert second.agent_id != first.agent_id
        for name in ("routing-0", "agent-state-0"):
            house.processes[name].send_signal(signal.SIGCONT)
        assert await voices(house, TENANT) == 1
        await house.answer(second, "r2")
        await house.hang_up("r1", first)
        await house.hang_up("r2", second)
        for name in ("r3", "r4"):
            await one_call(house, name)
        await house.until(lambda: all(house.states(agent_id)[-1] == "idle" for agent_id in ("1001", "1002")))
        assert len(house.of(OfferMade)) == 4
        cycle = ["idle", "ringing", "busy", "wrap-up"]
        for agent_id in ("1001", "1002"):
            states = house.states(agent_id)
            assert states == (cycle * len(states))[: len(states)]


def _tell_delays(house: House) -> None:
    """How late timers fired that were set by who was killed (shown with -s; nothing is asserted)."""
    due = {offer.offer_id: offer.ring_deadline for offer in house.of(OfferMade)}
    for recorded in house.log:
        event = recorded.event
        if getattr(event, "reason", "") == "ring-timeout":
            print(f"ring deadline missed by {(recorded.time - due[event.offer_id]).total_seconds() * 1000:.0f} ms")  # type: ignore[attr-defined]  # noqa: T201
        if isinstance(event, AgentStateChanged):
            if event.cause == "wrap-up-timer":
                late = (recorded.time - due[recorded.aggregate_id]).total_seconds() * 1000
                print(f"wrap-up of {recorded.aggregate_id} ended {late:.0f} ms late")  # noqa: T201
            elif event.deadline is not None:
                due[recorded.aggregate_id] = event.deadline
