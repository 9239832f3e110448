"""Agents blacklist the callers of their own calls: what is asked of reporting, what is published and noted, what is refused."""

from typing import Any

import msgspec
import pytest

from callstream.contracts.commands import ALL_TENANTS, CustomerOf, Reply
from callstream.contracts.config import BlockedCaller, Published
from callstream.kernel.outcomes import Reason

from .test_api import House, house  # noqa: F401

NUMBER = "+8613900000001"
CALLS = {"c9": NUMBER, "withheld": "", "odd": "anonymous"}


@pytest.fixture
async def agent(house: House) -> dict[str, str]:  # noqa: F811
    def customer(asked: CustomerOf) -> Any:
        if asked.tenant != "main" or asked.agent_id != "1001" or asked.call_id not in CALLS:
            return Reply(accepted=False, reason=Reason.UNKNOWN_CALL, message="no such call", field="call_id")
        return CALLS[asked.call_id]

    house.commands.replies[CustomerOf] = customer
    return await house.token("agent@example.com")


async def published(house: House) -> dict[str, Any]:  # noqa: F811
    while await house.outbox.publish_batch():
        pass
    return {key: value for (_, key), value in house.buckets.values.items() if ".blocked." in key}


@pytest.mark.feature("F031")
async def test_the_caller_is_listed_published_and_noted_with_who_when_and_why(house: House, agent: dict[str, str]) -> None:  # noqa: F811
    """That the gateway refuses listed callers before any flow is F129's own test."""
    listed = await house.client.post("/v1/calls/c9/blacklist", json={"reason": "swears"}, headers=agent)
    assert (listed.status_code, listed.json()) == (200, {"number": NUMBER, "reason": "swears"})
    ((asked, scope),) = house.commands.sent
    assert isinstance(asked, CustomerOf)
    assert (asked.tenant, asked.call_id, asked.agent_id, scope) == ("main", "c9", "1001", ALL_TENANTS)
    ((key, value),) = (await published(house)).items()
    assert key == "main.blocked.8613900000001"
    document = msgspec.json.decode(msgspec.json.decode(value, type=Published).body, type=BlockedCaller)
    assert document == BlockedCaller(number=NUMBER, reason="swears")

    again = await house.client.post("/v1/calls/c9/blacklist", json={"reason": "swears again"}, headers=agent)
    assert again.json()["reason"] == "swears", "who listed it first stays named"
    lines = (await house.client.get("/v1/operations", headers=await house.token("admin@example.com"))).json()
    (line,) = [line for line in lines if line["kind"] == "blocked"]
    assert (line["actor"], line["action"], line["after"]["reason"]) == ("agent@example.com", "create", "swears")
    assert line["at"]


@pytest.mark.feature("F031")
@pytest.mark.parametrize(
    ("call_id", "body", "status", "field"),
    [
        ("c8", {"reason": "x"}, 404, "call_id"),
        ("withheld", {"reason": "x"}, 422, "call_id"),
        ("odd", {"reason": "x"}, 422, "call_id"),
        ("c9", {}, 422, ""),
        ("c9", {"reason": ""}, 422, "reason"),
        ("c9", {"reason": "x" * 201}, 422, "reason"),
        ("c9", {"reason": "x", "number": "+1"}, 422, ""),
    ],
)
async def test_what_is_not_listed(
    house: House,  # noqa: F811
    agent: dict[str, str],
    call_id: str,
    body: dict[str, str],
    status: int,
    field: str,
) -> None:
    refused = await house.client.post(f"/v1/calls/{call_id}/blacklist", json=body, headers=agent)
    assert (refused.status_code, refused.json()["field"]) == (status, field)
    assert await published(house) == {}


async def test_who_is_no_agent_has_no_calls(house: House, agent: dict[str, str]) -> None:  # noqa: F811
    for who in ("supervisor", "admin", "reviewer", "analyst"):
        headers = await house.token(f"{who}@example.com")
        assert (await house.client.post("/v1/calls/c9/blacklist", json={"reason": "x"}, headers=headers)).status_code == 403
    assert (await house.client.post("/v1/calls/c9/blacklist", json={"reason": "x"})).status_code == 401


async def test_nothing_is_listed_while_reporting_is_away(house: House, agent: dict[str, str]) -> None:  # noqa: F811
    house.commands.replies[CustomerOf] = Reply(accepted=False, reason=Reason.UNAVAILABLE, message="no answer")
    refused = await house.client.post("/v1/calls/c9/blacklist", json={"reason": "x"}, headers=agent)
    assert (refused.status_code, await published(house)) == (503, {})
