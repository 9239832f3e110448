"""The demo's result: its figures, and every thing that was wrong by name."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from callstream.kernel.outcomes import CallOutcome
from callstream_local.demo.check_audio import audio_ok, check_recordings
from callstream_local.demo.check_books import check_books
from callstream_local.demo.check_log import check_log
from callstream_local.demo.check_stories import check_stories
from callstream_local.demo.evidence import Evidence

ABANDONED = (CallOutcome.QUEUE_ABANDONED, CallOutcome.IVR_ABANDONED)
CALM = ("idle", "offline")
"""States that an agent may be in when all calls are over."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """build/demo-report.json, to the letter."""

    calls_placed: int
    answered: int
    abandoned: int
    ivr_ended: int
    records: int
    recordings: int
    audio_ok: int
    stuck_agents: int
    books_balance: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems` is empty when everything is right."""

    report: Report
    problems: list[str] = field(default_factory=list)


def judge(evidence: Evidence) -> Verdict:
    """Compare the three sides."""
    books = [*check_stories(evidence), *check_log(evidence), *check_books(evidence)]
    stuck = [f"agent {agent} is stuck in state {state}" for agent, state in evidence.agents.items() if state not in CALM]
    good_audio = audio_ok(evidence)
    count = [record.access_status for record in evidence.records].count
    report = Report(
        calls_placed=len(evidence.callers),
        answered=count(CallOutcome.ANSWERED),
        abandoned=sum(count(outcome) for outcome in ABANDONED),
        ivr_ended=count(CallOutcome.IVR_ENDED),
        records=len(evidence.records),
        recordings=sum(1 for heard in evidence.recordings.values() if not heard.problem),
        audio_ok=len(good_audio),
        stuck_agents=len(stuck),
        books_balance=not books,
        seconds=round(evidence.seconds, 1),
    )
    return Verdict(report, [*books, *stuck, *check_recordings(evidence)])


def write_report(report: Report, path: Path) -> None:
    """Write the JSON file, and its folder when that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
