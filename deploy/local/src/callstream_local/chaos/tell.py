"""A table of one part: for each call what its caller and its agent heard, what the longest gap was, and what the record says."""

from rich.table import Table

from callstream_local.chaos.play import Outcome
from callstream_local.phones.stories import OfferStory


def table(outcome: Outcome) -> Table:
    """One row a call, in the order in which they were placed."""
    made = Table(
        title=f"{outcome.part.name}: {outcome.part.what}; back after {outcome.back_after_s:.1f} s",
        title_justify="left",
    )
    for column in ("caller", "at the kill", "caller heard", "gap ms", "agent heard", "gap ms", "record", "reason", "recording"):
        made.add_column(column)
    evidence = outcome.evidence
    records = {record.caller: record for record in evidence.records}
    tone_of = {agent: tone for tone, agent in evidence.agent_of_tone.items()}
    for story in evidence.callers:
        record = records.get(story.caller)
        if record is None:
            made.add_row(story.caller, "", "", "", "", "", "none", "", "")
            continue
        recording = f"{record.recording_ms / 1000:.1f} s" if record.recording_ms else "-"
        at = "talks" if record.call_id in outcome.in_talk else "waits" if record.call_id in outcome.waiting else "comes later"
        offer = next((each for each in evidence.offers if each.heard.tone_hz == story.tone_hz), None)
        agent = record.agent_id or ""
        heard = evidence.agent_of_tone.get(story.heard.tone_hz or 0)
        made.add_row(
            story.caller,
            at,
            f"agent {heard} {story.heard.ms / 1000:.1f} s" if heard else "nobody",
            _gap(outcome, story.tone_hz),
            _agent_heard(agent, offer),
            _gap(outcome, tone_of.get(agent, 0)) if record.call_id in outcome.in_talk else "",
            str(record.access_status),
            str(record.reason),
            recording,
        )
    return made


def _agent_heard(agent: str, offer: OfferStory | None) -> str:
    return f"{agent}: caller {offer.heard.ms / 1000:.1f} s" if offer is not None else f"{agent}: -" if agent else "-"


def _gap(outcome: Outcome, tone_hz: int) -> str:
    gap, before = outcome.gaps.get(tone_hz), outcome.gaps_before.get(tone_hz)
    return "" if gap is None else f"{gap:.0f} ({before:.0f})" if before is not None else f"{gap:.0f}"
