"""The measuring helpers of the benchmarks: what they count, and what they make of it. No figure is judged here."""

import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_events import OfferAnswered
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.queue_events import Decision, OfferMade
from callstream.contracts.states import AgentState
from callstream_local.bench import report, saturated
from callstream_local.bench.decision import decide_often
from callstream_local.bench.figures import p50_p99, percentile, rounded
from callstream_local.bench.free import waits
from callstream_local.bench.machine import core_ms
from callstream_local.bench.parts import PARTS
from callstream_local.bench.processes import (
    Memory,
    Stat,
    cpu_seconds,
    memory,
    parse_smaps,
    parse_stat,
    tree,
    used_between,
)
from callstream_local.bench.projection import story_of_calls
from callstream_local.bench.table import table
from callstream_local.bench.targets import ROWS, Row
from callstream_local.cli import app

T0 = datetime(2026, 1, 1, 8, tzinfo=UTC)


# percentiles


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        (list(map(float, range(1, 101))), 0.50, 50.0),
        (list(map(float, range(1, 101))), 0.99, 99.0),
        (list(map(float, range(1, 101))), 1.0, 100.0),
        (list(map(float, range(1, 102))), 0.99, 100.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], share: float, wanted: float) -> None:
    assert percentile(values, share) == wanted


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_p50_and_p99_sort_by_themselves() -> None:
    assert p50_p99([3.0, 1.0, 2.0]) == {"p50": 2.0, "p99": 3.0}


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.0, 0.0), (12345.6, 12346.0), (12.345, 12.3), (1.2345, 1.23), (0.0012345, 0.00123), (-1.2345, -1.23)]
)
def test_three_digits_are_kept(value: float, wanted: float) -> None:
    assert rounded(value) == wanted


def test_what_is_no_number_stays() -> None:
    assert math.isinf(rounded(math.inf))


# processor time and memory


def test_a_name_may_hold_parentheses_and_spaces() -> None:
    line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 30 20 20 0 1 0 100 0 0\n"
    ticks = os.sysconf("SC_CLK_TCK")
    assert parse_stat(line) == Stat(42, 7, 200 / ticks, 50 / ticks)


def test_a_tree_holds_all_descendants_and_nobody_else() -> None:
    stats = {pid: Stat(pid, parent, 0, 0) for pid, parent in ((1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (21, 20))}
    assert sorted(tree(10, stats)) == [10, 11, 12]
    assert tree(99, stats) == []


def test_what_was_used_is_the_difference_and_a_restart_counts_from_zero() -> None:
    used = used_between({"a": 1.0, "b": 5.0}, {"a": 3.5, "b": 0.5, "c": 1.0})
    assert used == {"a": 2.5, "c": 1.0, "b": 0.5}
    assert list(used) == ["a", "c", "b"], "the greatest first"


BURN = "import time\nwhile time.process_time() < 0.2: pass\n"
BURN_AND_STAY = BURN + "print(flush=True)\ntime.sleep(60)\n"
FAMILY = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
living = subprocess.Popen([sys.executable, "-c", {BURN_AND_STAY!r}], stdout=subprocess.PIPE)
living.stdout.readline()
print(flush=True)
sys.stdin.readline()
living.kill()
"""


def test_children_are_counted_living_and_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        parent.stdout.readline()
        whole = cpu_seconds({"family": parent.pid})
        split = cpu_seconds({"family": parent.pid}, {"family": "children"})
        held = memory({"family": parent.pid})["family"]
        parent.stdin.write(b"\n")
        parent.stdin.flush()
    assert whole["family"] >= 0.4 - 2 / os.sysconf("SC_CLK_TCK")
    assert split["children"] >= 0.4 - 2 / os.sysconf("SC_CLK_TCK")
    assert split["family"] < whole["family"]
    assert 0 < held.own_mb < held.pss_mb <= held.rss_mb
    assert cpu_seconds({"family": parent.pid}) == {"family": 0}, "gone"


def test_memory_is_read_and_added() -> None:
    lines = (
        "5581-7ffd ---p 00000000 00:00 0    [rollup]",
        "Rss: 2000 kB",
        "Pss: 1000 kB",
        "Pss_Anon: 400 kB",
        "Pss_Shmem: 100 kB",
    )
    text = "\n".join(lines)
    one = parse_smaps(text)
    assert one == Memory(1.024, 2.048, 0.512)
    assert one + one - one == one


# the report


def test_a_part_updates_its_own_keys_only(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    report.update("sip", {"sip_parse_per_s": 1.0}, {"cores": 2}, path)
    report.update("append", {"append_ratio": 0.9}, {"cores": 2}, path)
    now = report.update("sip", {"sip_parse_per_s": 3.0}, {"cores": 4}, path)
    assert json.loads(path.read_text()) == now
    assert (now["sip_parse_per_s"], now["append_ratio"], now["machine"]) == (3.0, 0.9, {"cores": 4})
    assert set(now["measured_at"]) == {"sip", "append"}


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"measured_at": 7}'])
def test_a_broken_report_is_written_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(content)
    assert report.update("sip", {"sip_parse_per_s": 1.0}, {}, path)["sip_parse_per_s"] == 1.0


@pytest.mark.parametrize(
    ("row", "value", "met"),
    [
        (Row("x", "", at_most=2), 2.0, True),
        (Row("x", "", at_most=2), 2.1, False),
        (Row("x", "", at_least=2), 1.9, False),
        (Row("x", "", at_least=2), 2.0, True),
        (Row("x", ""), 2.0, None),
    ],
)
def test_a_target_is_met_or_missed(row: Row, value: float, met: bool | None) -> None:
    assert row.is_met(value) is met


def test_a_row_takes_its_field() -> None:
    row = Row("free", "", field="p99", at_most=100)
    assert row.value({"free": {"p50": 1.0, "p99": 7.0}}) == 7.0
    assert row.value({"free": 3.0}) is None
    assert row.value({}) is None


def test_the_table_shows_what_was_measured() -> None:
    found = {"append_ratio": 0.9, "start_s": 3.0, "machine": {"cores": 2}}
    shown = table(found, {"append_ratio"})
    assert shown.row_count == 1


def test_every_target_belongs_to_a_key_of_some_part() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)
    assert sum(part.seconds for part in PARTS if not part.asked_for) < 720
    assert len({(row.key, row.field) for row in ROWS}) == len(ROWS)


def test_a_part_that_there_is_not_is_refused() -> None:
    said = CliRunner().invoke(app, ["bench", "--only", "tea"])
    assert said.exit_code == 2
    assert "there is no part 'tea'" in said.output


# from free to offer and INVITE


def at(seconds: float, aggregate_id: str, event: Event) -> Recorded:
    moment = T0 + timedelta(seconds=seconds)
    return Recorded(seq=1, id="e", tenant="t", aggregate=event.AGGREGATE, aggregate_id=aggregate_id, time=moment, event=event)


def idle(seconds: float, agent: str) -> Recorded:
    changed = AgentStateChanged(state=AgentState.IDLE, previous=AgentState.WRAP_UP, cause="wrap-up-timer", actor="system")
    return at(seconds, agent, changed)


def offer(seconds: float, agent: str) -> Recorded:
    decision = Decision(rule="", rule_version=1, group_id="", waited_ms=0, ahead=0, eligible=1, candidates=())
    made = OfferMade(offer_id="o", call_id="c", gateway="g", agent_id=agent, ring_deadline=T0, decision=decision)
    return at(seconds, f"request-{seconds}", made)


def test_each_time_of_being_free_counts_once_and_only_while_somebody_waits() -> None:
    log = [
        idle(0, "1"),
        offer(1, "1"),  # the first offer: the clock starts; the agent was free before there was a caller
        idle(6, "1"),
        idle(6, "2"),
        offer(6.020, "1"),
        offer(6.040, "2"),
        offer(6.500, "1"),  # once more without having been free anew: a second try
        idle(99, "1"),
        offer(99.5, "1"),  # after the last caller was placed
    ]
    rang = [("1", (T0 + timedelta(seconds=6.030)).timestamp()), ("unknown", T0.timestamp())]
    offers, invites = waits(log, rang, 20.0)
    assert [round(ms) for ms in offers] == [20, 40]
    assert [round(ms) for ms in invites] == [30]
    assert waits([idle(0, "1")], rang, 20.0) == ([], [])


# the made-up work is real work


def test_decisions_are_taken_on_the_real_board() -> None:
    took = decide_often(20)
    assert len(took) == 20
    assert all(microseconds > 0 for microseconds in took)


def test_the_story_of_calls_is_a_log() -> None:
    story = [recorded for recorded, _ in zip(story_of_calls(), range(100), strict=False)]
    assert [recorded.seq for recorded in story] == list(range(1, 101))
    assert len({recorded.id for recorded in story}) == 100
    assert {recorded.aggregate for recorded in story} == {"call", "ivr", "queue", "agent"}


def test_answers_a_second_leave_out_the_beginning_and_what_comes_behind_the_end() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    event = OfferAnswered(offer_id="o", request_id="r", agent_id="1", leg_id="l")

    def at(second: float) -> Recorded:
        moment = begin + timedelta(seconds=second)
        return Recorded(seq=1, id="e", tenant="t", aggregate="call", aggregate_id="c", time=moment, event=event)

    answers = [at(s) for s in (0, 3.9, 4, 5, 6, 7, 9.9, 10, 12)]
    assert saturated.answers_per_s(answers, seconds=10) == pytest.approx(5 / 6)
    assert saturated.answers_per_s([], seconds=10) == 0


def test_each_core_is_timed_and_we_may_use_all_of_them_afterwards() -> None:
    allowed = os.sched_getaffinity(0)
    found = core_ms()
    assert len(found) == len(allowed)
    assert min(found) > 0
    assert os.sched_getaffinity(0) == allowed
