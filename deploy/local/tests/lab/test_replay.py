"""A recorded day run again under the recorded policy is the recorded day; the log alone is enough for that."""

from datetime import timedelta
from math import inf
from pathlib import Path

import pytest

from callstream.contracts.agent_events import AgentPresenceChanged, AgentStateChanged
from callstream.contracts.call_events import CallDialled
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import AgentState, Presence
from callstream.kernel.outcomes import RequestOutcome
from callstream_local.lab.errors import LabError
from callstream_local.lab.export import export_lines, read_export
from callstream_local.lab.fidelity import fidelity
from callstream_local.lab.generate import generated_policy
from callstream_local.lab.policy import Policy, changed
from callstream_local.lab.record import Record, read_record
from callstream_local.lab.replay import as_it_was, like_it, material
from callstream_local.lab.shadow import Shadow
from callstream_local.lab.simulate import Run, simulate
from callstream_local.lab.traffic import Ring, RingEnd

from .scene import BUSY, NINE, at, busy_day, contact, fates, policy, working, workload

SETTINGS = {"settings": {"ring_timeout_s": 9, "missed_policy": "break-after", "missed_limit": 2, "wrap_up_s": 12}}


@pytest.fixture(scope="module")
def recorded() -> tuple[Policy, Run]:
    """A day with missed offers, breaks by policy and by choice, early ends of wrap-up, and who gives up."""
    base = changed(generated_policy(BUSY), SETTINGS)
    return base, simulate(busy_day(), base, keep_log=True)


def test_the_same_policy_gives_the_recorded_waits(recorded: tuple[Policy, Run]) -> None:
    base, run = recorded
    given = material(read_record(run.log), base)
    again = fates(simulate(as_it_was(given, 1), base))
    answered = abandoned = 0
    for name, fate in fates(run).items():
        assert again[name].outcome is fate.outcome, name
        assert again[name].waited_s == pytest.approx(fate.waited_s, abs=0.01), name
        assert again[name].agent_id == fate.agent_id, name
        answered += fate.outcome is RequestOutcome.ANSWERED
        abandoned += fate.outcome is RequestOutcome.ABANDONED
    assert min(answered, abandoned) > 150
    found = fidelity(given, base, 1)
    assert found.contacts == answered
    assert found.error_s == pytest.approx(0, abs=0.002)


def test_another_policy_gives_other_waits(recorded: tuple[Policy, Run]) -> None:
    """So that the test above could fail."""
    base, run = recorded
    given = material(read_record(run.log), base)
    other = changed(base, {"agents": [{"id": "a000[1-3]", "groups": []}]})
    assert fidelity(given, other, 1).replayed_wait_s > 1.2 * fidelity(given, other, 1).recorded_wait_s


def test_a_day_like_it_keeps_moments_and_draws_the_rest(recorded: tuple[Policy, Run]) -> None:
    base, run = recorded
    given = material(read_record(run.log), base)
    one, same, other = like_it(given, 1, 0), like_it(given, 1, 0), like_it(given, 1, 1)
    assert one == same
    assert [c.at for c in one.contacts] == [c.at for c in other.contacts] == [past.at for past in given.contacts]
    assert [c.talk_s for c in one.contacts] != [c.talk_s for c in other.contacts]
    seen = {past.talk_s for past in given.contacts}
    assert {c.talk_s for c in one.contacts} <= seen
    assert all(c.rings[-1].how is RingEnd.ANSWERED for c in one.contacts)


def test_the_patience_of_the_record_is_the_patience_that_made_it(recorded: tuple[Policy, Run]) -> None:
    """Mean 60 s, though nobody was seen to wait so long on average."""
    fit = material(read_record(recorded[1].log), recorded[0]).patience
    assert 1 / fit.rate == pytest.approx(60, rel=0.2)


def test_a_record_of_one_call_holds_what_was_seen() -> None:
    run = simulate(
        workload(contact("a", 5, talk=40, wrap=3, rings=(Ring(0, RingEnd.SILENT), Ring(2))), contact("b", 6, patience=4)),
        changed(policy(sales=["1001"]), {"settings": {"ring_timeout_s": 7}}),
        keep_log=True,
    )
    record = read_record(run.log)
    a, b = record.contacts
    assert (a.waited_s, a.talk_s, a.wrap_s, a.agent_id) == (9.0, 40.0, 3.0, "1001")
    assert a.rings == [Ring(7.0, RingEnd.SILENT), Ring(2.0)]
    assert (b.outcome, b.waited_s, b.talk_s, b.rings) == (RequestOutcome.ABANDONED, 4.0, None, [])
    assert [(step.at, step.state) for step in record.plans["1001"]] == [(NINE, AgentState.IDLE)]


def test_only_the_span_is_measured_but_an_hour_before_it_is_simulated(recorded: tuple[Policy, Run]) -> None:
    base, run = recorded
    begin, end = NINE + timedelta(hours=1, minutes=20), NINE + timedelta(hours=1, minutes=50)
    given = material(read_record(run.log), base, begin, end)
    assert min(past.at for past in given.contacts) >= begin - timedelta(hours=1)
    assert max(past.at for past in given.contacts) < end
    found = fidelity(given, base, 1)
    assert 0 < found.contacts < len(given.contacts)
    assert found.replayed_wait_s == pytest.approx(found.recorded_wait_s, rel=0.1)


def test_a_log_survives_its_file(recorded: tuple[Policy, Run], tmp_path: Path) -> None:
    base, run = recorded
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(export_lines(base, run.log)))
    kept, events = read_export(file)
    assert kept == base
    assert [(r.seq, r.time, r.aggregate_id, r.event) for r in events] == [
        (r.seq, r.time, r.aggregate_id, r.event) for r in run.log
    ]


GOOD = b'{"seq":1,"tenant":"t","type":"call.ended.v1","aggregate_id":"c","time":"2026-01-05T09:00:00Z","body":%s}\n'
BODY = b'{"reason":"normal","party":"agent"}'


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"nonsense\n", "line 2"),
        (GOOD % b'{"reason":"normal"}', "party"),
        (GOOD % b'{"reason":"boredom","party":"agent"}', "reason"),
        ((GOOD % BODY).replace(b"call.ended.v1", b"call.exploded.v1"), "call.exploded.v1"),
        ((GOOD % BODY).replace(b'"seq":1', b'"seq":"x"'), "seq"),
        ((GOOD % BODY).replace(b"00Z", b"00"), "time"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, named: str) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(GOOD % BODY + line)
    with pytest.raises(LabError, match="line 2") as refused:
        read_export(file)
    assert named in str(refused.value)


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(LabError, match="no request for an agent"):
        material(Record(), Policy())
    base = policy(sales=[], other=["1001"])
    run = simulate(workload(contact("a", 5, patience=3)), base, keep_log=True)
    with pytest.raises(LabError, match="handle times"):
        material(read_record(run.log), base)
    with pytest.raises(LabError, match=r"events: no agent was requested from 2026-01-05T10"):
        material(read_record(run.log), base, at(3600), at(7200))


def test_a_caller_whom_nobody_lost_may_wait_for_ever() -> None:
    base = policy(sales=["1001"])
    run = simulate(workload(contact("a", 5)), base, keep_log=True)
    made = as_it_was(material(read_record(run.log), base), 1)
    assert made.contacts[0].patience_s == inf


def test_a_wish_in_a_call_and_a_forced_sign_out_are_plans() -> None:
    def told(seq: int, second: float, **fields: object) -> Recorded:
        event = AgentStateChanged(**{"previous": AgentState.IDLE, "actor": "boss", **fields})  # type: ignore[arg-type]
        return Recorded(seq=seq, id=f"e{seq}", tenant="t", aggregate="agent", aggregate_id="1001", time=at(second), event=event)

    record = read_record(
        [
            told(1, 0, state=AgentState.IDLE, cause="sign-in"),
            told(2, 5, state=AgentState.RINGING, cause="reserved"),
            told(3, 9, state=AgentState.IDLE, cause="caller-left"),
            told(4, 12, state=AgentState.OFFLINE, cause="forced"),
        ]
    )
    assert record.plans == {"1001": [working(0), working(12, AgentState.OFFLINE)]}


def test_an_agent_who_dials_is_away_until_they_are_done() -> None:
    """Whatever brought them back: the simulation has no calls that agents begin."""
    story = (
        (0, AgentState.IDLE, "sign-in"),
        (5, AgentState.BUSY, "seized"),
        (20, AgentState.WRAP_UP, "call-ended"),
        (30, AgentState.IDLE, "wrap-up-timer"),
        (40, AgentState.BUSY, "seized"),
        (50, AgentState.IDLE, "not-reached"),
        (60, AgentState.RINGING, "reserved"),
        (61, AgentState.IDLE, "caller-left"),
    )
    log = [
        Recorded(
            seq=seq,
            id=str(seq),
            tenant="main",
            aggregate="agent",
            aggregate_id="1001",
            time=at(second),
            event=AgentStateChanged(state=state, previous=AgentState.IDLE, cause=cause, actor="system"),
        )
        for seq, (second, state, cause) in enumerate(story, 1)
    ]
    away = AgentState.BUSY_SET
    assert read_record(log).plans["1001"] == [working(0), working(5, away), working(30), working(40, away), working(50)]


def test_who_never_signed_in_does_not_work_but_a_new_agent_does() -> None:
    run = simulate(workload(contact("a", 0, talk=100), contact("b", 1)), policy(sales=["1001"]), keep_log=True)
    asleep = policy(sales=["1001", "1002"])
    given = material(read_record(run.log), asleep)
    assert fates(simulate(as_it_was(given, 1), asleep))["b"].waited_s == 99
    more = policy(sales=["1001", "1002", "1003"])
    assert fates(simulate(as_it_was(given, 1), more))["b"].waited_s == 0


def test_what_happens_outside_is_told_to_routing_too() -> None:
    """1002 is not heard until 60, so b goes to 1001; who dialled c's number is offered c's call (F132)."""
    base = policy(sales=["1001", "1002"])
    day = workload(contact("a", 1, talk=1), contact("b", 30, talk=1), contact("c", 90, caller="+8613800000000"))
    log = simulate(day, base, keep_log=True).log

    def agents(*outside: tuple[float, str, Event]) -> list[str]:
        told = [
            Recorded(
                seq=1000 + n, id=f"x{n}", tenant="lab", aggregate=event.AGGREGATE, aggregate_id=of, time=at(second), event=event
            )
            for n, (second, of, event) in enumerate(outside)
        ]
        events = sorted((*log, *told), key=lambda recorded: recorded.time)
        again = fates(simulate(as_it_was(material(read_record(events), base), 1), base))
        return [again[name].agent_id for name in "abc"]

    silent = AgentPresenceChanged(presence=Presence.SUSPECT, cause="session-silent", session_id="s", reachable=False)
    back = AgentPresenceChanged(presence=Presence.ONLINE, cause="session-heard", session_id="s", reachable=True)
    dialled = CallDialled(agent_id="1001", callee="+8613800000000", caller="", gateway="gw")
    assert agents() == ["1001", "1002", "1001"]
    assert agents((5, "1002", silent), (60, "1002", back)) == ["1001", "1001", "1002"]
    assert agents((5, "1002", silent), (60, "1002", back), (70, "d", dialled)) == ["1001", "1001", "1001"]


# a real log

DEMO = Path(__file__).parent / "demo_log.jsonl"
"""`callstream demo --calls 60 --agents 6`: real calls through all services, exported; kept are the events that the lab reads, the
decisions without their candidates."""


def test_a_real_log_run_again_gives_the_waits_of_the_real_services() -> None:
    """What the simulation leaves out (network, log, phones' answers on the wire) is milliseconds."""
    base, events = read_export(DEMO)
    assert base is not None
    given = material(read_record(events), base)
    again = fates(simulate(as_it_was(given, 1), base))
    real = {past.asked.request_id: past for past in given.contacts}
    assert again.keys() == real.keys()
    close = [name for name, past in real.items() if abs(again[name].waited_s - (past.waited_s or 0)) < 0.2]
    same = [name for name, past in real.items() if (again[name].outcome, again[name].agent_id) == (past.outcome, past.agent_id)]
    assert len(real) == 48
    assert min(len(close), len(same)) >= 46
    found = fidelity(given, base, 1)
    assert found.contacts == 40
    assert found.replayed_wait_s == pytest.approx(found.recorded_wait_s, abs=0.1)
    assert found.error_s < 0.05


def test_a_shadow_of_the_same_policy_agrees_with_the_real_routing() -> None:
    base, events = read_export(DEMO)
    assert base is not None
    shadow = Shadow(base, events[0].tenant)
    verdicts = [verdict for recorded in events if (verdict := shadow.take(recorded)) is not None]
    assert len(verdicts) == 43
    assert [verdict.sentence for verdict in verdicts if verdict.sooner or not verdict.agrees] == []
