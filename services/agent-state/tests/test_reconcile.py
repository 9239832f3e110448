"""The running look at the gateways: whom it asks, what counts as silence, and that one fault stops nobody else."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from callstream.contracts import call_events as call
from callstream.contracts.commands import CallTruth, Command, DropOffer, ListLegs, Reply
from callstream.contracts.config import Settings
from callstream.contracts.envelope import NewEvent, Recorded
from callstream.kernel.clock import ManualClock
from callstream.kernel.outcomes import Reason
from callstream.runtime.in_flight import InFlight
from callstream.runtime.memory_store import MemoryStore
from callstream.testing.apart import all_apart
from callstream_agent_state.app.reconcile import EVERY_S, Reconcile
from callstream_agent_state.domain.roster import Roster

from .story import TENANT, holds

SILENT = Reply(accepted=False, reason=Reason.UNAVAILABLE)
DRAINING = Reply(accepted=False, reason=Reason.DRAINING)


class Gateways:
    """Answers for all gateways, each as told."""

    def __init__(self) -> None:
        self.replies: dict[str, Callable[[], Reply]] = {}
        self.dropped: list[str] = []

    async def send(self, command: Command, scope: str, timeout_s: float = 1, retries: int = 2, call_id: str = "") -> Reply:
        if isinstance(command, DropOffer):
            self.dropped.append(command.offer_id)
            return Reply(accepted=True)
        assert isinstance(command, ListLegs)
        return self.replies[scope]()

    def say(self, gateway: str, reply: Reply | list[CallTruth]) -> None:
        answer = reply if isinstance(reply, Reply) else Reply(accepted=True, result=msgspec.Raw(msgspec.json.encode(reply)))
        self.replies[gateway] = lambda: answer


class World:
    """A log with calls of gateways, and a service that looks at them."""

    def __init__(self) -> None:
        self.clock, self.store, self.roster, self.gateways = ManualClock(), MemoryStore(), Roster(), Gateways()
        self.serves = True
        self.seen = 0
        self.reconcile = Reconcile(
            self.roster,
            InFlight(self.store),
            self.store,
            self.gateways,  # type: ignore[arg-type]
            self.clock,
            lambda _: Settings(),
            lambda _: self.serves,
        )

    async def start(self) -> None:
        async def take(batch: list[Recorded]) -> None:
            for recorded in batch:
                self.roster.evolve(recorded)
                self.seen = recorded.seq

        await self.store.subscribe(["cs.>"], 0, take)

    async def arrived(self, call_id: str, gateway: str) -> None:
        fact = call.CallArrived(caller="", called="", trunk="t", gateway=gateway, leg_id=f"customer-{call_id}")
        new = NewEvent(id=f"a-{call_id}", tenant=TENANT, aggregate_id=call_id, time=self.clock.now(), event=fact)
        await self.store.append("call", call_id, TENANT, (new,), 0)
        await self.folded()

    async def folded(self) -> None:
        """The fold has seen the whole log."""
        async with asyncio.timeout(5):
            while self.seen < await self.store.last_seq():
                await asyncio.sleep(0)

    async def look(self, times: int) -> None:
        for _ in range(times):
            self.clock.advance(EVERY_S)
            await self.reconcile.look()
            await self.folded()

    async def story(self, call_id: str) -> list[Any]:
        told = all_apart(await self.store.read(TENANT, "call", call_id))
        return [(r.event.NAME, getattr(r.event, "reason", None)) for r in told]


@pytest.fixture
async def world() -> World:
    made = World()
    await made.start()
    return made


LOST = [("arrived", None), ("leg-ended", Reason.GATEWAY_LOST), ("ended", Reason.GATEWAY_LOST)]
"""Fact by fact."""
ENOUGH = 7
"""Looks in five seconds."""


async def test_a_silent_gateways_calls_are_ended_once_and_no_other_ones(world: World) -> None:
    await world.arrived("c1", "gone")
    await world.arrived("c2", "well")
    world.gateways.say("gone", SILENT)
    world.gateways.say("well", [holds("c2")])
    await world.look(ENOUGH)
    assert await world.story("c1") == LOST
    assert await world.story("c2") == [("arrived", None)]
    await world.look(ENOUGH)
    assert await world.story("c1") == LOST


async def test_a_draining_gateway_is_alive(world: World) -> None:
    await world.arrived("c1", "gw")
    world.gateways.say("gw", DRAINING)
    await world.look(4 * ENOUGH)
    assert await world.story("c1") == [("arrived", None)]


async def test_a_call_that_its_gateway_does_not_have_is_ended(world: World) -> None:
    await world.arrived("c1", "gw")
    world.gateways.say("gw", [])
    await world.look(1)
    assert await world.story("c1") == [("arrived", None)], "it may be on its way"
    await world.look(ENOUGH)
    assert await world.story("c1") == LOST


async def test_what_was_seen_before_a_pause_of_ours_does_not_count(world: World) -> None:
    await world.arrived("c1", "gw")
    world.gateways.say("gw", SILENT)
    for _ in range(10):
        await world.look(3)
        world.reconcile.forget()
    assert await world.story("c1") == [("arrived", None)]


async def test_a_copy_mends_nothing_for_tenants_of_another(world: World) -> None:
    await world.arrived("c1", "gw")
    world.gateways.say("gw", SILENT)
    world.serves = False
    await world.look(ENOUGH)
    assert await world.story("c1") == [("arrived", None)]


async def test_a_fault_with_one_gateway_keeps_us_from_no_other(world: World) -> None:
    await world.arrived("c1", "broken")
    await world.arrived("c2", "gone")
    world.gateways.say("broken", Reply(accepted=True, result=msgspec.Raw(b'{"no": "list"}')))
    world.gateways.say("gone", SILENT)
    await world.look(ENOUGH)
    assert await world.story("c2") == LOST
    assert await world.story("c1") == [("arrived", None)]


async def test_a_gateway_that_ends_the_call_itself_at_that_moment_is_no_conflict_for_anybody(world: World) -> None:
    """Its recovery uses the same ids: whoever is second repeats."""
    await world.arrived("c1", "gw")
    world.gateways.say("gw", SILENT)
    fact = call.CallEnded(reason=Reason.GATEWAY_LOST, party="system")  # type: ignore[arg-type]
    new = NewEvent(id="c1-lost", tenant=TENANT, aggregate_id="c1", time=world.clock.now(), event=fact)
    await world.look(ENOUGH - 3)
    before = await world.store.read(TENANT, "call", "c1")
    assert len(before) == 1
    await world.store.append("call", "c1", TENANT, (new,), before[-1].seq)
    await world.look(ENOUGH)
    assert [name for name, _ in await world.story("c1")].count("ended") == 1


async def test_a_stray_offer_is_dropped_at_its_gateway(world: World) -> None:
    await world.arrived("c1", "gw")
    world.gateways.say("gw", [holds("c1", "o9")])
    await world.look(ENOUGH)
    assert set(world.gateways.dropped) == {"o9"}
    assert await world.story("c1") == [("arrived", None)]
