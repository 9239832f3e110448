"""What people give the lab is checked, and every refusal names the field. The commands from end to end, on files."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callstream.contracts.states import AgentState
from callstream_local.cli import app
from callstream_local.lab.errors import LabError
from callstream_local.lab.export import export_lines
from callstream_local.lab.generate import Plan, generated, generated_policy, read_plan
from callstream_local.lab.measure import read_service_level
from callstream_local.lab.policy import changed
from callstream_local.lab.simulate import simulate
from callstream_local.lab.source import of_tenant, read_span

from .scene import NINE, contact, policy, workload

BASE = policy(sales=["1001", "1002", "2001"], support=["2001"])


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"grups": []}, "grups: is no section"),
        ({"groups": {}}, "groups: a list"),
        ({"groups": [{"name": "x"}]}, r"groups\[0\].id: is needed"),
        ({"groups": [{"id": "sales", "level": 77}]}, r"groups\[0\]: .*level"),
        ({"groups": [{"id": "sales", "lewel": 1}]}, r"groups\[0\]: .*lewel"),
        ({"groups": [{"id": "sales", "overflow": ["nobody"]}]}, r"groups\[sales\].overflow: there is no group 'nobody'"),
        ({"agents": [{"id": "1001", "groups": ["sale"]}]}, r"agents\[1001\].groups: there is no group 'sale'"),
        ({"agents": [{"id": "3*", "groups": []}]}, r"agents\[0\].id: no agent matches '3\*'"),
        ({"agents": ["1001"]}, r"agents\[0\].id"),
        ({"settings": {"ring_timeout_s": 91}}, "settings: .*ring_timeout_s"),
        ({"settings": {"ring_timeout_s": "soon"}}, "settings: .*ring_timeout_s"),
        ({"settings": 5}, "settings: a mapping"),
        ({"customers": [{"number": "+8613800000000", "type": "vip"}]}, r"customers\[\+8613800000000\].type: .*'vip'"),
    ],
)
def test_a_bad_policy_is_refused(wanted: dict[str, Any], named: str) -> None:
    with pytest.raises(LabError, match=named):
        changed(BASE, wanted)


def test_a_policy_changes_what_it_names_and_nothing_else() -> None:
    made = changed(
        BASE,
        {
            "settings": {"wrap_up_s": 5},
            "groups": [{"id": "night"}],
            "agents": [{"id": "1*", "groups": ["sales", "night"]}, {"id": "3001", "groups": ["night"], "phone": {"user": "x"}}],
            "flows": [{"id": "whatever"}],
        },
    )
    assert made.settings == type(made.settings)(wrap_up_s=5)
    assert [group.id for group in made.groups] == ["sales", "support", "night"]
    assert {agent.id: agent.groups for agent in made.agents} == {
        "1001": ("sales", "night"),
        "1002": ("sales", "night"),
        "2001": ("sales", "support"),
        "3001": ("night",),
    }
    assert changed(BASE, {}) == BASE


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("calls", "generate.calls: should be KEY=VALUE"),
        ("calls=", "generate.calls"),
        ("calls=many", "generate.calls"),
        ("calls=0", "generate.calls"),
        ("calls=1,calls=2", "generate.calls: stands there twice"),
        ("cals=5", "generate.cals: is unknown; possible are calls"),
        ("missed=1", "generate.missed"),
        ("hours=20-8", "generate.hours"),
        ("hours=all", "generate.hours"),
        ("profile=1:x", "generate.profile"),
        ("profile=0:0", "generate.profile"),
        ("talk_shape=normal", "generate.talk_shape"),
        ("groups=2,skills=3", "generate.skills: there are only 2 groups"),
    ],
)
def test_a_bad_plan_is_refused(text: str, named: str) -> None:
    with pytest.raises(LabError, match=named):
        read_plan(text)


def test_a_plan_is_met() -> None:
    """Number of calls, their profile over the day, their groups, and who works where."""
    plan = read_plan("calls=20000, agents=6,groups=3,skills=2,hours=8-12,profile=1:0:3,patience=0,talk=50,talk_shape=fixed")
    made = generated(plan, datetime(2026, 1, 5, tzinfo=UTC), 1, 0)
    seconds = [(contact.at - made.begin).total_seconds() for contact in made.contacts]
    assert seconds == sorted(seconds)
    assert len(seconds) == pytest.approx(20_000, rel=0.03)
    third = 4 * 3600 / 3
    assert sum(second < third for second in seconds) == pytest.approx(5000, rel=0.06)
    assert not [second for second in seconds if third <= second < 2 * third]
    assert {contact.talk_s for contact in made.contacts} == {50.0}
    shares = [sum(contact.asked.group_id == group for contact in made.contacts) / len(seconds) for group in ("g1", "g2", "g3")]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)
    assert [agent.groups for agent in generated_policy(plan).agents][:3] == [("g1", "g2"), ("g2", "g3"), ("g3", "g1")]


@pytest.mark.parametrize("text", ["", "2026-01-01", "x..", "..2026-13-01", "2026-01-02..2026-01-01", "2026-01-01..2026-01-01"])
def test_a_bad_span_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="events: "):
        read_span(text)


def test_a_span_may_be_open_and_without_a_zone_is_utc() -> None:
    assert read_span("..") == (None, None)
    assert read_span("2026-01-05T09:00..") == (NINE, None)
    assert read_span("..2026-01-05T17:00+08:00") == (None, NINE)


@pytest.mark.parametrize("text", ["80", "0/20", "101/20", "80/x", "80/-1"])
def test_a_bad_service_level_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="service-level: "):
        read_service_level(text)


def test_the_tenant_must_be_clear() -> None:
    events = simulate(workload(contact("a", 1)), BASE, keep_log=True).log
    assert of_tenant(events, "") == list(events)
    with pytest.raises(LabError, match="tenant: the log holds no event of 'acme'"):
        of_tenant(events, "acme")
    with pytest.raises(LabError, match="tenant: the log is empty"):
        of_tenant([], "")


# the commands


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A recorded day (`log.jsonl`) and a policy (`policy.yaml`)."""
    plan = Plan(calls=300, agents=6, groups=2, hours="9-11", patience=60)
    base = generated_policy(plan)
    run = simulate(generated(plan, NINE.replace(hour=0), 2, 0), base, keep_log=True)
    assert any(person.spent.get(AgentState.BUSY) for person in run.people)
    (tmp_path / "log.jsonl").write_bytes(b"".join(export_lines(base, run.log)))
    (tmp_path / "policy.yaml").write_text('agents: [{id: "a*", groups: [g1, g2]}]\n')
    return tmp_path


def told(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    return result.exit_code, result.output


def test_simulate_generated(files: Path) -> None:
    out = files / "out.json"
    arguments = ("simulate", "--generate", "calls=240,agents=5,groups=2,hours=9-11", "--policy", files / "policy.yaml")
    code, said = told(*arguments, "--replications", "3", "--json", out, "--service-level", "90/30")
    assert code == 0, said
    assert "3 days, seed 1, goal 90/30" in said
    assert "within 30 s" in said
    assert "by group" in said
    found = json.loads(out.read_text())
    assert set(found["outcomes"]) == {"", "g1", "g2"}
    assert found["outcomes"][""]["service_level"]["difference"]["low"] > 0, "agents who serve both groups can only help"
    assert len(found["runs"][""]) == 3
    once = out.read_bytes()
    told(*arguments, "--replications", "3", "--json", out, "--service-level", "90/30")
    assert out.read_bytes() == once


def test_simulate_recorded(files: Path) -> None:
    log = files / "log.jsonl"
    code, said = told("simulate", "--log", log, "--policy", files / "policy.yaml", "--replications", "2", "--events", "..")
    assert code == 0, said
    assert "run again as it was" in said
    assert "waits within 0.00 s" in said


def test_shadow_recorded(files: Path) -> None:
    out = files / "shadow.json"
    code, said = told("shadow", "--log", files / "log.jsonl", "--policy", files / "policy.yaml", "--json", out)
    assert code == 0, said
    found = json.loads(out.read_text())
    total = found["sum"]
    assert 0 < total["agreed"] < total["offers"] == len(found["verdicts"])
    assert total["shadow_wait_s"] < total["live_wait_s"]
    assert said.count("shadow: ") >= total["offers"] - total["agreed"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "events: name either"),
        (("--events", "..", "--generate", "calls=1"), "events: name either"),
        (("--events", "yesterday"), "events: 'yesterday' should be FROM..TO"),
        (("--generate", "foo=1"), "generate.foo"),
        (("--log", "/nowhere.jsonl"), "log: "),
        (("--generate", "calls=9", "--service-level", "x"), "service-level"),
        (("--events", ".."), "nothing runs on"),
    ],
)
def test_refusals_of_the_command(files: Path, arguments: tuple[str, ...], named: str) -> None:
    code, said = told("simulate", "--policy", files / "policy.yaml", "--data", files / "none", *arguments)
    assert code == 1
    assert named in said


def test_a_policy_file_that_cannot_be_read(files: Path) -> None:
    (files / "bad.yaml").write_text("- 5")
    assert told("simulate", "--policy", files / "bad.yaml", "--generate", "calls=9") == (
        1,
        f"policy: {files / 'bad.yaml'}: a mapping with settings, groups or agents is needed\n",
    )
    code, said = told("shadow", "--policy", files / "missing.yaml")
    assert (code, said.startswith("policy: ")) == (1, True)
