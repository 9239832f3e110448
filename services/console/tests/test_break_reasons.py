"""The list of break reasons: kept by administrators, read by everybody, and checked wherever it comes from."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from callstream.contracts.config import Published, Settings
from callstream.contracts.roles import Role

from .test_api import House, house  # noqa: F401

FIRST = ["meal", "meeting", "training"]


async def ask(house: House, method: str, name: str = "", new: Any = None, who: str = "admin") -> tuple[int, Any]:  # noqa: F811
    path = f"/v1/break-reasons/{quote(name)}" if name else "/v1/break-reasons"
    body = None if new is None else {"name": new}
    response = await house.client.request(method, path, json=body, headers=await house.token(f"{who}@example.com"))
    return response.status_code, response.json()


async def published(house: House) -> Settings:  # noqa: F811
    """What the other services are told."""
    await house.outbox.publish_batch()
    value = house.buckets.values["CONFIG", "main.settings.main"]
    assert value is not None
    return msgspec.json.decode(msgspec.json.decode(value, type=Published).body, type=Settings)


async def test_an_administrator_creates_renames_and_deletes_reasons(house: House) -> None:  # noqa: F811
    assert await ask(house, "GET", who="agent") == (200, FIRST)
    assert await ask(house, "POST", new="辅导 1:1") == (200, [*FIRST, "辅导 1:1"])
    assert await ask(house, "PUT", "meeting", "stand-up") == (200, ["meal", "stand-up", "training", "辅导 1:1"])
    assert await ask(house, "DELETE", "辅导 1:1") == (200, ["meal", "stand-up", "training"])
    assert await ask(house, "GET", who="agent") == (200, ["meal", "stand-up", "training"])
    assert (await published(house)).break_reasons == ("meal", "stand-up", "training")
    lines = (await house.client.get("/v1/operations", headers=await house.token("admin@example.com"))).json()
    assert [(line["kind"], line["action"]) for line in lines] == [
        ("settings", "change"),
        ("settings", "change"),
        ("settings", "create"),
    ]


async def test_the_rest_of_the_settings_stays(house: House) -> None:  # noqa: F811
    admin = await house.token("admin@example.com")
    applied = {"settings": {"wrap_up_s": 42, "break_reasons": ["tea"]}}
    assert (await house.client.post("/v1/apply", json=applied, headers=admin)).status_code == 200
    assert await ask(house, "DELETE", "tea") == (200, [])
    assert await published(house) == Settings(wrap_up_s=42, break_reasons=())
    assert await ask(house, "POST", new="tea") == (200, ["tea"])


@pytest.mark.parametrize(
    ("method", "name", "new", "field"),
    [
        ("POST", "", "meal", "name"),
        ("POST", "", "", "name"),
        ("POST", "", " tea", "name"),
        ("POST", "", "a/b", "name"),
        ("POST", "", "a\nb", "name"),
        ("POST", "", "x" * 33, "name"),
        ("POST", "", 7, "name"),
        ("PUT", "meal", "meeting", "name"),
        ("PUT", "meal", "", "name"),
        ("PUT", "golf", "tennis", "reason"),
        ("DELETE", "golf", None, "reason"),
    ],
)
async def test_what_makes_no_list_is_refused(house: House, method: str, name: str, new: Any, field: str) -> None:  # noqa: F811
    status, body = await ask(house, method, name, new)
    assert (status, body["field"]) in ((422, field), (409, field)), body
    assert await ask(house, "GET") == (200, FIRST)


@pytest.mark.parametrize("who", ["agent", "supervisor", "analyst", "reviewer"])
async def test_only_administrators_change_it(house: House, who: str) -> None:  # noqa: F811
    for method, name, new in (("POST", "", "tea"), ("PUT", "meal", "tea"), ("DELETE", "meal", None)):
        assert (await ask(house, method, name, new, who))[0] == 403
    assert await ask(house, "GET", who=who) == (200, FIRST)


@pytest.mark.parametrize(
    ("reasons", "where"), [([""], "[0]"), (["tea", "tea"], "[1]"), (["tea", " "], "[1]"), ([f"r{i}" for i in range(51)], "")]
)
async def test_a_manifest_is_checked_alike(house: House, reasons: list[str], where: str) -> None:  # noqa: F811
    body = {"settings": {"break_reasons": reasons}}
    response = await house.client.post("/v1/apply", json=body, headers=await house.token("admin@example.com"))
    assert response.status_code in (409, 422)
    assert response.json()["field"] == f"settings.break_reasons{where}"


async def test_another_tenant_has_a_list_of_its_own(house: House) -> None:  # noqa: F811
    await house.add("other@example.com", Role.ADMIN, tenant="other")
    assert (await ask(house, "DELETE", "meal"))[0] == 200
    assert await ask(house, "GET", who="other") == (200, FIRST)
