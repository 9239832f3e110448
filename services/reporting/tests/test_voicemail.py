"""Mailboxes over HTTP, on a real PostgreSQL: who finds, plays, marks and deletes which messages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from callstream.contracts import call_events as call
from callstream.contracts.config import Agent
from callstream.contracts.envelope import Event
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.accesses import Accesses
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.mailboxes import Mailboxes
from callstream_reporting.adapters.pushes import Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import Records
from callstream_reporting.api import Parts, build_api

from .test_projection import Tokens, names, pool, projector, recorded, served  # noqa: F401

CALLER = "+8613900000009"
AGENTS = [("1001", ("sales",)), ("1002", ("tech",)), ("1003", ())]


def left(
    call_id: str, mailbox: str, at: float, *, ms: int = 9000, tenant: str = "main", ready: bool = True
) -> list[tuple[float, str, str, Event]]:
    """A caller who speaks to a mailbox and hangs up."""
    recording = f"{call_id}-r1"
    story: list[tuple[float, Event]] = [
        (0, call.CallArrived(caller=CALLER, called="+861055501234", trunk="t", gateway="g", leg_id="c")),
        (0.1, call.CallAnswered()),
        (3, call.RecordingStarted(recording_id=recording, mailbox=mailbox)),
        (9, call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)),
    ]
    if ready:
        file = call.RecordingReady(
            recording_id=recording, path=f"{tenant}/{call_id}.mp3", duration_ms=ms, size_bytes=3, sha256="0" * 64
        )
        story.append((10, file))
    return [(at + second, call_id, tenant, event) for second, event in story]


LOG = [
    *served("C1"),
    *left("V1", "group:sales", 20),
    *left("V2", "group:tech", 40),
    *left("V3", "agent:1001", 60),
    *left("V4", "agent:1003", 80),
    *left("V5", "group:sales", 100, ms=400),
    *left("V6", "group:sales", 120, ready=False),
    *left("O1", "group:sales", 140, tenant="other"),
]


class Office:
    def __init__(self, pool: asyncpg.Pool, directory: Path) -> None:  # noqa: F811
        self.tokens = Tokens()
        agents = [Agent(id=number, name=number, email="a@b", sip_user=number, groups=groups) for number, groups in AGENTS]
        parts = Parts(
            records=Records(pool, names),
            verifier=self.tokens.verifier(),
            accesses=Accesses(pool),
            store=Store(directory=directory, key=b"key"),
            pushes=Pushes(pool),
            mailboxes=Mailboxes(pool),
            states=AgentStates(pool),
            configuration=Configuration.of({"main": agents}),
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(build_api(parts)), base_url="http://reporting")
        self.ann = self.tokens.header("agent", agent="1001")
        self.admin = self.tokens.header("admin")

    async def do(self, method: str, path: str, who: dict[str, str], **params: Any) -> httpx.Response:
        return await self.client.request(method, f"/v1/voicemail{path}", headers=who, params=params)

    async def seen(self, who: dict[str, str], **params: Any) -> list[str]:
        return [message["call_id"] for message in (await self.do("GET", "", who, **params)).json()["messages"]]

    async def new(self, who: dict[str, str]) -> dict[str, int]:
        counts: dict[str, int] = (await self.do("GET", "", who, limit=0)).json()["new"]
        return counts


@pytest_asyncio.fixture
async def office(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[Office]:  # noqa: F811
    await (await projector(pool)).on_batch(recorded(LOG))
    (tmp_path / "main").mkdir()
    for call_id in ("V1", "V2", "V3", "V4"):
        (tmp_path / "main" / f"{call_id}.mp3").write_bytes(call_id.encode())
    made = Office(pool, tmp_path)
    yield made
    await made.client.aclose()


async def test_each_opens_their_own_mailboxes_and_those_of_their_groups(office: Office) -> None:
    tokens = office.tokens
    for who, calls, new in (
        (office.ann, ["V3", "V1"], {"agent:1001": 1, "group:sales": 1}),
        (tokens.header("agent", agent="1002"), ["V2"], {"group:tech": 1}),
        (tokens.header("agent", agent="1003"), ["V4"], {"agent:1003": 1}),
        (tokens.header("supervisor", groups=["sales"]), ["V3", "V1"], {"agent:1001": 1, "group:sales": 1}),
        (tokens.header("supervisor", groups=["tech"], agent="1003"), ["V4", "V2"], {"agent:1003": 1, "group:tech": 1}),
        (tokens.header("supervisor"), [], {}),
        (office.admin, ["V4", "V3", "V2", "V1"], {"agent:1001": 1, "agent:1003": 1, "group:sales": 1, "group:tech": 1}),
    ):
        assert (await office.seen(who), await office.new(who)) == (calls, new)
    for role in ("analyst", "reviewer"):
        assert (await office.do("GET", "", tokens.header(role))).status_code == 403
    assert (await office.client.get("/v1/voicemail")).status_code == 401
    assert await office.seen(tokens.header("admin", tenant="other")) == ["O1"]

    assert await office.seen(office.admin, mailbox="group:tech") == ["V2"]
    refused = await office.do("GET", "", office.ann, mailbox="group:tech")
    assert (refused.status_code, refused.json()["field"]) == (403, "mailbox")
    first = (await office.do("GET", "", office.admin, limit=1)).json()["messages"]
    assert await office.seen(office.admin, before=first[0]["at"]) == ["V3", "V2", "V1"]


@pytest.mark.feature("F205")
async def test_a_message_is_listed_played_marked_and_deleted(office: Office, pool: asyncpg.Pool) -> None:  # noqa: F811
    """That it is taken, and stored whatever is killed, is tried in media-gateway and ivr."""
    ann = office.ann
    (message,) = [each for each in (await office.do("GET", "", ann)).json()["messages"] if each["call_id"] == "V1"]
    assert (message["mailbox"], message["caller"], message["duration_ms"]) == ("group:sales", CALLER, 9000)
    assert (message["message_id"], message["heard_at"]) == ("V1-r1", None)

    played = await office.do("GET", "/V1-r1/recording", ann)
    assert (played.status_code, played.content, played.headers["content-type"]) == (200, b"V1", "audio/mpeg")
    part = await office.client.get("/v1/voicemail/V1-r1/recording", headers={**ann, "Range": "bytes=1-"})
    assert (part.status_code, part.content) == (206, b"1")
    given = (await office.do("POST", "/V1-r1/recording/link", ann)).json()
    assert (await office.client.get(given["url"])).content == b"V1"
    accesses = (await office.client.get("/v1/recording-accesses", headers=office.admin)).json()
    assert [(each["recording_id"], each["how"]) for each in accesses] == [
        ("V1-r1", "by-link"),
        ("V1-r1", "link"),
        ("V1-r1", "sound"),
        ("V1-r1", "sound"),
    ]

    assert await office.new(ann) == {"agent:1001": 1, "group:sales": 1}
    marked = (await office.do("PUT", "/V1-r1/heard", ann)).json()
    assert (marked["heard_by"], marked["heard_at"] is not None) == ("someone", True)
    assert await office.new(ann) == {"agent:1001": 1}
    assert (await office.do("PUT", "/V1-r1/heard", ann)).json() == marked, "who heard it first stays named"
    assert (await office.seen(ann, new=True), await office.seen(ann, new=False)) == (["V3"], ["V1"])
    assert (await office.do("DELETE", "/V1-r1/heard", ann)).json()["heard_at"] is None
    assert await office.new(ann) == {"agent:1001": 1, "group:sales": 1}

    await office.do("PUT", "/V1-r1/heard", ann)
    folding = await projector(pool)
    await folding.rebuild()
    await folding.start()
    await folding.on_batch(recorded(LOG))
    assert await office.seen(ann, new=False) == ["V1"], "a rebuild forgets nothing of it"

    assert (await office.do("DELETE", "/V1-r1", ann)).status_code == 204
    assert await office.seen(ann) == ["V3"]
    for method, path in (("DELETE", ""), ("GET", "/recording"), ("PUT", "/heard")):
        assert (await office.do(method, f"/V1-r1{path}", ann)).status_code == 404
    kept = await office.client.get("/v1/records/V1/recording", headers=office.admin)
    assert kept.content == b"V1", "the call keeps its recording"


@pytest.mark.feature("F205")
@pytest.mark.parametrize("message_id", ["V2-r1", "V4-r1", "V5-r1", "V6-r1", "O1-r1", "rec", "nothing"])
async def test_what_is_no_message_of_ones_own_does_not_exist(office: Office, message_id: str) -> None:
    """Of others, shorter than a second, not ready, of another tenant, a conversation, nothing at all."""
    for method, path in (
        ("GET", "/recording"),
        ("POST", "/recording/link"),
        ("PUT", "/heard"),
        ("DELETE", "/heard"),
        ("DELETE", ""),
    ):
        refused = await office.do(method, f"/{message_id}{path}", office.ann)
        assert (refused.status_code, refused.json()["field"]) == (404, "message_id")
    assert await office.seen(office.admin) == ["V4", "V3", "V2", "V1"]
