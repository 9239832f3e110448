"""The projection on a real PostgreSQL: exactly once, one transaction for rows and position, rebuilt rows are the same rows."""

import asyncio
import importlib
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from tests.plugins.servers import FreshSchema

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.config import Agent
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream.runtime.auth import ALGORITHM, ISSUER, TokenVerifier
from callstream.runtime.config_watch import Configuration
from callstream.runtime.memory_store import MemoryStore
from callstream_reporting import migrations
from callstream_reporting.adapters.accesses import Accesses
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.mailboxes import Mailboxes
from callstream_reporting.adapters.projection import Projection
from callstream_reporting.adapters.pushes import Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import RecordQuery, Records
from callstream_reporting.api import Parts, build_api
from callstream_reporting.app.on_events import Projector

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NAMES = {("agent", "1001"): "Ann", ("group", "sales"): "Sales"}


def names(_tenant: str, kind: str, object_id: str) -> str | None:
    return NAMES.get((kind, object_id))


def served(call_id: str, *, agent: str = "1001", tenant: str = "main", at: float = 0) -> list[tuple[float, str, str, Event]]:
    """The story of one answered call: (second, aggregate id, tenant, event)."""
    request, offer = f"{call_id}-r", f"{call_id}-o"
    decision = queue.Decision(
        rule="longest-idle", rule_version=1, group_id="sales", waited_ms=1000, ahead=0, eligible=1, candidates=()
    )
    rows: list[tuple[float, str, Event]] = [
        (0, call_id, call.CallArrived(caller="+8613900000001", called="+861055501234", trunk="t", gateway="g", leg_id="c")),
        (0.1, call_id, ivr.IvrStarted(flow_id="hotline", flow_version=1, number="+861055501234", handled=1)),
        (0.2, call_id, call.CallAnswered()),
        (2, call_id, ivr.KeyPressed(node_id="m", label="Menu", key="1", branch="sales", errors=0, handled=1)),
        (
            3,
            call_id,
            ivr.AgentRequested(
                request_id=request,
                call_id=call_id,
                group_id="sales",
                caller="+8613900000001",
                called="+861055501234",
                gateway="g",
                customer_leg_id="c",
                handled=1,
            ),
        ),
        (3.1, request, queue.ContactQueued(call_id=call_id, group_id="sales", priority=0, enqueued_at=T0, ahead=0)),
        (
            4,
            request,
            queue.OfferMade(offer_id=offer, call_id=call_id, gateway="g", agent_id=agent, ring_deadline=T0, decision=decision),
        ),
        (5, call_id, call.OfferAnswered(offer_id=offer, request_id=request, agent_id=agent, leg_id="a")),
        (5.1, call_id, call.CallBridged(offer_id=offer, agent_id=agent, customer_leg_id="c", agent_leg_id="a")),
        (5.2, request, left(call_id, RequestOutcome.ANSWERED, Reason.ANSWERED)),
        (15, call_id, call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.AGENT_HUNG_UP, agent_id=agent)),
        (15, call_id, call.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT)),
        (16, call_id, ready(call_id, tenant)),
    ]
    return [(at + second, aggregate_id, tenant, event) for second, aggregate_id, event in rows]


def left(call_id: str, outcome: RequestOutcome, reason: Reason) -> queue.ContactLeft:
    return queue.ContactLeft(call_id=call_id, outcome=outcome, reason=reason, waited_ms=2000)


def ready(call_id: str, tenant: str) -> call.RecordingReady:
    return call.RecordingReady(
        recording_id="rec", path=f"{tenant}/{call_id}.mp3", duration_ms=9900, size_bytes=3, sha256="0" * 64
    )


def recorded(stories: list[tuple[float, str, str, Event]], first_seq: int = 1) -> list[Recorded]:
    return [
        Recorded(
            seq=seq,
            id=f"e{seq}",
            tenant=tenant,
            aggregate=event.AGGREGATE,
            aggregate_id=aggregate_id,
            time=T0 + timedelta(seconds=second),
            event=event,
            source="test",
            correlation_id=aggregate_id.split("-")[0],
        )
        for seq, (second, aggregate_id, tenant, event) in enumerate(stories, first_seq)
    ]


@pytest_asyncio.fixture
async def pool(fresh_schema: FreshSchema) -> AsyncIterator[asyncpg.Pool]:
    database = await fresh_schema("callstream_reporting", migrations.HEAD)
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        yield pool


async def projector(pool: asyncpg.Pool, store: MemoryStore | None = None) -> Projector:
    made = Projector(store or MemoryStore(), Projection(pool))
    await made.start()
    return made


async def rows(pool: asyncpg.Pool) -> list[tuple[object, ...]]:
    records = await pool.fetch("select * from service_record order by call_id")
    services = await pool.fetch("select * from service order by call_id, number")
    timeline = await pool.fetch("select * from timeline order by call_id, seq")
    return [tuple(row) for row in (*records, *services, *timeline)]


@pytest.mark.feature("F227")
async def test_a_served_call_becomes_a_record_with_all_its_fields(pool: asyncpg.Pool) -> None:
    await (await projector(pool)).on_batch(recorded(served("C1")))
    record = await Records(pool, names).get("main", "C1")
    assert record is not None
    assert (record.call_type, record.caller, record.called) == ("inbound", "+8613900000001", "+861055501234")
    assert (record.access_status, record.reason, record.hang_up_party) == ("answered", "agent-hung-up", "agent")
    assert (record.agent_id, record.agent_name, record.group_id, record.group_name) == ("1001", "Ann", "sales", "Sales")
    assert (record.wait_ms, record.talk_ms, record.recording_ms) == (2000, 10_000, 9900)
    assert (record.arrived_at, record.ended_at) == (T0, T0 + timedelta(seconds=15))
    assert (record.remark, record.satisfaction) == ("", None)


async def test_a_call_whose_phones_sent_nothing_has_no_recording_and_says_why(pool: asyncpg.Pool) -> None:
    """As gateways tell it now: the recording with the bridge, the legs with the end."""
    log = [row for row in served("C1") if not isinstance(row[3], call.CallBridged | call.LegEnded | call.CallEnded)][:-1]
    begun = call.RecordingStarted(recording_id="rec", agent_id="1001")
    leg = call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.AGENT_HUNG_UP, agent_id="1001")
    bridged = call.CallBridged(offer_id="C1-o", agent_id="1001", customer_leg_id="c", agent_leg_id="a", recording=begun)
    log += [
        (5.3, "C1", "main", bridged),
        (15, "C1", "main", call.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT, legs=(leg,))),
        (16, "C1", "main", call.RecordingFailed(recording_id="rec", message="no packet", reason=Reason.NO_AUDIO)),
    ]
    await (await projector(pool)).on_batch(recorded(log))
    record = await Records(pool, names).get("main", "C1")
    assert record is not None
    assert (record.recording_id, record.recording_path, record.recording_ms) == ("rec", None, None)
    assert record.recording_reason == "no-audio"
    assert (record.access_status, record.talk_ms, record.services[0].talk_ms) == ("answered", 10_000, 10_000)


async def test_a_recording_that_failed_before_there_were_reasons_is_given_its_reason(pool: asyncpg.Pool) -> None:
    """As the migration does it: the rows are those of a rebuild."""
    log = [row for row in served("C1") if not isinstance(row[3], call.RecordingReady)]
    log.insert(9, (5.2, "C1", "main", call.RecordingStarted(recording_id="rec", agent_id="1001")))
    log.append((16, "C1", "main", call.RecordingFailed(recording_id="rec", message="disk full")))
    await (await projector(pool)).on_batch(recorded([*log, *served("C2", at=30)]))
    built = await rows(pool)
    await pool.execute("update service_record set recording_reason = null, summary = summary - 'recording_reason'")
    assert await rows(pool) != built
    await pool.execute(importlib.import_module("callstream_reporting.migrations.versions.0006_recording_reason").BACKFILL)
    assert await rows(pool) == built
    record = await Records(pool, names).get("main", "C1")
    assert record is not None
    assert record.recording_reason == "media-failed"


def dialled(call_id: str, *, agent: str = "1001", to: str = "1002", at: float = 0) -> list[tuple[float, str, str, Event]]:
    """An agent calls a customer, holds them once, and gives them to another agent after asking."""
    began = call.CallDialled(
        agent_id=agent,
        callee="+8613900000001",
        caller="+861055501234",
        gateway="g",
        leg_id="c",
        agent_leg_id="a",
        chosen_by="city",
    )
    rows: list[tuple[float, Event]] = [
        (0, began),
        (2, call.LegStarted(leg_id="c", role=LegRole.CUSTOMER, number="+8613900000001")),
        (8, control.LegAnswered(leg_id="c", role=LegRole.CUSTOMER, number="+8613900000001")),
        (10, control.CallHeld(agent_id=agent, leg_id="c")),
        (10, control.ConsultStarted(consult_id="w", agent_id=agent, target_agent_id=to)),
        (15, control.CallTransferred(agent_id=agent, how="consult", to_agent_id=to)),
        (15, call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.NORMAL, agent_id=agent)),
        (25, control.CallRated(agent_id=to, rating=4)),
        (26, call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)),
    ]
    return [(at + second, call_id, "main", event) for second, event in rows]


async def test_an_outbound_call_becomes_a_record_with_each_agents_part(pool: asyncpg.Pool) -> None:
    await (await projector(pool)).on_batch(recorded(dialled("C1")))
    record = await Records(pool, names).get("main", "C1")
    assert record is not None
    assert (record.call_type, record.caller, record.called) == ("outbound", "+861055501234", "+8613900000001")
    assert (record.access_status, record.agent_id, record.group_id, record.chosen_by) == ("answered", "1001", None, "city")
    assert (record.wait_ms, record.ring_ms, record.talk_ms, record.hold_ms, record.holds) == (None, 6000, 18_000, 5000, 1)
    assert (record.transfers, record.consults, record.conference, record.satisfaction) == (1, 1, False, "4")
    found = [(s.number, s.agent_id, s.how, s.talk_ms, s.hold_ms) for s in record.services]
    assert found == [(1, "1001", "dialled", 7000, 5000), (2, "1002", "consult", 11_000, 0)]


def called_back() -> list[tuple[float, str, str, Event]]:
    """C1 asks to be called back; the first attempt, C2, finds them busy, the second, C3, reaches them."""
    number = "+8613900000001"
    asked = queue.QueuedCallback(of="R", number=number, asked_at=T0, expires_at=T0 + timedelta(days=1))
    queued = queue.ContactQueued(call_id="C1", group_id="sales", priority=0, enqueued_at=T0, ahead=0)
    requested = ivr.AgentRequested(
        request_id="R", call_id="C1", group_id="sales", caller=number, called="", gateway="g", customer_leg_id="c", handled=1
    )
    rows: list[tuple[float, str, Event]] = [
        (0, "C1", call.CallArrived(caller=number, called="+861055501234", trunk="t", gateway="g", leg_id="c")),
        (1, "C1", requested),
        (1, "R", queued),
        (9, "C1", ivr.CallbackAsked(request_id="R", number=number, node_id="q", label="", key="1", handled=3)),
        (9, "R", queue.ContactLeft(call_id="C1", outcome=RequestOutcome.REDIRECTED, reason=Reason.CALLBACK, waited_ms=8000)),
        (9, "B", replace(queued, callback=asked)),
        (12, "C1", call.CallEnded(reason=Reason.FLOW_ENDED, party=Party.SYSTEM)),
    ]
    for call_id, at, reason in (("C2", 60, Reason.BUSY), ("C3", 400, Reason.CALLER_HUNG_UP)):
        began = call.CallDialled(
            agent_id="1001",
            callee=number,
            caller="+861055501234",
            gateway="g",
            purpose=Purpose.CALLBACK,
            leg_id="c",
            agent_leg_id="a",
            request_id="B",
            callback_of="C1",
        )
        rows += [
            (at, call_id, began),
            (at + 2, call_id, call.LegStarted(leg_id="c", role=LegRole.CUSTOMER, number=number)),
            (at + 9, call_id, control.LegAnswered(leg_id="c", role=LegRole.CUSTOMER)),
            (at + 20, call_id, call.CallEnded(reason=reason, party=Party.CUSTOMER)),
        ]
    del rows[9]
    tried = queue.CallbackTried(
        call_id="C1", attempt_call_id="C2", agent_id="1001", number=number, reason=Reason.BUSY, attempts=1, next_at=T0
    )
    served_at_last = queue.ContactLeft(
        call_id="C1", outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, waited_ms=408_000, agent_id="1001"
    )
    rows.insert(10, (81, "B", tried))
    rows.append((409, "B", served_at_last))
    return [(second, aggregate_id, "main", event) for second, aggregate_id, event in rows]


async def test_a_callback_is_told_where_it_was_asked_for_and_its_attempts_name_that_call(pool: asyncpg.Pool) -> None:
    log = recorded(called_back())
    for batch in (log[:8], log[8:]):
        await (await projector(pool)).on_batch(batch)
    records = Records(pool, names)
    asked = await records.get("main", "C1")
    assert asked is not None
    assert (asked.access_status, asked.reason, asked.wait_ms) == ("redirected", "flow-ended", 8000)
    assert (asked.callback_number, asked.callback_at) == ("+8613900000001", T0)
    assert (asked.callback_attempts, asked.callback_outcome, asked.callback_reason) == (1, "answered", "answered")
    found = await records.page(RecordQuery(tenant="main", callback_of="C1"))
    told = [(r.call_id, r.call_type, r.access_status, r.callback_of) for r in found.records]
    assert told == [("C3", "outbound", "answered", "C1"), ("C2", "outbound", "unanswered", "C1")]
    types = [entry.type for entry in await records.timeline("main", "C1")]
    assert types[-2:] == ["queue.callback-tried.v1", "queue.left.v1"]


async def test_doubled_batches_and_every_split_of_the_log_give_the_same_rows(pool: asyncpg.Pool) -> None:
    log = recorded(served("C1") + served("C2", agent="1002", at=1) + dialled("C3", at=2))
    await (await projector(pool)).on_batch(log)
    expected = await rows(pool)
    for cut in range(1, len(log), 3):
        await Projection(pool).clear()
        first = await projector(pool)
        await first.on_batch(log[:cut])
        await first.on_batch(log[max(0, cut - 3) : cut])
        after_a_kill = await projector(pool)
        assert after_a_kill.position == cut
        await after_a_kill.on_batch(log[max(0, cut - 5) :])
        assert await rows(pool) == expected, f"cut at {cut}"


async def test_rows_and_position_commit_together(pool: asyncpg.Pool) -> None:
    """The process dies between the rows and the commit: both are gone, and the next one writes them."""
    log = recorded(served("C1"))
    await (await projector(pool)).on_batch(log[:5])
    before = await rows(pool)
    await pool.execute(
        """
        create function dies() returns trigger language plpgsql as $$ begin
            perform pg_terminate_backend(pg_backend_pid()); return new;
        end $$
        """
    )
    await pool.execute("create trigger dies after insert on timeline for each row when (new.seq = 9) execute function dies()")
    dying = await projector(pool)
    task = asyncio.create_task(dying.on_batch(log[5:]))
    await asyncio.sleep(0.05)
    assert await rows(pool) == before
    assert await Projection(pool).position() == 5
    await pool.execute("drop trigger dies on timeline")
    await asyncio.wait_for(task, 20)
    assert await Projection(pool).position() == len(log)
    assert await pool.fetchval("select count(*) from timeline") == len(log)


async def test_a_rebuild_from_zero_gives_the_same_rows(pool: asyncpg.Pool) -> None:
    log = recorded(served("C1") + served("C2", at=3) + dialled("C3", at=4))
    working = await projector(pool)
    await working.on_batch(log[:20])
    await working.on_batch(log[20:])
    before = await rows(pool)
    await working.rebuild()
    assert await rows(pool) == []
    await working.on_batch(log[20:])
    assert await rows(pool) == [], "what stands behind the beginning must wait for it"
    assert await working.start() == 0
    await working.on_batch(log)
    assert await rows(pool) == before


async def test_another_process_that_clears_the_tables_makes_the_log_be_followed_anew(pool: asyncpg.Pool) -> None:
    log = recorded(served("C1"))
    working = await projector(pool)
    await working.on_batch(log[:10])
    await Projection(pool).clear()
    await working.on_batch(log[10:])
    assert working.rewound.is_set()
    assert await rows(pool) == []


async def test_a_second_instance_does_not_write_twice(pool: asyncpg.Pool) -> None:
    log = recorded(served("C1"))
    one, two = await projector(pool), await projector(pool)
    await asyncio.gather(one.on_batch(log), two.on_batch(log))
    assert one.position == two.position == len(log)
    assert await pool.fetchval("select count(*) from timeline") == len(log)


async def test_a_poison_event_goes_to_the_dead_letters_and_the_rest_is_written(pool: asyncpg.Pool) -> None:
    store = MemoryStore()
    poison = ("a", call.CallArrived(caller="+1", called="+2", trunk="t", gateway="g", leg_id="l"))
    log = recorded([*served("C1"), (0, poison[0], "main\x00", poison[1]), *served("C2", at=1)])
    await (await projector(pool, store)).on_batch(log)
    records = await pool.fetch("select call_id, access_status from service_record order by call_id")
    assert [tuple(row) for row in records] == [("C1", "answered"), ("C2", "answered")]
    assert [seq for _, seq, _ in store.dead_letters] == [14]
    assert await Projection(pool).position() == len(log)


async def test_a_nul_in_a_callers_number_loses_nothing(pool: asyncpg.Pool) -> None:
    odd = call.CallArrived(caller="+1\x00", called="+2", trunk="t", gateway="g", leg_id="l")
    await (await projector(pool)).on_batch(recorded([(0, "C1", "main", odd)]))
    record = await Records(pool, names).get("main", "C1")
    assert record is not None
    assert record.caller == "+1␀"


async def test_the_database_being_away_only_delays(pool: asyncpg.Pool) -> None:
    """Every connection of the pool is cut in the middle; the batch is written by the next try."""
    log = recorded(served("C1"))
    working = await projector(pool)
    await working.on_batch(log[:4])
    database = await pool.fetchval("select current_database()")
    async with pool.acquire() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()", database
        )
    await working.on_batch(log[4:])
    assert await Projection(pool).position() == len(log)


class Tokens:
    """Signs tokens as console does."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(
            self._key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def header(
        self, role: str, *, tenant: str = "main", agent: str = "", lifetime: float = 60, groups: list[str] | None = None
    ) -> dict[str, str]:
        claims = {"iss": ISSUER, "sub": "someone", "tenant": tenant, "role": role, "agent": agent, "groups": groups or []}
        claims["exp"] = datetime.now(UTC) + timedelta(seconds=lifetime)  # type: ignore[assignment]
        return {"Authorization": f"Bearer {jwt.encode(claims, self._key, algorithm=ALGORITHM)}"}


@pytest_asyncio.fixture
async def api(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Tokens]]:
    log = recorded(
        list(
            itertools.chain(
                served("C1"), served("C2", agent="1002", at=10), served("C3", at=20), served("D1", tenant="other", at=30)
            )
        )
    )
    await (await projector(pool)).on_batch(log)
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "C1.mp3").write_bytes(b"mp3")
    tokens = Tokens()
    parts = Parts(
        records=Records(pool, names),
        verifier=tokens.verifier(),
        accesses=Accesses(pool),
        store=Store(directory=tmp_path, key=b"key"),
        pushes=Pushes(pool),
        mailboxes=Mailboxes(pool),
        states=AgentStates(pool),
        configuration=Configuration.of(
            {"main": [Agent(id="1002", name="Bo", email="b@example.org", sip_user="1002", groups=("tech",))]}
        ),
    )
    app = build_api(parts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://reporting") as client:
        yield client, tokens


@pytest.mark.feature("F240")
async def test_records_are_listed_newest_first_with_total_filters_and_pages(api: tuple[httpx.AsyncClient, Tokens]) -> None:
    client, tokens = api
    admin = tokens.header("admin")
    everything = (await client.get("/v1/records", headers=admin)).json()
    assert (everything["total"], [r["call_id"] for r in everything["records"]]) == (3, ["C3", "C2", "C1"])
    page = (await client.get("/v1/records", headers=admin, params={"limit": 2})).json()
    rest = (await client.get("/v1/records", headers=admin, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [r["call_id"] for r in page["records"] + rest["records"]] == ["C3", "C2", "C1"]
    assert (page["total"], rest["total"], rest["next_cursor"]) == (3, 3, "")
    for parameters, found in (
        ({"agent": "1002"}, ["C2"]),
        ({"status": "queue-abandoned"}, []),
        ({"since": "2026-03-01T08:00:10Z", "until": "2026-03-01T08:00:20Z"}, ["C2"]),
        ({"live": "true"}, []),
    ):
        listed = (await client.get("/v1/records", headers=admin, params=parameters)).json()
        assert [r["call_id"] for r in listed["records"]] == found, parameters
    for parameters, field in (({"cursor": "?"}, "cursor"), ({"limit": 0}, "limit"), ({"since": "yesterday"}, "since")):
        refused = await client.get("/v1/records", headers=admin, params=parameters)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


async def test_calls_that_agents_began_are_for_those_who_had_part_in_them(
    api: tuple[httpx.AsyncClient, Tokens], pool: asyncpg.Pool
) -> None:
    """A call of no group is a supervisor's when one of their agents has part in it."""
    client, tokens = api
    await (await projector(pool)).on_batch(recorded(dialled("E1", at=40), first_seq=100))

    async def seen(header: dict[str, str], **parameters: str) -> list[str]:
        listed = (await client.get("/v1/records", headers=header, params=parameters)).json()
        found = [record["call_id"] for record in listed["records"]]
        for call_id in ("E1",):
            status = (await client.get(f"/v1/records/{call_id}", headers=header)).status_code
            assert status == (200 if call_id in found else 404)
        return found

    assert await seen(tokens.header("admin"), type="outbound") == ["E1"]
    assert await seen(tokens.header("agent", agent="1002")) == ["E1", "C2"]
    assert await seen(tokens.header("agent", agent="1003")) == []
    assert await seen(tokens.header("supervisor", groups=["tech"])) == ["E1"]
    assert await seen(tokens.header("supervisor", groups=["sales"])) == ["C3", "C2", "C1"]
    listed = (await client.get("/v1/records", headers=tokens.header("admin"), params={"type": "outbound"})).json()
    assert [service["agent_id"] for service in listed["records"][0]["services"]] == ["1001", "1002"]


@pytest.mark.feature("F207", "F064", "F275")
async def test_agents_see_and_hear_their_own_and_tenants_never_meet(api: tuple[httpx.AsyncClient, Tokens]) -> None:
    client, tokens = api
    ann, analyst = tokens.header("agent", agent="1001"), tokens.header("analyst")
    assert [r["call_id"] for r in (await client.get("/v1/records", headers=ann)).json()["records"]] == ["C3", "C1"]
    assert (await client.get("/v1/records", headers=ann, params={"agent": "1002"})).status_code == 403
    assert (await client.get("/v1/records/C2", headers=ann)).status_code == 404
    assert (await client.get("/v1/records/C2/recording", headers=ann)).status_code == 404
    assert (await client.get("/v1/records/C1/recording", headers=ann)).content == b"mp3"
    assert (await client.get("/v1/records/C1/recording", headers=analyst)).status_code == 404
    assert (await client.get("/v1/records", headers=tokens.header("reviewer"))).status_code == 403
    for path in ("", "/timeline", "/recording"):
        assert (await client.get(f"/v1/records/D1{path}", headers=tokens.header("admin"))).status_code == 404
    assert (await client.get("/v1/records")).status_code == 401
    assert (await client.get("/v1/records", headers=tokens.header("admin", lifetime=-1))).json()["expired"] is True
    assert (await client.get("/v1/records", headers=Tokens().header("admin"))).status_code == 401, "signed by somebody else"


@pytest.mark.feature("F226")
async def test_supervisors_see_and_hear_the_calls_of_their_groups(api: tuple[httpx.AsyncClient, Tokens]) -> None:
    client, tokens = api
    sales, support = tokens.header("supervisor", groups=["sales", "x"]), tokens.header("supervisor", groups=["support"])
    for headers, total, status in ((sales, 3, 200), (support, 0, 404), (tokens.header("supervisor"), 0, 404)):
        assert (await client.get("/v1/records", headers=headers)).json()["total"] == total
        for path in ("", "/timeline", "/recording"):
            assert (await client.get(f"/v1/records/C1{path}", headers=headers)).status_code == status


async def test_a_timeline_is_the_calls_log(api: tuple[httpx.AsyncClient, Tokens]) -> None:
    client, tokens = api
    story = (await client.get("/v1/records/C1/timeline", headers=tokens.header("admin"))).json()
    assert [row["seq"] for row in story] == list(range(1, 14))
    assert (story[0]["type"], story[-1]["type"]) == ("call.arrived.v1", "call.recording-ready.v1")
    assert story[0]["body"]["caller"] == "+8613900000001"


@pytest.mark.feature("F201")
async def test_a_recording_is_downloaded_as_mp3_and_can_be_sought(api: tuple[httpx.AsyncClient, Tokens]) -> None:
    client, tokens = api
    admin = tokens.header("admin")
    whole = await client.get("/v1/records/C1/recording", headers=admin)
    assert (whole.headers["content-type"], whole.content) == ("audio/mpeg", b"mp3")
    part = await client.get("/v1/records/C1/recording", headers={**admin, "Range": "bytes=1-1"})
    assert (part.status_code, part.content) == (206, b"p")
    assert (await client.get("/v1/records/C3/recording", headers=admin)).status_code == 404, "its file is gone"


async def test_a_path_that_leads_out_of_the_store_is_not_served(
    api: tuple[httpx.AsyncClient, Tokens], pool: asyncpg.Pool, tmp_path: Path
) -> None:
    client, tokens = api
    (tmp_path.parent / "secret.txt").write_text("secret")
    await pool.execute("update service_record set recording_path = '../secret.txt' where call_id = 'C1'")
    assert (await client.get("/v1/records/C1/recording", headers=tokens.header("admin"))).status_code == 404


def test_the_head_of_the_migrations_is_the_newest_version() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "callstream_reporting:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD
