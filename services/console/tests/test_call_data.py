"""What an agent's screen shows of their call: whose it is, where it is asked for, what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from callstream.contracts.commands import CallData, GetCallData, Reply, Served
from callstream.contracts.ivr_events import TrailEntry
from callstream.contracts.states import Direction
from callstream.kernel.outcomes import Reason

from .test_api import House, house  # noqa: F401
from .test_calls import Desk, desk  # noqa: F401
from .test_supervision import view

CUSTOMER = "+8613900000001"
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def call(direction: Direction, caller: str, called: str) -> CallData:
    return CallData(
        call_id="c9",
        direction=direction,
        caller=caller,
        called=called,
        region="Guangdong/Shenzhen",
        arrived_at=AT,
        requested_at=None,
        group_id="sales",
        flow_id="hotline",
        trail=(TrailEntry(label="Main menu", key="1", branch="Sales", time="2026-03-01T08:00:01.000Z"),),
        services=(Served(how="queue", agent_id="1002", number="", group_id="sales", began_at=AT, ended_at=AT),),
    )


async def shown(desk: Desk) -> tuple[int, Any]:  # noqa: F811
    return await desk.do("/v1/me/call/data", method="GET")


@pytest.mark.parametrize(
    ("direction", "caller", "called"),
    [(Direction.INBOUND, CUSTOMER, "+861055550100"), (Direction.OUTBOUND, "+861055550100", CUSTOMER)],
)
@pytest.mark.parametrize("state", ["ringing", "busy"])
async def test_the_call_and_its_customer(desk: Desk, state: str, direction: Direction, caller: str, called: str) -> None:  # noqa: F811
    customers = {
        "customer_types": [{"id": "gold", "name": "Gold", "level": 7}],
        "customers": [{"number": CUSTOMER, "type": "gold", "name": "Mr Li"}],
    }
    admin = await desk.house.token("admin@example.com")
    assert (await desk.house.client.post("/v1/apply", json=customers, headers=admin)).status_code == 200
    desk.states["1001"] = view("1001", state, call_id="c9", gateway="gw-1")
    desk.house.commands.replies[GetCallData] = call(direction, caller, called)
    status, body = await shown(desk)
    assert (status, body["customer_name"], body["customer_type"]) == (200, "Mr Li", "gold")
    assert (body["data"]["trail"][0]["branch"], body["data"]["services"][0]["agent_id"]) == ("Sales", "1002")
    ((asked, scope),) = desk.sent()
    assert isinstance(asked, GetCallData)
    assert (asked.call_id, asked.tenant, scope) == ("c9", "main", "all")


async def test_a_caller_of_whom_nothing_is_known(desk: Desk) -> None:  # noqa: F811
    desk.house.commands.replies[GetCallData] = call(Direction.INBOUND, "", "+861055550100")
    status, body = await shown(desk)
    assert (status, body["customer_name"], body["customer_type"]) == (200, "", "")


@pytest.mark.parametrize("state", ["idle", "wrap-up", "offline"])
async def test_who_is_in_no_call_sees_none(desk: Desk, state: str) -> None:  # noqa: F811
    desk.states["1001"] = view("1001", state, call_id="c9", gateway="gw-1")
    assert (await shown(desk))[0] == 404
    assert desk.sent() == []


@pytest.mark.parametrize(("reason", "status"), [(Reason.UNKNOWN_CALL, 404), (Reason.UNAVAILABLE, 503)])
async def test_what_reporting_refuses_is_told(desk: Desk, reason: Reason, status: int) -> None:  # noqa: F811
    desk.house.commands.replies[GetCallData] = Reply(accepted=False, reason=reason, message="no")
    assert (await shown(desk))[0] == status
