"""Agents' states as rows, their log over HTTP, and attendance whose seconds add up."""

import csv
import io
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.config import Agent, Settings
from callstream.contracts.envelope import Recorded
from callstream.contracts.states import AgentState
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.accesses import Accesses
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.mailboxes import Mailboxes
from callstream_reporting.adapters.projection import Projection
from callstream_reporting.adapters.pushes import Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import Records
from callstream_reporting.api import Parts, build_api
from callstream_reporting.domain.agent_log import StateRow, fold_states
from callstream_reporting.domain.attendance import Day, attendance

from .test_projection import Tokens, names, pool, projector  # noqa: F401

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
Change = tuple[float, str, str] | tuple[float, str, str, str]
"""(seconds after T0, agent, state, break reason)"""


def log(changes: list[Change], tenant: str = "main", first_seq: int = 1) -> list[Recorded]:
    return [
        Recorded(
            seq=seq,
            id=f"{tenant}{seq}",
            tenant=tenant,
            aggregate="agent",
            aggregate_id=agent,
            time=T0 + timedelta(seconds=seconds),
            event=AgentStateChanged(
                state=AgentState(state),
                previous=AgentState.OFFLINE,
                cause="chosen",
                actor=f"user-{agent}",
                reason=reason[0] if reason else "",
            ),
        )
        for seq, (seconds, agent, state, *reason) in enumerate(changes, first_seq)
    ]


DAY: list[Change] = [
    (0, "1001", "idle"),
    (10.4, "1001", "ringing"),
    (12.7, "1001", "busy"),
    (5, "1002", "busy-set"),
    (100.2, "1001", "wrap-up"),
    (110.2, "1001", "idle"),
    (200, "1001", "break", "meal"),
    (500.9, "1001", "break", "training"),
    (600, "1001", "offline"),
    (700, "1001", "idle"),
    (900, "1001", "offline"),
    (901, "1002", "offline"),
]


# rows


def spans(rows: list[StateRow], agent: str) -> list[tuple[str, float, float | None]]:
    own = sorted((row for row in rows if row.agent_id == agent), key=lambda row: row.seq)
    return [(row.state, (row.since - T0).total_seconds(), (row.until - T0).total_seconds() if row.until else None) for row in own]


@pytest.mark.feature("F063")
def test_each_change_ends_the_row_before_and_begins_one() -> None:
    rows = fold_states({}, log(DAY[:5]))
    assert spans(rows, "1001") == [("idle", 0, 10.4), ("ringing", 10.4, 12.7), ("busy", 12.7, 100.2), ("wrap-up", 100.2, None)]
    assert spans(rows, "1002") == [("busy-set", 5, None)]


def test_a_clock_that_runs_backwards_leaves_no_gap_and_no_overlap() -> None:
    rows = fold_states({}, log([(10, "1001", "idle"), (8, "1001", "busy-set"), (20, "1001", "idle")]))
    assert spans(rows, "1001") == [("idle", 10, 10), ("busy-set", 10, 20), ("idle", 20, None)]


async def test_every_split_of_the_log_and_a_rebuild_give_the_same_rows(pool: asyncpg.Pool) -> None:  # noqa: F811
    events = log(DAY)
    expected = None
    for cut in range(len(events) + 1):
        await Projection(pool).clear()
        first = await projector(pool)
        await first.on_batch(events[:cut])
        await (await projector(pool)).on_batch(events[max(0, cut - 2) :])
        rows = [tuple(row) for row in await pool.fetch("select * from agent_state order by tenant, agent_id, seq")]
        expected = expected or rows
        assert rows == expected, f"cut at {cut}"
    assert len(expected or []) == len(DAY)


# attendance


def table(rows: list[StateRow], since: datetime, until: datetime, zone: ZoneInfo = SHANGHAI) -> list[Day]:
    return attendance(rows, since, until, zone)


@pytest.mark.feature("F070")
def test_the_seconds_of_the_states_are_the_online_time() -> None:
    ann, bob = table(fold_states({}, log(DAY)), T0 - timedelta(days=1), T0 + timedelta(days=1))
    assert (ann.agent_id, ann.online_s, sum(ann.states.values())) == ("1001", 800, 800)
    assert ann.states == {"idle": 10 + 90 + 200, "ringing": 2, "busy": 88, "wrap-up": 10, "break": 400}
    assert ann.breaks == {"meal": 300, "training": 100}
    assert (bob.agent_id, bob.states) == ("1002", {"busy-set": 896})


@pytest.mark.feature("F070")
def test_a_night_shift_counts_in_both_days_of_the_tenants_time_zone() -> None:
    midnight = datetime(2026, 3, 2, 0, 0, tzinfo=SHANGHAI)
    before = (midnight - T0).total_seconds()
    rows = fold_states({}, log([(before - 3600, "1001", "idle"), (before + 1800, "1001", "offline")]))
    days = table(rows, T0, T0 + timedelta(days=3))
    assert [(day.day.isoformat(), day.online_s) for day in days] == [("2026-03-01", 3600), ("2026-03-02", 1800)]


def test_what_goes_on_counts_up_to_the_end_of_the_period_only() -> None:
    rows = fold_states({}, log([(0, "1001", "idle")]))
    (day,) = table(rows, T0 + timedelta(seconds=10), T0 + timedelta(seconds=70))
    assert (day.online_s, day.first, day.last) == (60, int(T0.timestamp()) + 10, int(T0.timestamp()) + 70)


@pytest.mark.feature("F070")
@given(
    st.lists(
        st.tuples(st.floats(0, 200_000), st.sampled_from(["1", "2"]), st.sampled_from([s.value for s in AgentState])), max_size=40
    ),
    st.floats(1, 300_000),
)
def test_any_history_adds_up(changes: list[tuple[float, str, str]], length: float) -> None:
    rows = fold_states({}, log(sorted(changes)))
    for day in table(rows, T0, T0 + timedelta(seconds=length)):
        assert sum(day.states.values()) == day.online_s <= 86_400
        assert sum(day.breaks.values()) == day.states.get("break", 0)
        assert day.last - day.first >= day.online_s


# HTTP


@pytest_asyncio.fixture
async def client(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Tokens]]:  # noqa: F811
    await (await projector(pool)).on_batch(log(DAY) + log([(0, "1001", "idle")], "other", 100))
    agents = [("1001", "=Ann", "sales"), ("1002", "Bob", "help")]
    documents = [Agent(id=i, name=n, email="a@b", groups=(g,), sip_user=i) for i, n, g in agents]
    tokens = Tokens()
    parts = Parts(
        records=Records(pool, names),
        verifier=tokens.verifier(),
        accesses=Accesses(pool),
        store=Store(directory=tmp_path, key=b"key"),
        pushes=Pushes(pool),
        mailboxes=Mailboxes(pool),
        states=AgentStates(pool),
        configuration=Configuration.of({"main": [Settings(), *documents]}),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build_api(parts)), base_url="http://reporting") as made:
        yield made, tokens


WHOLE = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"}


@pytest.mark.feature("F063", "F223")
async def test_the_log_of_an_agent_in_a_time_range(client: tuple[httpx.AsyncClient, Tokens]) -> None:
    http, tokens = client
    ann = tokens.header("agent", agent="1001")
    told: list[dict[str, Any]] = (await http.get("/v1/agents/me/states", headers=ann, params=WHOLE)).json()
    assert [each["state"] for each in told] == [state for _, agent, state, *_ in DAY if agent == "1001"]
    assert (told[5]["reason"], told[5]["actor"], told[5]["cause"]) == ("meal", "user-1001", "chosen")
    assert all(one["to"] == other["from"] for one, other in itertools.pairwise(told))
    part = {"since": "2026-03-01T08:00:11Z", "until": "2026-03-01T08:00:13Z"}
    told = (await http.get("/v1/agents/1001/states", headers=ann, params=part)).json()
    assert [each["state"] for each in told] == ["ringing", "busy"], "what reaches into the range"


@pytest.mark.feature("F063", "F226")
async def test_who_may_read_whose_states(client: tuple[httpx.AsyncClient, Tokens]) -> None:
    http, tokens = client
    boss = tokens.header("supervisor", groups=["sales"])
    for headers, agent, status in (
        (tokens.header("agent", agent="1001"), "1002", 403),
        (boss, "1001", 200),
        (boss, "1002", 403),
        (tokens.header("supervisor"), "1001", 403),
        (tokens.header("admin"), "1002", 200),
        (tokens.header("reviewer"), "1001", 403),
    ):
        assert (await http.get(f"/v1/agents/{agent}/states", headers=headers, params=WHOLE)).status_code == status
    seen = (await http.get("/v1/attendance.csv", headers=boss, params=WHOLE)).text
    assert ("1001" in seen, "1002" in seen) == (True, False)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "until"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"}, "until"),
        ({"since": "yesterday", "until": "2026-03-01T00:00:00Z"}, "since"),
        ({"since": "2026-03-01T00:00:00Z"}, "until"),
    ],
)
async def test_a_wrong_range_is_refused_by_its_field(
    client: tuple[httpx.AsyncClient, Tokens], params: dict[str, str], field: str
) -> None:
    http, tokens = client
    for path in ("/v1/agents/1001/states", "/v1/attendance.csv"):
        refused = await http.get(path, headers=tokens.header("admin"), params=params)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


@pytest.mark.feature("F070")
async def test_attendance_is_a_table_with_a_line_for_each_agent_and_day(client: tuple[httpx.AsyncClient, Tokens]) -> None:
    http, tokens = client
    response = await http.get("/v1/attendance.csv", headers=tokens.header("admin"), params=WHOLE)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    ann, bob = csv.DictReader(io.StringIO(response.text))
    assert (ann["agent"], ann["name"], ann["day"]) == ("1001", "'=Ann", "2026-03-01"), "no formula in a spreadsheet"
    assert (ann["first_online"], ann["last_online"]) == ("2026-03-01T16:00:00+08:00", "2026-03-01T16:15:00+08:00")
    states = [int(ann[f"{state}_s"]) for state in AgentState if state is not AgentState.OFFLINE]
    assert sum(states) == int(ann["online_s"]) == 800
    assert (ann["breaks"], bob["breaks"], bob["online_s"]) == ("meal 300; training 100", "", "896")
