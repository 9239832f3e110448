"""Customers who call back: past the flow to the agent who called them, or through the flow, by the number's outbound memory."""

import asyncio
from typing import Any

import pytest

from callstream.contracts import call_events, ivr_events, queue_events
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.caller import Caller
from callstream_local.phones.plans import Answer
from callstream_local.phones.tones import agent_tone, caller_tone

from .conftest import OpenCentre, agent, caller
from .test_call_control import Desk, desks
from .test_outbound import BEIJING, SHENZHEN, outside
from .test_supervision import ended_record, get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_HOME = Answer(after_s=0.2)


async def remembering(centre: Rehearsal, memory: str) -> None:
    """Both numbers, which callers reach by the carrier."""
    numbers = [
        {"number": each, "flow": "hotline", "trunks": ["away", "carrier"], "all_agents": True, "outbound_memory": memory}
        for each in (BEIJING, SHENZHEN)
    ]
    await post(centre, "/v1/apply", {"numbers": numbers})


async def calls(centre: Rehearsal, desk: Desk, customer: str) -> None:
    """The agent calls the customer, who picks up; the agent hangs up, and is free again afterwards."""

    async def accepted() -> str:
        status, answered = await desk.do("/v1/calls", {"number": customer})
        return answered["call_id"] if status == 200 else ""

    await until(accepted)
    assert await desk.becomes("talking")
    await desk.done("hang-up")
    await in_state(centre, desk.agent_id, "idle")


def calls_back(centre: Rehearsal, customer: str, number: int, **what: Any) -> Caller:
    """A call of the customer's to the number that was shown; placed by `call()`."""
    plan = caller(caller=customer, called=SHENZHEN, tone_hz=caller_tone(150 + number), **what)
    return centre.network.caller(plan)


def calls_of(centre: Rehearsal, customer: str) -> list[str]:
    """The call ids of the customer's own calls, the newest last."""
    return [r.aggregate_id for r in centre.events if isinstance(r.event, call_events.CallArrived) and r.event.caller == customer]


async def record_of(centre: Rehearsal, customer: str) -> dict[str, Any]:
    """Of the customer's newest call."""
    call_id = calls_of(centre, customer)[-1]
    record: dict[str, Any] = await until(lambda: ended_record(centre, call_id))
    return record


async def waits(centre: Rehearsal, customer: str, number: int) -> bool:
    """Whether that call of the customer's is queued."""
    queued = [r.event.call_id for r in centre.events if isinstance(r.event, queue_events.ContactQueued)]
    return calls_of(centre, customer)[number - 1 :][:1] == queued[-1:]


def nodes_of(centre: Rehearsal, call_id: str) -> list[str]:
    """The nodes of the flow that a call went through."""
    return [
        recorded.event.node_id
        for recorded in centre.events
        if recorded.aggregate_id == call_id and isinstance(recorded.event, ivr_events.NodeEntered)
    ]


async def served_past_the_flow(centre: Rehearsal, customer: str, by: str) -> None:
    record = await record_of(centre, customer)
    assert (record["access_status"], record["agent_id"], record["called"]) == ("answered", by, SHENZHEN)
    assert nodes_of(centre, record["call_id"]) == []
    (entry,) = await get(centre, f"/v1/decisions/{record['call_id']}", "routing")
    assert entry["decision"]["rule"] == "outbound-memory"
    await in_state(centre, by, "idle")


async def served_through_the_flow(centre: Rehearsal, customer: str, by: str) -> None:
    record = await record_of(centre, customer)
    assert (record["access_status"], record["agent_id"], record["group_id"]) == ("answered", by, "sales")
    assert nodes_of(centre, record["call_id"])[:2] == ["welcome", "menu"]
    await in_state(centre, by, "idle")


async def set_state(centre: Rehearsal, agent_id: str, state: str) -> None:
    await post(centre, f"/v1/agents/{agent_id}/state", {"state": state})


@pytest.mark.feature("F132")
async def test_direct_memory_offers_the_caller_to_who_called_them_and_waits_for_them(open_centre: OpenCentre) -> None:
    customer = "+8675599990132"
    async with (
        open_centre([], [agent(0), agent(1), agent(2)]) as centre,
        desks(centre, "1002", "1003") as (two, three),
        outside(centre, customer, agent_tone(7), AT_HOME),
    ):
        await remembering(centre, "direct")
        await set_state(centre, "1003", "busy-set")
        await calls(centre, two, customer)
        rung = centre.network.phones["1001"].stories

        await calls_back(centre, customer, 1, keys=(), listen_ms=()).call()
        await served_past_the_flow(centre, customer, "1002")
        assert rung == [], "1001 has been idle for longer, and is not asked"

        stranger = caller(called=SHENZHEN)
        await centre.network.caller(stranger).call()
        await served_through_the_flow(centre, stranger.caller, "1001")
        assert len(rung) == 1

        await set_state(centre, "1003", "idle")
        status, begun = await two.do("/v1/calls/internal", {"agent_id": "1003"})
        assert status == 200, begun
        assert await three.becomes("talking")
        back = calls_back(centre, customer, 2, keys=(), listen_ms=())
        waiting = asyncio.create_task(back.call())
        await until(lambda: waits(centre, customer, 2))
        await two.done("hang-up")
        await waiting
        await served_past_the_flow(centre, customer, "1002")
        assert len(rung) == 1, "1001 was idle all the time"

        await set_state(centre, "1003", "busy-set")
        await set_state(centre, "1002", "busy-set")
        await calls_back(centre, customer, 3).call()
        await served_through_the_flow(centre, customer, "1001")


@pytest.mark.feature("F133")
async def test_preferred_memory_takes_the_flow_when_that_agent_is_busy_or_offline(open_centre: OpenCentre) -> None:
    customer = "+8675599990133"
    async with (
        open_centre([], [agent(0), agent(1), agent(2)]) as centre,
        desks(centre, "1002", "1003") as (two, three),
        outside(centre, customer, agent_tone(8), AT_HOME),
    ):
        await remembering(centre, "preferred")
        await calls(centre, two, customer)

        await calls_back(centre, customer, 4, keys=(), listen_ms=()).call()
        await served_past_the_flow(centre, customer, "1002")

        status, begun = await two.do("/v1/calls/internal", {"agent_id": "1003"})
        assert status == 200, begun
        assert await three.becomes("talking")
        await calls_back(centre, customer, 5).call()
        await served_through_the_flow(centre, customer, "1001")
        await two.done("hang-up")
        await in_state(centre, "1002", "idle")

        await set_state(centre, "1003", "busy-set")
        await post(centre, "/v1/agents/1002/sign-out")
        await calls_back(centre, customer, 6).call()
        await served_through_the_flow(centre, customer, "1001")
