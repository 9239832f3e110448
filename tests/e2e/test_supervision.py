"""Supervisors' actions through the whole system: HTTP in, real calls, what everybody hears and the log says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from callstream.contracts import call_events, control_events, queue_events
from callstream.contracts.agent_events import AgentPresenceChanged
from callstream.contracts.envelope import Event
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.inside.api import ApiError
from callstream_local.phones.stories import Ending

from .conftest import OpenCentre, agent, caller

pytestmark = pytest.mark.asyncio(loop_scope="session")
WITHIN_S = 20.0


async def post(centre: Rehearsal, path: str, body: Any = None) -> Any:
    return await asyncio.to_thread(centre.api.post, "console", path, body or {})


async def get(centre: Rehearsal, path: str, service: str = "console", **parameters: Any) -> Any:
    return await asyncio.to_thread(lambda: centre.api.get(service, path, **parameters))


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """What `found` gives, as soon as it is something."""
    async with asyncio.timeout(WITHIN_S):
        while not (value := await found()):
            await asyncio.sleep(0.1)
        return value


async def in_state(centre: Rehearsal, agent_id: str, *states: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        views = await get(centre, "/v1/agents")
        return next((view for view in views if view["agent_id"] == agent_id and view["state"] in states), None)

    found: dict[str, Any] = await until(look)
    return found


@pytest.mark.feature("F208", "F211")
async def test_a_supervisor_stops_a_waiting_request_and_its_caller_is_hung_up(open_centre: OpenCentre) -> None:
    async with open_centre([caller(talk_s=None)], [agent(0)]) as centre:
        await post(centre, "/v1/agents/1001/state", {"state": "busy-set"})
        calling = asyncio.create_task(centre.perform())
        (request,) = await until(lambda: get(centre, "/v1/requests"))
        with pytest.raises(ApiError, match="busy-set"):
            await post(centre, f"/v1/requests/{request['request_id']}/assign", {"agent_id": "1001"})
        await post(centre, f"/v1/requests/{request['request_id']}/stop")
        await asyncio.wait_for(calling, WITHIN_S)
        assert centre.callers[0].story.ending is Ending.PEER_HUNG_UP
        evidence = await centre.settle()
        with pytest.raises(ApiError):
            await post(centre, f"/v1/requests/{request['request_id']}/stop")
    (record,) = evidence.records
    assert (record.access_status, record.reason, record.hang_up_party) == ("stopped", "supervisor", "supervisor")
    asked = [r.event for r in evidence.events if isinstance(r.event, queue_events.RequestStopAsked)]
    assert len(asked) == 1
    timeline = {recorded.event.NAME for recorded in centre.api.timeline(record.call_id)}
    assert "stop-asked" in timeline


@pytest.mark.feature("F213", "F214")
async def test_a_supervisor_moves_a_customer_and_tears_the_service_down(open_centre: OpenCentre) -> None:
    async with open_centre([caller(talk_s=None)], [agent(0), agent(1)]) as centre:
        for number in ("1001", "1002"):
            await post(centre, f"/v1/agents/{number}/state", {"state": "busy-set"})
        calling = asyncio.create_task(centre.perform())
        (request,) = await until(lambda: get(centre, "/v1/requests"))
        with pytest.raises(ApiError, match="not in a service"):
            await post(centre, "/v1/agents/1001/tear-down")
        await post(centre, "/v1/agents/1001/state", {"state": "idle"})
        busy = await in_state(centre, "1001", "busy")
        await until(lambda: bridges(centre, 1))

        with pytest.raises(ApiError, match="not idle"):
            await post(centre, "/v1/agents/1001/transfer", {"agent_id": "1002"})
        await post(centre, "/v1/agents/1002/state", {"state": "idle"})
        await post(centre, "/v1/agents/1001/transfer", {"agent_id": "1002"})
        await in_state(centre, "1001", "wrap-up", "idle")
        moved = await in_state(centre, "1002", "busy")
        assert moved["call_id"] == busy["call_id"] == request["call_id"]
        await until(lambda: bridges(centre, 2))

        await post(centre, "/v1/agents/1002/tear-down")
        await asyncio.wait_for(calling, WITHIN_S)
        await in_state(centre, "1002", "wrap-up", "idle")
        assert centre.callers[0].story.ending is Ending.PEER_HUNG_UP
        record = await until(lambda: ended_record(centre, request["call_id"]))
        assert (record["access_status"], record["hang_up_party"]) == ("answered", "supervisor")
        types = [recorded.event.TYPE for recorded in centre.api.timeline(request["call_id"])]
        assert types.count("call.bridged.v1") == 2
        assert types.index("call.transfer-started.v1") < types.index("call.torn-down.v1") < types.index("call.ended.v1")
        lines = await get(centre, "/v1/operations", limit=20)
        done = [line["action"] for line in lines if (line["after"] or {}).get("accepted")]
        assert [action for action in done if action in ("transfer", "tear-down")] == ["tear-down", "transfer"], "newest first"


@pytest.mark.feature("F212")
async def test_a_supervisor_assigns_a_waiting_request_to_an_agent_of_another_group(open_centre: OpenCentre) -> None:
    """1004 serves support alone; the caller waits for sales, with somebody before them."""
    plans = [agent(0), agent(1), agent(2), agent(3)]
    async with open_centre([caller(talk_s=1), caller(after_s=0.5, talk_s=1)], plans) as centre:
        for number in ("1001", "1002", "1003", "1004"):
            await post(centre, f"/v1/agents/{number}/state", {"state": "busy-set"})
        calling = asyncio.create_task(centre.perform())

        async def both() -> Any:
            waiting = await get(centre, "/v1/requests")
            return waiting if len(waiting) == 2 else None

        first, second = await until(both)
        await post(centre, "/v1/agents/1004/state", {"state": "idle"})
        await post(centre, f"/v1/requests/{second['request_id']}/assign", {"agent_id": "1004"})
        await until(lambda: bridges(centre, 1))
        talk = next(r for r in centre.events if isinstance(r.event, call_events.CallBridged))
        assert isinstance(talk.event, call_events.CallBridged)
        assert (talk.aggregate_id, talk.event.agent_id) == (second["call_id"], "1004")
        await post(centre, "/v1/agents/1001/state", {"state": "idle"})
        await asyncio.wait_for(calling, WITHIN_S)
        record = await until(lambda: ended_record(centre, second["call_id"]))
        assert (record["access_status"], record["agent_id"]) == ("answered", "1004")
        (decision,) = await get(centre, f"/v1/decisions/{second['call_id']}", "routing")
        assert decision["decision"]["rule"] == "supervisor"
        assert (await until(lambda: ended_record(centre, first["call_id"])))["agent_id"] == "1001"


async def test_a_supervisor_hears_a_service_and_leaves_it(open_centre: OpenCentre) -> None:
    async with open_centre([caller(talk_s=None)], [agent(0), agent(1)]) as centre:
        await post(centre, "/v1/agents/1002/state", {"state": "busy-set"})
        calling = asyncio.create_task(centre.perform())
        await until(lambda: bridges(centre, 1))
        busy = await in_state(centre, "1001", "busy")
        await post(centre, "/v1/agents/1001/listen", {"agent_id": "1002"})
        watching = await in_state(centre, "1002", "busy")
        assert watching["call_id"] == busy["call_id"]
        await until(lambda: happened(centre, control_events.SupervisionStarted))
        await post(centre, "/v1/agents/1001/whisper", {"agent_id": "1002"})
        await until(lambda: happened(centre, control_events.SupervisionChanged))
        await asyncio.to_thread(centre.api.delete, "console", "/v1/agents/1001/supervision")
        await in_state(centre, "1002", "busy-set")
        await post(centre, "/v1/agents/1001/tear-down")
        await asyncio.wait_for(calling, WITHIN_S)
        record = await until(lambda: ended_record(centre, busy["call_id"]))
        assert [service["agent_id"] for service in record["services"]] == ["1001"], "who hears does not serve"
        assert not record["conference"]


@pytest.mark.feature("F063", "F070", "F164")
async def test_forced_offline_and_the_log_of_states(open_centre: OpenCentre) -> None:
    async with open_centre([], [agent(0)]) as centre:
        await post(centre, "/v1/agents/1001/force-offline")
        await in_state(centre, "1001", "offline")
        span = {"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}
        assert await get(centre, "/v1/agents/1001/states", "reporting", **span) == []
        begin = centre.events[0].time
        span = {"since": begin.isoformat(), "until": begin.replace(year=begin.year + 1).isoformat()}
        with pytest.raises(ApiError, match="93 days"):
            await get(centre, "/v1/agents/1001/states", "reporting", **span)
        span["until"] = begin.replace(hour=23, minute=59, second=59, microsecond=0).isoformat()

        async def told() -> list[dict[str, Any]] | None:
            rows: list[dict[str, Any]] = await get(centre, "/v1/agents/1001/states", "reporting", **span)
            return rows if rows and rows[-1]["cause"] == "forced" else None

        rows = await until(told)
        assert [row["state"] for row in rows][-2:] == ["idle", "offline"]
        assert rows[-2]["to"] == rows[-1]["from"]
        assert not [r for r in centre.events if isinstance(r.event, AgentPresenceChanged)]


async def happened(centre: Rehearsal, kind: type[Event]) -> bool:
    return any(isinstance(recorded.event, kind) for recorded in centre.events)


async def bridges(centre: Rehearsal, number: int) -> bool:
    """Whether so many talks have begun."""
    return sum(isinstance(recorded.event, call_events.CallBridged) for recorded in centre.events) >= number


async def ended_record(centre: Rehearsal, call_id: str) -> dict[str, Any] | None:
    record: dict[str, Any] = await get(centre, f"/v1/records/{call_id}", "reporting")
    return record if record["ended_at"] else None
