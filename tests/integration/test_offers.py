"""routing and agent-state together, as processes on a real broker."""

import asyncio
from datetime import datetime

import pytest

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_events import OfferFailed
from callstream.contracts.commands import QueuePosition, ReserveAgent, SignIn
from callstream.contracts.config import Settings
from callstream.contracts.queue_events import ContactLeft, OfferMade
from callstream.contracts.states import MissedPolicy
from callstream.kernel.outcomes import Reason
from callstream_local.embedded.nats import EmbeddedNats

from .offer_house import House, open_house

QUICK = Settings(wrap_up_s=1, ring_timeout_s=1)


@pytest.mark.feature("F001", "F037", "F039", "F041", "F050", "F118")
async def test_a_call_from_queue_to_wrap_up(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), QUICK) as house:
        await house.request("r1")
        await house.until(lambda: house.story("r1") == ["queued"])
        position = await house.ask(QueuePosition(command_id=house.id(), request_id="r1"))
        assert bytes(position.result) == b"0"
        await house.sign_in("1001")
        offer = await house.offer("r1")
        assert offer.agent_id == "1001"
        await house.answer(offer, "r1")
        await house.until(lambda: house.states("1001") == ["idle", "ringing", "busy"])
        await house.until(lambda: house.story("r1") == ["queued", "offer-made", "left answered answered"])
        assert (await house.view("1001")).call_id == "c-r1"
        await house.hang_up("r1", offer)
        await house.until(lambda: house.states("1001") == ["idle", "ringing", "busy", "wrap-up", "idle"])
        assert all(recorded.correlation_id == "c-r1" for recorded in house.log if recorded.aggregate == "queue")
        assert not (await house.ask(QueuePosition(command_id=house.id(), request_id="r1"))).accepted


@pytest.mark.feature("F032", "F033", "F131")
async def test_a_missed_offer_goes_round_and_the_agent_to_break(fresh_nats: EmbeddedNats) -> None:
    settings = Settings(ring_timeout_s=1, missed_policy=MissedPolicy.BREAK)
    async with open_house(fresh_nats, ("1001", "1002"), settings) as house:
        await house.sign_in("1001", "1002")
        await house.request("r1")
        first, second = await house.offer("r1", 1), await house.offer("r1", 2)
        assert (first.agent_id, second.agent_id) == ("1001", "1002")
        await house.until(lambda: house.states("1001") == ["idle", "ringing", "break"])
        assert (await house.view("1001")).reason == "auto"
        await house.answer(second, "r1")
        await house.until(lambda: house.story("r1")[-1] == "left answered answered")


async def test_a_caller_who_leaves_frees_the_agent_for_the_next(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings()) as house:
        await house.sign_in("1001")
        await house.request("r1")
        await house.request("r2")
        await house.offer("r1")
        await house.hang_up("r1")
        offer = await house.offer("r2")
        assert offer.agent_id == "1001"
        withdrawn = ["offer-withdrawn caller-hung-up", "left abandoned caller-hung-up"]
        await house.until(lambda: house.story("r1") == ["queued", "offer-made", *withdrawn])


async def test_a_phone_that_fails_is_left_alone_and_another_agent_rings(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001", "1002"), Settings()) as house:
        await house.sign_in("1001", "1002")
        await house.request("r1")
        offer = await house.offer("r1")
        failed = OfferFailed(
            offer_id=offer.offer_id, request_id="r1", agent_id="1001", reason=Reason.AGENT_UNREACHABLE, sip_status=480
        )
        await house.tell(failed, "c-r1", "c-r1")
        again = await house.offer("r1", 2)
        assert again.agent_id == "1002"
        assert house.story("r1") == ["queued", "offer-made", "offer-withdrawn agent-unreachable", "offer-made"]
        await house.until(lambda: house.states("1001") == ["idle", "ringing", "idle"])


async def test_commands_are_refused_with_reason_and_field(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings(), "agent-state") as house:
        unknown = await house.ask(SignIn(command_id=house.id(), agent_id="9999", actor="9999"))
        assert (unknown.reason, unknown.field) == (Reason.UNKNOWN_AGENT, "agent_id")
        early = await house.choose("1001", "idle")
        assert early.reason is Reason.NOT_SIGNED_IN
        await house.sign_in("1001")
        golf = await house.choose("1001", "break", "golf")
        assert (golf.reason, golf.field) == (Reason.INVALID, "reason")
        again = SignIn(command_id="once", agent_id="1001", actor="1001")
        assert (await house.ask(again)).accepted
        assert (await house.ask(again)).accepted
        assert house.states("1001") == ["idle"]


@pytest.mark.feature("F048")
async def test_of_two_reservations_at_once_one_wins(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings(), "agent-state") as house:
        await house.sign_in("1001")
        asked = [
            ReserveAgent(command_id=house.id(), agent_id="1001", offer_id=f"o{n}", request_id=f"r{n}", call_id=f"c{n}")
            for n in range(10)
        ]
        replies = await asyncio.gather(*[house.ask(one) for one in asked])
        assert sum(reply.accepted for reply in replies) == 1
        assert {reply.reason for reply in replies if not reply.accepted} == {Reason.ALREADY_RESERVED}
        winner = asked[next(n for n, reply in enumerate(replies) if reply.accepted)]
        assert (await house.ask(winner)).accepted  # its answer was lost
        await house.until(lambda: house.states("1001") == ["idle", "ringing", "idle"])
        assert house.of(AgentStateChanged, "1001")[-1].cause == "reservation-expired"


async def test_routing_killed_while_offers_ring(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001", "1002"), QUICK) as house:
        await house.sign_in("1001", "1002")
        await house.request("r1")
        await house.request("r2")
        first, second = await house.offer("r1"), await house.offer("r2")
        await house.kill("routing")
        await house.answer(first, "r1")  # r2 rings on
        await house.request("r3")
        await house.start("routing")
        await house.until(lambda: house.story("r1") == ["queued", "offer-made", "left answered answered"])
        await house.until(lambda: house.story("r2")[:3] == ["queued", "offer-made", "offer-withdrawn ring-timeout"])
        again = await house.offer("r2", 2)
        assert again.agent_id == second.agent_id == "1002"
        await house.answer(again, "r2")
        await house.hang_up("r1", first)
        await house.answer(await house.offer("r3"), "r3")
        await house.until(lambda: len(house.of(ContactLeft)) == 3)


async def test_agent_state_killed_while_calls_go_on(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001", "1002"), Settings(wrap_up_s=1)) as house:
        await house.sign_in("1001", "1002")
        await house.request("r1")
        await house.request("r2")
        first, second = await house.offer("r1"), await house.offer("r2")
        await house.answer(first, "r1")
        await house.until(lambda: house.states("1001") == ["idle", "ringing", "busy"])
        await house.kill("agent-state")
        await house.answer(second, "r2")
        await house.hang_up("r1", first)
        await house.request("r3")  # waits: nobody can be reserved
        await house.until(lambda: house.story("r3") == ["queued"])
        await house.start("agent-state")
        await house.until(lambda: house.states("1002") == ["idle", "ringing", "busy"])
        assert (await house.offer("r3")).agent_id == "1001"
        assert house.states("1001") == ["idle", "ringing", "busy", "wrap-up", "idle", "ringing"]


async def test_a_standby_takes_over_without_a_double_offer(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings(wrap_up_s=1)) as house:
        await house.start("routing", "routing-b")
        await house.start("agent-state", "agent-state-b")
        await house.kill("routing")
        await house.kill("agent-state")
        await house.sign_in("1001")
        for name in ("r1", "r2"):
            await house.request(name)
            offer = await house.offer(name)
            await house.answer(offer, name)
            await house.hang_up(name, offer)
        await house.until(lambda: house.states("1001") == 2 * ["idle", "ringing", "busy", "wrap-up"] + ["idle"])
        assert len(house.of(OfferMade)) == 2


async def test_the_broker_goes_away_and_comes_back(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings(ring_timeout_s=5)) as house:
        await house.sign_in("1001")
        await house.request("r1")
        offer = await house.offer("r1")
        await fresh_nats.kill()
        await fresh_nats.start()
        await house.until(lambda: "offer-withdrawn ring-timeout" in house.story("r1"))
        again = await house.offer("r1", 2)
        assert again.offer_id != offer.offer_id
        await house.answer(again, "r1")
        await house.until(lambda: house.story("r1")[-1] == "left answered answered")


async def test_a_drain_is_clean(fresh_nats: EmbeddedNats) -> None:
    async with open_house(fresh_nats, ("1001",), Settings()) as house:
        await house.sign_in("1001")
        assert await house.stop("routing") == 0
        assert await house.stop("agent-state") == 0
        await house.start("agent-state")
        assert (await house.view("1001")).state == "idle"


async def test_many_calls_leave_nobody_stuck_and_nothing_doubled(fresh_nats: EmbeddedNats) -> None:
    agents = tuple(f"{1001 + n}" for n in range(10))
    async with open_house(fresh_nats, agents, Settings(auto_idle=False)) as house:
        await house.sign_in(*agents)
        phones = [asyncio.create_task(_serve(house, number)) for number in range(60)]
        await asyncio.gather(*[house.request(f"r{number}") for number in range(60)])
        await asyncio.gather(*phones)
        await house.until(lambda: len(house.of(ContactLeft)) == 60)
        assert len(house.of(OfferMade)) == 60
        for agent_id in agents:
            states = house.states(agent_id)
            cycle = ["idle", "ringing", "busy", "wrap-up"]
            assert states == (cycle * (len(states) // 4 + 1))[: len(states)], agent_id
            assert states[-1] == "idle"
        _tell_latency(house)


async def _serve(house: House, number: int) -> None:
    name = f"r{number}"
    offer = await house.offer(name)
    await house.answer(offer, name)
    await house.hang_up(name, offer)
    wrapped = lambda: house.states(offer.agent_id)[-1] == "wrap-up"  # noqa: E731
    await house.until(wrapped)
    assert (await house.choose(offer.agent_id, "idle")).accepted


def _tell_latency(house: House) -> None:
    """From an agent's becoming idle, with callers waiting, to the offer (shown with -s; nothing is asserted)."""
    free: dict[str, datetime] = {}
    took = []
    for recorded in house.log:
        event = recorded.event
        if isinstance(event, AgentStateChanged) and event.state == "idle":
            free[recorded.aggregate_id] = recorded.time
        elif isinstance(event, OfferMade) and event.agent_id in free:
            took.append((recorded.time - free.pop(event.agent_id)).total_seconds() * 1000)
    took = sorted(took[len(took) // 4 :])
    print(f"free → offer: p50 {took[len(took) // 2]:.0f} ms, max {took[-1]:.0f} ms of {len(took)}")  # noqa: T201
