"""Recordings pushed to tenants' addresses, on a real PostgreSQL: signed, tried again, never in the way."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from msgspec.structs import replace

from callstream.contracts.config import RecordingPush, Settings
from callstream.kernel.clock import SystemClock
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.accesses import Accesses
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.mailboxes import Mailboxes
from callstream_reporting.adapters.post import NotTaken, Post
from callstream_reporting.adapters.pushes import COUNT, Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import Records
from callstream_reporting.api import Parts, build_api
from callstream_reporting.app.push_recordings import PushRecordings
from callstream_reporting.domain.links import Link
from callstream_reporting.domain.push import next_try, secret_of

from .test_projection import Tokens, names, pool, projector, ready, recorded, served  # noqa: F401

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
URL = "https://crm.example.com/recordings"
CONFIGURATION = Configuration.of(
    {
        "main": [Settings(recording_push=RecordingPush(url=URL))],
        "other": [Settings(recording_push=RecordingPush(url="http://10.0.0.1/admin"))],
        "quiet": [Settings()],
    }
)


class Clock(SystemClock):
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class House:
    """Reporting's queue, and a customer's server that answers as told."""

    def __init__(self, pool: asyncpg.Pool, directory: Path) -> None:  # noqa: F811
        self.pool, self.clock, self.tokens = pool, Clock(), Tokens()
        self.requests: list[httpx.Request] = []
        self.status, self.down = 200, False
        self.store = Store(directory=directory, key=b"key")
        self.pushes = Pushes(pool)
        self.configuration = CONFIGURATION
        parts = Parts(
            records=Records(pool, names),
            verifier=self.tokens.verifier(),
            accesses=Accesses(pool),
            store=self.store,
            pushes=self.pushes,
            mailboxes=Mailboxes(pool),
            states=AgentStates(pool),
            configuration=CONFIGURATION,
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(build_api(parts)), base_url="http://reporting")
        self.post = Post(frozenset({"https://crm.example.com"}), httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("nobody there", request=request)
        self.requests.append(request)
        return httpx.Response(self.status, headers={"Location": "http://10.0.0.1/"})

    def started(self) -> PushRecordings:
        """A process that has just begun: it knows nothing but the database."""
        return PushRecordings(
            self.pushes,
            Records(self.pool, names),
            self.store,
            self.configuration,
            self.post,
            self.clock,
            "https://cc.example.com",
        )

    async def rounds(self) -> None:
        """Until there is nothing to do now."""
        process = self.started()
        while await process.round():
            pass

    async def states(self, tenant: str = "main") -> list[tuple[str, str, int]]:
        return [(push.call_id, push.state, push.tries) for push in await self.pushes.of_tenant(tenant, "", 100)]

    async def get(self, path: str, role: str = "admin", method: str = "GET", **more: str) -> httpx.Response:
        return await self.client.request(method, path, headers=self.tokens.header(role, **more))


@pytest_asyncio.fixture
async def at_work(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[House]:  # noqa: F811
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "C1.mp3").write_bytes(b"mp3")
    await (await projector(pool)).on_batch(recorded([*served("C1"), *served("Q1", tenant="quiet", at=20)]))
    house = House(pool, tmp_path)
    yield house
    await house.post.close()
    await house.client.aclose()


@pytest.mark.feature("F203")
async def test_a_finished_recording_is_told_to_the_tenants_address_once(at_work: House) -> None:
    await at_work.rounds()
    (request,) = at_work.requests
    assert (request.method, str(request.url), request.headers["content-type"]) == ("POST", URL, "application/json")
    told = json.loads(request.content)
    assert (told["recording_id"], told["call_id"], told["record"]["agent_id"]) == ("rec", "C1", "1001")
    assert told["recording"] == {"format": "mp3", "duration_ms": 9900, "size_bytes": 3, "sha256": "0" * 64}

    secret = (await at_work.get("/v1/recording-pushes/secret")).json()["secret"]
    moment, signed = (part.partition("=")[2] for part in request.headers["callstream-signature"].split(","))
    assert hmac.new(secret.encode(), moment.encode() + b"." + request.content, hashlib.sha256).hexdigest() == signed
    assert int(moment) == int(NOW.timestamp())
    assert secret != secret_of(b"key", "other")

    assert told["url"].startswith("https://cc.example.com/v1/recordings/main/C1/rec?")
    assert datetime.fromisoformat(told["url_expires_at"]) == NOW + timedelta(hours=1)
    later = replace_expiry(at_work, told["url"])
    assert (await at_work.client.get(later)).content == b"mp3"

    at_work.clock.at += timedelta(days=2)
    await at_work.rounds()
    assert len(at_work.requests) == 1, "and not again"
    assert (await at_work.states(), await at_work.states("quiet")) == ([("C1", "sent", 1)], [])


def replace_expiry(at_work: House, url: str) -> str:
    """The test's house lives in another year than the API's clock: the same link, valid today."""
    assert "user=push" in url
    soon = int((datetime.now(UTC) + timedelta(minutes=1)).timestamp())
    return Link(tenant="main", call_id="C1", recording_id="rec", user="push", expires=soon).url(b"key")


@pytest.mark.feature("F203")
async def test_a_dead_address_is_tried_for_a_day_then_given_up_and_can_be_asked_again(at_work: House) -> None:
    at_work.status = 500
    pauses = []
    while (await at_work.states() or [("", "waiting", 0)])[0][1] == "waiting":
        await at_work.rounds()
        (push,) = await at_work.pushes.of_tenant("main", "", 1)
        if push.state == "waiting":
            pauses.append((push.due_at - at_work.clock.at).total_seconds())
            at_work.clock.at = push.due_at
    assert pauses[:9] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert set(pauses[9:]) == {3600}
    assert timedelta(hours=24) <= at_work.clock.at - NOW <= timedelta(hours=25)
    listed = (await at_work.get("/v1/recording-pushes?state=given-up")).json()
    assert [(each["call_id"], each["error"]) for each in listed] == [("C1", "HTTP 500")]

    at_work.status = 204
    tried = len(at_work.requests)
    at_work.clock.at += timedelta(days=1)
    await at_work.rounds()
    assert len(at_work.requests) == tried, "given up is given up"
    assert (await at_work.get("/v1/recording-pushes/again", method="POST")).json() == {"recordings": 1}
    at_work.clock.at = datetime.now(UTC) + timedelta(seconds=1)
    await at_work.rounds()
    assert (len(at_work.requests), await at_work.states()) == (tried + 1, [("C1", "sent", 1)])
    assert (await at_work.get("/v1/recording-pushes/again?recording_id=rec", method="POST")).json() == {"recordings": 1}
    at_work.clock.at += timedelta(seconds=1)
    await at_work.rounds()
    assert len(at_work.requests) == tried + 2, "one that was sent, too"


async def test_a_kill_between_claim_and_answer_sends_it_again_after_a_minute(at_work: House) -> None:
    await at_work.pushes.take_in(lambda tenant: tenant == "main", NOW)
    assert [push.call_id for push in await at_work.pushes.claim(NOW)] == ["C1"]
    await at_work.rounds()
    assert at_work.requests == [], "it may still be under way"
    at_work.clock.at += timedelta(minutes=1)
    await at_work.rounds()
    assert (len(at_work.requests), await at_work.states()) == (1, [("C1", "sent", 1)])


async def test_a_rebuild_sends_nothing_twice_and_a_push_waits_for_its_record(at_work: House, pool: asyncpg.Pool) -> None:  # noqa: F811
    at_work.down = True
    await at_work.rounds()
    folding = await projector(pool)
    await folding.rebuild()
    at_work.down, at_work.clock.at = False, NOW + timedelta(hours=1)
    await at_work.rounds()
    assert at_work.requests == []
    await folding.start()
    await folding.on_batch(recorded([*served("C1"), *served("Q1", tenant="quiet", at=20)]))
    await at_work.rounds()
    await at_work.rounds()
    assert (len(at_work.requests), await at_work.states()) == (1, [("C1", "sent", 2)])


async def test_a_call_that_goes_on_is_told_when_it_is_over(at_work: House, pool: asyncpg.Pool) -> None:  # noqa: F811
    """A transfer ends a recording, not the call: its record is told as a whole."""
    story = served("C2", at=40)
    first = (story[0][0], "C2", "main", replace(ready("C2", "main"), path="main/C1.mp3"))
    await (await projector(pool)).on_batch(recorded([*story[:9], first], first_seq=100))
    await at_work.rounds()
    assert [json.loads(request.content)["call_id"] for request in at_work.requests] == ["C1"]
    await (await projector(pool)).on_batch(recorded(story[9:12], first_seq=200))
    await at_work.rounds()
    told = json.loads(at_work.requests[-1].content)
    assert (told["call_id"], told["record"]["access_status"]) == ("C2", "answered")


@pytest.mark.parametrize(
    ("tenant", "status", "error"),
    [
        ("other", 200, "the operator has not allowed this origin"),
        ("main", 302, "HTTP 302"),
        ("main", 404, "HTTP 404"),
    ],
)
async def test_nothing_is_sent_where_the_operator_has_not_said_so(
    at_work: House,
    pool: asyncpg.Pool,  # noqa: F811
    tenant: str,
    status: int,
    error: str,
) -> None:
    at_work.status = status
    if tenant == "other":
        (at_work.store.directory / "other").mkdir()
        (at_work.store.directory / "other" / "X1.mp3").write_bytes(b"mp3")
        await (await projector(pool)).on_batch(recorded(served("X1", tenant="other", at=40), first_seq=100))
    await at_work.rounds()
    (push,) = await at_work.pushes.of_tenant(tenant, "", 10)
    assert (push.state, push.error) == ("waiting", error)
    assert {request.url.host for request in at_work.requests} == {"crm.example.com"}, "no redirect is followed"


async def test_what_is_missing_is_waited_for(at_work: House) -> None:
    """The file, or the address that was taken out of the settings."""
    (at_work.store.directory / "main" / "C1.mp3").unlink()
    await at_work.rounds()
    (push,) = await at_work.pushes.of_tenant("main", "", 10)
    assert push.error == "the recording is neither in the directory nor in the bucket"
    at_work.configuration, at_work.clock.at = Configuration.of({"main": [Settings()]}), push.due_at
    await at_work.rounds()
    (push,) = await at_work.pushes.of_tenant("main", "", 10)
    assert (push.tries, push.error) == (2, "the tenant has no address for recordings now")


async def test_only_administrators_see_their_tenants_pushes(at_work: House) -> None:
    await at_work.rounds()
    for path, method in (("", "GET"), ("/secret", "GET"), ("/again", "POST")):
        for role in ("supervisor", "agent", "analyst"):
            assert (await at_work.get(f"/v1/recording-pushes{path}", role, method)).status_code == 403
    assert (await at_work.get("/v1/recording-pushes", tenant="other")).json() == []
    unknown = await at_work.get("/v1/recording-pushes/again?recording_id=rec", method="POST", tenant="other")
    assert (unknown.status_code, unknown.json()["field"]) == (422, "recording_id")


async def test_an_address_that_is_not_there_says_so_without_its_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("slow", request=request)

    post = Post(frozenset({"https://crm.example.com"}), httpx.MockTransport(refuse))
    with pytest.raises(NotTaken, match="ConnectTimeout"):
        await post(URL, b"{}", {})
    await post.close()


def test_pauses_grow_to_an_hour() -> None:
    assert next_try(1, NOW, NOW) == NOW + timedelta(seconds=10)
    assert next_try(999, NOW, NOW) == NOW + timedelta(hours=1)
    assert next_try(1, NOW, NOW + timedelta(hours=24)) is None


async def test_what_was_sent_long_ago_is_not_looked_at_to_count_what_is_open(at_work: House) -> None:
    await at_work.pool.execute(
        "insert into recording_push (tenant, call_id, recording_id, seq, first_at, due_at, state)"
        " select 'main', 'old-' || n, 'r', n, $1, $1, case when n % 5000 = 0 then 'given-up' else 'sent' end"
        " from generate_series(1, 20000) n",
        NOW,
    )
    await at_work.pool.execute("analyze recording_push")
    plan = await at_work.pool.fetch(f"explain {COUNT}")
    assert "recording_push_open" in " ".join(row[0] for row in plan)
    assert (await at_work.pushes.counts())["given-up"] == 4
