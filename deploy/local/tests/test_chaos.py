"""The table of kills, and what is judged of a run: a promise that is not kept is told by name."""

from datetime import UTC, datetime

import pytest

from callstream.kernel.outcomes import Reason
from callstream_local.chaos.judge import problems
from callstream_local.chaos.part import PARTS, Part, chosen
from callstream_local.chaos.play import Outcome
from callstream_local.chaos.scene import TALKS, WAITS, scene
from callstream_local.demo.evidence import Evidence, Record, RecordingHeard
from callstream_local.demo.manifest import agent_ids
from callstream_local.phones.ear import Heard
from callstream_local.services import SERVICES

KNOWN = {service.name for service in SERVICES} | {"nats", "postgres"}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_kills_something_that_there_is_and_is_found_by_name_and_group(part: Part) -> None:
    assert set(part.kills) <= KNOWN
    assert part in chosen(part.name)
    assert part in chosen(part.group)
    assert part in chosen(None)


def test_a_wrong_name_chooses_nothing() -> None:
    assert chosen("nothing") == []


def test_more_callers_than_agents_so_that_one_waits() -> None:
    plans = scene(dict.fromkeys(agent_ids(TALKS), "secret"))
    assert (len(plans.callers), len(plans.agents)) == (TALKS + WAITS, TALKS)


SIGNALLING, WORKER = chosen("signalling")[0], chosen("worker")[0]


def test_a_gap_that_can_be_heard_is_told() -> None:
    run = Outcome(SIGNALLING, Evidence(), 1.0, gaps={400: 59.0, 410: 61.0})
    run.evidence.agent_of_tone = {400: "1001", 410: "1002"}
    assert "agent 1002 heard nothing for 61 ms" in problems(run)
    assert not any("1001" in problem for problem in problems(run))


def cut(reason: Reason, recorded: RecordingHeard | None) -> list[str]:
    """Problems of one call that talked when the worker was killed."""
    record = Record(
        call_id="c1",
        arrived_at=datetime(2026, 5, 4, tzinfo=UTC),
        caller="+8613800000001",
        called="",
        reason=reason,
        agent_id="1001",
        recording_id="c1-r1",
    )
    evidence = Evidence(records=[record], agent_of_tone={400: "1001", 410: "1002"})
    if recorded is not None:
        evidence.recordings["c1"] = recorded
    found = problems(Outcome(WORKER, evidence, 1.0, in_talk=frozenset({"c1"})))
    return [problem for problem in found if "+8613800000001" in problem]


@pytest.mark.parametrize(
    ("reason", "recorded", "said"),
    [
        (Reason.MEDIA_FAILED, RecordingHeard(right=Heard(400, 3000)), ""),
        (Reason.CALLER_HUNG_UP, RecordingHeard(right=Heard(400, 3000)), "ended with caller-hung-up"),
        (Reason.MEDIA_FAILED, None, "has lost its recording: none is linked"),
        (Reason.MEDIA_FAILED, RecordingHeard(problem="404"), "has lost its recording: 404"),
        (Reason.MEDIA_FAILED, RecordingHeard(right=Heard(410, 3000)), "holds 410 Hz right instead of agent 1001"),
    ],
)
def test_a_cut_call_must_end_with_its_reason_and_keep_its_recording(
    reason: Reason, recorded: RecordingHeard | None, said: str
) -> None:
    found = cut(reason, recorded)
    assert found == [] if not said else said in found[0]


def test_a_stuck_agent_is_told() -> None:
    run = Outcome(WORKER, Evidence(agents={"1001": "busy", "1002": "idle"}), 1.0)
    assert [problem for problem in problems(run) if "stuck" in problem] == ["agent 1001 is stuck in state busy"]
