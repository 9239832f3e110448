"""Routing's rules in a real process: configuration from the bucket, terms in the log, a stop with a snapshot in between."""

import asyncio
from typing import Any

import pytest

from callstream.contracts.commands import EstimateWait
from callstream.contracts.config import Agent, Customer, CustomerType, Settings, SkillGroup
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.queue_events import ContactMoved, ContactQueued
from callstream.contracts.states import Criterion
from callstream_local.embedded.nats import EmbeddedNats

from .offer_house import House, open_house

VIP, PLAIN = "+8613900000001", "+8613900000002"


async def ask(house: House, name: str, caller: str = PLAIN, **more: Any) -> None:
    """Caller `name` asks for an agent of sales."""
    fact = AgentRequested(
        request_id=name,
        call_id=f"c-{name}",
        group_id="sales",
        caller=caller,
        called="+861012345678",
        gateway="gw",
        customer_leg_id=f"leg-{name}",
        handled=0,
        **more,
    )
    await house.tell(fact, f"c-{name}", f"c-{name}")
    await house.until(lambda: house.of(ContactQueued, name))


async def known(house: House, group: str) -> None:
    """Wait until routing has read the documents; the group is published last."""
    async with asyncio.timeout(10):
        while not (await house.ask(EstimateWait(command_id=house.id(), group_id=group))).accepted:
            await asyncio.sleep(0.05)


@pytest.mark.feature("F126", "F136")
async def test_places_outlive_a_stop_and_the_old_place_counts_in_the_overflow_group(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings()) as house:
        await house.publish(
            CustomerType(id="vip", name="VIP", level=9),
            Customer(number=VIP, type="vip"),
            Agent(id="1002", name="Bob", email="b@example.org", groups=("back",), skills={"billing": 3}, sip_user="1002"),
            SkillGroup(id="sales", name="sales", max_wait_s=8, overflow=("back",)),
            SkillGroup(id="back", name="Back office", rank_by=(Criterion.SKILL_LEVEL,)),
        )
        await known(house, "back")
        await ask(house, "plain")
        await ask(house, "billing", skills={"billing": 2})
        await ask(house, "vip", VIP)
        assert house.of(ContactQueued, "vip")[0].level == 9
        assert await house.stop("routing") == 0
        await house.start("routing")
        await house.sign_in("1001")
        assert (await house.offer("vip")).agent_id == "1001"
        moved = await house.until(lambda: house.of(ContactMoved, "billing"))
        assert moved[0].groups == ("back",)
        await house.until(lambda: house.of(ContactMoved, "plain"))
        await house.sign_in("1002")
        offer = await house.offer("plain")
        assert (offer.agent_id, offer.decision.group_id, offer.decision.rule) == ("1002", "back", "skill-level")
        await house.answer(offer, "plain")
        await house.until(lambda: house.story("plain")[-1] == "left answered answered")
        assert house.story("billing") == ["queued", "moved"], "one agent, one call"
