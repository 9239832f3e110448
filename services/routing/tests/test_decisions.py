"""Why: the decision record in words, by call and by agent, over HTTP with console's tokens."""

from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callstream.contracts.config import Agent
from callstream.contracts.envelope import NewEvent
from callstream.runtime.auth import ALGORITHM, ISSUER, TokenVerifier
from callstream.runtime.config_watch import Configuration
from callstream.runtime.event_store import StoreUnavailable
from callstream.runtime.memory_store import MemoryStore
from callstream_routing.api import build_api
from callstream_routing.app.decisions import Decisions

from .story import TENANT, Story

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def token(role: str = "supervisor", tenant: str = TENANT, groups: tuple[str, ...] = ("sales",)) -> str:
    claims = {"sub": "u1", "tenant": tenant, "role": role, "groups": groups, "iss": ISSUER}
    claims["exp"] = datetime.now(UTC) + timedelta(minutes=5)  # type: ignore[assignment]
    return jwt.encode(claims, KEY, algorithm=ALGORITHM)


def a_day() -> Story:
    """r1 rings out at 1001 and is answered by 1002; r2 needs a skill that only 1003 has."""
    story = Story(sales=["1001", "1002", "1003", "1004"], support=["1005"])
    story.set_agent("1003", skills={"billing": 3})
    story.state("1004", "break")
    story.idle("1001", "1002")
    story.request("r1", caller="+8613900000001")
    story.later(30)
    story.state("1001", "idle")
    story.answered("r1")
    story.state("1002", "break")
    story.request("r2", skills={"billing": 1})
    story.idle("1003")
    return story


async def client(story: Story, store: MemoryStore | None = None) -> httpx.AsyncClient:
    store = store or MemoryStore()
    for told in story.told:
        new = NewEvent(id=told.id, tenant=TENANT, aggregate_id=told.aggregate_id, time=told.time, event=told.event)
        aggregate = told.aggregate
        await store.append(aggregate, told.aggregate_id, TENANT, (new,), None)
    agents = [document for document in story.published.values() if isinstance(document, Agent)]
    configuration = Configuration.of({TENANT: agents})
    app = build_api(Decisions(store, story.hall, configuration), TokenVerifier(PUBLIC))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://routing", headers={"Authorization": f"Bearer {token()}"}
    )


async def test_each_offer_of_a_call_with_its_reasons_in_words() -> None:
    async with await client(a_day()) as http:
        first, second = (await http.get("/v1/decisions/c-r1")).json()
        (third,) = (await http.get("/v1/decisions/c-r2")).json()
    assert [(o["agent_id"], o["outcome"]) for o in (first, second, third)] == [
        ("1001", "ring-timeout"),
        ("1002", "answered"),
        ("1003", "open"),
    ]
    assert first["decision"]["rank_by"] == ["longest-idle"]
    assert first["text"] == [
        "Waited 0.0 s in sales, 0 ahead; customer type none (level 0), priority 0; "
        "ordered by level of customer type, priority and wait in this order.",
        "Agent 1001 was first of 2 by longest-idle.",
        "1001: rank 1 (idle for 2 s).",
        "1002: rank 2 (idle for 1 s).",
        "1004: was on break.",
        "1003: was offline.",
    ]
    assert "Needed billing 1 after 0 steps of relaxation." in third["text"]
    assert "1001: lacked the skill billing." in third["text"]


@pytest.mark.parametrize(
    ("call", "agent", "why"),
    [
        ("c-r1", "1001", "rank 1 (idle for 2 s)"),
        ("c-r1", "1003", "was offline"),
        ("c-r2", "1001", "lacked the skill billing"),
        ("c-r1", "1005", "is not in group sales"),
        ("c-r1", "nobody", "is not in group sales"),
    ],
)
async def test_why_not_this_agent(call: str, agent: str, why: str) -> None:
    async with await client(a_day()) as http:
        assert (await http.get(f"/v1/decisions/{call}", params={"agent": agent})).json()[0]["asked"] == why


async def test_an_agent_whom_the_record_only_counts_is_found_in_their_own_log() -> None:
    agents = [f"{1000 + n}" for n in range(80)]
    story = Story(sales=agents)
    story.paused = True
    for agent_id in agents[:2]:
        story.state(agent_id, "idle")
    for agent_id in agents[2:]:
        story.state(agent_id, "busy")
    story.state(agents[-1], "break")
    story.paused = False
    story.request("r1")
    story.state(agents[-2], "idle")  # later
    async with await client(story) as http:
        (offer,) = (await http.get("/v1/decisions/c-r1", params={"agent": agents[-2]})).json()
    assert offer["decision"]["left_out"]
    assert offer["asked"] == "was busy"


async def test_the_latest_offers_of_an_agent_survive_a_snapshot() -> None:
    story = a_day().kept_and_restored()
    async with await client(story) as http:
        offers = (await http.get("/v1/decisions", params={"agent": "1002"})).json()
        assert [(o["call_id"], o["outcome"]) for o in offers] == [("c-r1", "answered")]
        assert (await http.get("/v1/decisions", params={"agent": "1004"})).json() == []


async def test_who_may_not_ask_and_what_is_not_there() -> None:
    async with await client(a_day()) as http:
        rows = [
            ("/v1/decisions/c-nobody", token(), 404, "call_id"),
            ("/v1/decisions/c-r1", token(tenant="other"), 404, "call_id"),
            ("/v1/decisions/c-r1", token("agent"), 403, ""),
            ("/v1/decisions/c-r1", "broken", 401, "authorization"),
            ("/v1/decisions", token(), 422, "agent"),
            ("/v1/decisions?agent=1001&limit=0", token(), 422, "limit"),
        ]
        for path, bearer, status, field in rows:
            answer = await http.get(path, headers={"Authorization": f"Bearer {bearer}"})
            assert (answer.status_code, answer.json()["field"]) == (status, field), path


@pytest.mark.feature("F226")
async def test_a_supervisor_reads_decisions_of_their_own_groups_only() -> None:
    """r1 is of sales; 1005 of support is asked by a colleague in it, which is support's."""
    story = a_day()
    story.idle("1005")
    story.wanted("r1", "w", "1002", "1005")
    async with await client(story) as http:

        async def seen(path: str, *groups: str, role: str = "supervisor") -> list[str]:
            answer = await http.get(path, headers={"Authorization": f"Bearer {token(role, groups=groups)}"})
            return [view["agent_id"] for view in answer.json()] if answer.status_code == 200 else [str(answer.status_code)]

        assert await seen("/v1/decisions/c-r1", "sales") == ["1001", "1002"]
        assert await seen("/v1/decisions/c-r1", "support") == ["1005"]
        assert await seen("/v1/decisions/c-r1", "sales", "support") == ["1001", "1002", "1005"]
        assert await seen("/v1/decisions/c-r1", "other") == ["404"]
        assert await seen("/v1/decisions/c-r1") == ["404"]
        assert await seen("/v1/decisions/c-r1", role="admin") == ["1001", "1002", "1005"]
        assert await seen("/v1/decisions?agent=1002", "sales") == ["1002"]
        assert await seen("/v1/decisions?agent=1002", "support") == []


async def test_a_log_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    async with await client(a_day(), store) as http:

        async def away(*_: object) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(store, "read", away)
        assert (await http.get("/v1/decisions/c-r1")).status_code == 503
