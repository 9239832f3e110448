"""What was wrong, and what each call lived through."""

from collections import Counter
from collections.abc import Iterator

from callstream_local.chaos.play import Outcome
from callstream_local.demo.check_books import check_books
from callstream_local.demo.check_log import check_log
from callstream_local.demo.evidence import Record
from callstream_local.demo.verdict import CALM, judge


def problems(outcome: Outcome) -> list[str]:
    """One sentence each; empty when all went as the part promises."""
    if not outcome.part.ends:
        return [*judge(outcome.evidence).problems, *_gaps(outcome)]
    evidence = outcome.evidence
    stuck = (f"agent {agent} is stuck in state {state}" for agent, state in evidence.agents.items() if state not in CALM)
    return [*check_log(evidence), *check_books(evidence), *stuck, *_cut_calls(outcome)]


def _gaps(outcome: Outcome) -> Iterator[str]:
    limit = outcome.part.gap_ms
    if limit is not None:
        for tone_hz, gap_ms in outcome.gaps.items():
            if gap_ms > limit:
                yield f"{who(outcome, tone_hz)} heard nothing for {gap_ms:.0f} ms"


def _cut_calls(outcome: Outcome) -> Iterator[str]:
    """Calls of the moment of the kill end with one of the reasons; what was recorded until then is there."""
    for record in outcome.evidence.records:
        if record.call_id not in outcome.in_talk | outcome.waiting:
            continue
        if record.reason not in outcome.part.ends:
            yield f"call {record.call_id} of {record.caller} ended with {record.reason}"
        if record.call_id in outcome.in_talk:
            yield from _recording(outcome, record)


def _recording(outcome: Outcome, record: Record) -> Iterator[str]:
    heard = outcome.evidence.recordings.get(record.call_id)
    if heard is None or heard.problem:
        yield f"call {record.call_id} of {record.caller} has lost its recording: {heard.problem if heard else 'none is linked'}"
    elif outcome.evidence.agent_of_tone.get(heard.right.tone_hz or 0) != record.agent_id:
        yield f"the recording of {record.caller} holds {heard.right.tone_hz} Hz right instead of agent {record.agent_id}"


def who(outcome: Outcome, tone_hz: int) -> str:
    """The agent or caller who says this tone."""
    agent = outcome.evidence.agent_of_tone.get(tone_hz)
    if agent is not None:
        return f"agent {agent}"
    caller = next((story.caller for story in outcome.evidence.callers if story.tone_hz == tone_hz), "?")
    return f"caller {caller}"


def endings(outcome: Outcome) -> Counter[str]:
    """How the calls ended, by the records."""
    return Counter(f"{record.access_status} ({record.reason})" for record in outcome.evidence.records)
