"""Remarks on calls: who may write them, who reads them, and that no rebuild forgets them."""

import httpx
import pytest

from callstream_reporting.adapters.projection import Projection

from .test_projection import Tokens, api, asyncpg, pool, projector, recorded, served  # noqa: F401

API = tuple[httpx.AsyncClient, Tokens]


async def read(api: API, call_id: str, who: dict[str, str]) -> str:  # noqa: F811
    remark: str = (await api[0].get(f"/v1/records/{call_id}", headers=who)).json()["remark"]
    return remark


@pytest.mark.feature("F190")
async def test_a_remark_stands_in_the_record(api: API, pool: asyncpg.Pool) -> None:  # noqa: F811
    client, tokens = api
    ann, admin = tokens.header("agent", agent="1001"), tokens.header("admin")
    assert await read(api, "C1", ann) == ""
    written = await client.put("/v1/records/C1/remark", headers=ann, json={"text": "Wants a call on 周一.\x00"})
    assert (written.status_code, written.json()["remark"]) == (200, "Wants a call on 周一.␀")
    assert await read(api, "C1", admin) == "Wants a call on 周一.␀"
    await client.put("/v1/records/C1/remark", headers=tokens.header("supervisor", groups=["sales"]), json={"text": "Done."})
    listed = (await client.get("/v1/records", headers=admin)).json()["records"]
    assert {record["call_id"]: record["remark"] for record in listed} == {"C1": "Done.", "C2": "", "C3": ""}

    await Projection(pool).clear()
    await (await projector(pool)).on_batch(recorded(served("C1")))
    assert await read(api, "C1", ann) == "Done.", "a rebuild touches no remark"
    await client.put("/v1/records/C1/remark", headers=ann, json={"text": ""})
    assert await read(api, "C1", admin) == ""


@pytest.mark.feature("F190")
@pytest.mark.parametrize(
    ("call_id", "role", "what", "status"),
    [
        ("C2", "agent", {}, 404),
        ("D1", "agent", {}, 404),
        ("nix", "admin", {}, 404),
        ("D1", "admin", {}, 404),
        ("C1", "supervisor", {"groups": ["tech"]}, 404),
        ("C1", "analyst", {}, 404),
        ("C1", "reviewer", {}, 404),
    ],
)
async def test_who_has_no_part_writes_none(api: API, call_id: str, role: str, what: dict[str, list[str]], status: int) -> None:  # noqa: F811
    client, tokens = api
    who = tokens.header(role, agent="1001" if role == "agent" else "", groups=what.get("groups"))
    assert (await client.put(f"/v1/records/{call_id}/remark", headers=who, json={"text": "x"})).status_code == status
    if call_id == "C1":
        assert await read(api, "C1", tokens.header("admin")) == ""


@pytest.mark.parametrize(("body", "field"), [({"text": "x" * 2001}, "text"), ({"text": 7}, "text"), ({}, "")])
async def test_what_is_no_remark_is_refused(api: API, body: dict[str, object], field: str) -> None:  # noqa: F811
    client, tokens = api
    refused = await client.put("/v1/records/C1/remark", headers=tokens.header("admin"), json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
