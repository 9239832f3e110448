"""The list of break reasons through the whole system: what is deleted cannot be chosen any more, and stays in the history."""

import asyncio
from typing import Any

import pytest

from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.inside.api import ApiError

from .conftest import OpenCentre, agent
from .test_call_control import Desk, desks
from .test_supervision import get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def takes(desk: Desk, reason: str) -> None:
    """A break for this reason, as soon as agent-state knows it."""

    async def accepted() -> bool:
        return (await desk.do("/v1/agents/me/state", {"state": "break", "reason": reason}))[0] == 200

    await until(accepted)


async def breaks_of(centre: Rehearsal, agent_id: str) -> list[str]:
    """The reasons of the agent's breaks since this test began, as reporting tells them."""
    begin = centre.events[0].time
    span = {"since": begin.isoformat(), "until": begin.replace(hour=23, minute=59, second=59).isoformat()}
    rows: list[dict[str, Any]] = await get(centre, f"/v1/agents/{agent_id}/states", "reporting", **span)
    return [row["reason"] for row in rows if row["state"] == "break"]


@pytest.mark.feature("F046")
async def test_a_deleted_reason_stays_in_the_history(open_centre: OpenCentre) -> None:
    async with open_centre([], [agent(0), agent(1)]) as centre, desks(centre, "1001", "1002") as (one, two):
        assert (await one.do("/v1/break-reasons", {"name": "coaching"}))[0] == 403
        before = await get(centre, "/v1/break-reasons")
        await post(centre, "/v1/break-reasons", {"name": "coaching"})
        with pytest.raises(ApiError, match="already"):
            await post(centre, "/v1/break-reasons", {"name": "coaching"})
        await takes(one, "coaching")
        assert (await in_state(centre, "1001", "break"))["reason"] == "coaching"

        renamed = f"{centre.api.url('console')}/v1/break-reasons/coaching"
        response = await asyncio.to_thread(centre.api._client.put, renamed, json={"name": "feedback"})
        assert response.json() == [*before, "feedback"]
        await takes(two, "feedback")
        await asyncio.to_thread(centre.api.delete, "console", "/v1/break-reasons/feedback")
        assert await get(centre, "/v1/break-reasons") == before

        assert (await in_state(centre, "1001", "break"))["reason"] == "coaching", "who is at a break stays there"
        assert (await in_state(centre, "1002", "break"))["reason"] == "feedback"
        await two.do("/v1/agents/me/state", {"state": "idle"})

        async def refused() -> Any:
            status, answered = await two.do("/v1/agents/me/state", {"state": "break", "reason": "feedback"})
            if status == 200:
                await two.do("/v1/agents/me/state", {"state": "idle"})
            return answered if status == 422 else None

        assert (await until(refused))["field"] == "reason"

        async def told() -> bool:
            return (await breaks_of(centre, "1001"), (await breaks_of(centre, "1002"))[:1]) == (["coaching"], ["feedback"])

        await until(told)
