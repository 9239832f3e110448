"""Did both sides hear each other, and does the recording hold both, customer left and agent right (F198)?"""

from collections.abc import Iterator

from callstream.contracts.call_events import CallBridged
from callstream.kernel.outcomes import CallOutcome, Party
from callstream_local.demo.check_stories import TALKED_MS, offers_by_tone
from callstream_local.demo.evidence import Evidence, Record


def audio_ok(evidence: Evidence) -> set[str]:
    """The answered calls whose audio was right at both phones and in the recording, by id."""
    return {record.call_id for record in _answered(evidence) if not list(_faults(record, evidence))}


def check_recordings(evidence: Evidence) -> Iterator[str]:
    """What was not to be heard, one sentence each. A caller who left before the bridge missed nothing."""
    bridged = {recorded.aggregate_id for recorded in evidence.events if isinstance(recorded.event, CallBridged)}
    for record in _answered(evidence):
        if record.call_id not in bridged and record.hang_up_party == Party.CUSTOMER:
            continue
        yield from (f"call {record.call_id} of {record.caller}: {fault}" for fault in _faults(record, evidence))
    for story in evidence.callers:
        if story.answered_at is not None and story.heard.tone_hz is None and story.prompts_ms == 0:
            yield f"caller {story.caller} heard no prompt at all"


def _answered(evidence: Evidence) -> list[Record]:
    return [record for record in evidence.records if record.access_status == CallOutcome.ANSWERED]


def _faults(record: Record, evidence: Evidence) -> Iterator[str]:
    story = next((story for story in evidence.callers if story.caller == record.caller), None)
    if story is None:
        yield "nobody knows this caller"
        return
    tone = next((tone for tone, agent in evidence.agent_of_tone.items() if agent == record.agent_id), None)
    if story.heard.tone_hz != tone or story.heard.ms < TALKED_MS:
        yield f"the caller heard {story.heard.tone_hz} Hz for {story.heard.ms} ms instead of agent {record.agent_id}"
    offers = offers_by_tone(evidence).get(story.tone_hz, [])
    if [offer.user for offer in offers if offer.heard.ms >= TALKED_MS] != [record.agent_id]:
        heard = ", ".join(f"{offer.user} for {offer.heard.ms} ms" for offer in offers) or "nobody"
        yield f"the caller was heard by {heard} instead of agent {record.agent_id}"
    recording = evidence.recordings.get(record.call_id)
    if recording is None:
        yield "there is no recording"
    elif recording.problem:
        yield f"the recording cannot be used: {recording.problem}"
    elif (recording.left.tone_hz, recording.right.tone_hz) != (story.tone_hz, tone):
        yield (
            f"the recording holds {recording.left.tone_hz} Hz left and {recording.right.tone_hz} Hz right "
            f"instead of {story.tone_hz} and {tone}"
        )
