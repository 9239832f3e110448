"""Do the books balance (docs/features.md, appendix 2), and do the records say what the log says?"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts.envelope import Recorded
from callstream.contracts.outcome import CallSummary, call_of, fold_all
from callstream.contracts.states import Direction
from callstream.kernel.outcomes import CallOutcome as Outcome
from callstream_local.demo.evidence import Evidence, Record

OF_REQUESTS = (Outcome.ANSWERED, Outcome.QUEUE_ABANDONED, Outcome.REDIRECTED, Outcome.STOPPED, Outcome.FAILED)


def check_books(evidence: Evidence) -> Iterator[str]:
    """What does not add up, one sentence each."""
    inbound = [record for record in evidence.records if record.call_type == Direction.INBOUND]
    count = Counter(record.access_status for record in inbound)
    placed, arrived, requested = len(evidence.callers), _arrived(evidence.events), _requested(evidence.events)
    if not placed == len(inbound) == arrived:
        yield f"{placed} calls were placed, {arrived} arrived, {len(inbound)} have records"
    dialled = sum(1 for recorded in evidence.events if isinstance(recorded.event, call.CallDialled))
    begun = Counter(record.access_status for record in evidence.records if record.call_type != Direction.INBOUND)
    if dialled != begun.total() or begun.total() != begun[Outcome.ANSWERED] + begun[Outcome.UNANSWERED]:
        yield f"agents began {dialled} calls, of which {dict(begun)} have records"
    in_ivr = count[Outcome.IVR_ENDED] + count[Outcome.IVR_ABANDONED]
    if arrived - count[Outcome.BLOCKED] != in_ivr + requested:
        yield f"{arrived} inbound calls are not {in_ivr} that ended in the flow and {requested} requests for an agent"
    of_requests = sum(count[outcome] for outcome in OF_REQUESTS)
    if requested != of_requests:
        yield f"{requested} requests for an agent, but {of_requests} that ended"
    yield from _records_against_log(evidence)


def _arrived(events: list[Recorded]) -> int:
    return sum(1 for recorded in events if isinstance(recorded.event, call.CallArrived | call.CallBlocked))


def _requested(events: list[Recorded]) -> int:
    """Calls that asked for an agent before they ended."""
    ended: set[str] = set()
    requested: set[str] = set()
    for recorded in events:
        if isinstance(recorded.event, call.CallEnded):
            ended.add(recorded.aggregate_id)
        elif isinstance(recorded.event, ivr.AgentRequested) and recorded.aggregate_id not in ended:
            requested.add(recorded.aggregate_id)
    return len(requested)


def _records_against_log(evidence: Evidence) -> Iterator[str]:
    of_call: dict[str, list[Recorded]] = defaultdict(list)
    for recorded in evidence.events:
        if call_id := call_of(recorded):
            of_call[call_id].append(recorded)
    records = {record.call_id: record for record in evidence.records}
    if len(records) != len(evidence.records):
        yield "a call has several records"
    for call_id in of_call.keys() - records.keys():
        yield f"call {call_id} stands in the log and has no record"
    for call_id, record in records.items():
        summary = fold_all(of_call.get(call_id, ()))
        if summary is None:
            yield f"call {call_id} has a record and is not in the log"
            continue
        for name, said, true in _fields(record, summary):
            if said != true:
                yield f"call {call_id}: the record says {name} {said}, the log {true}"


def _fields(record: Record, summary: CallSummary) -> Iterator[tuple[str, object, object]]:
    yield "caller", record.caller, summary.caller
    yield "called", record.called, summary.called
    yield "status", record.access_status, summary.outcome
    yield "reason", record.reason, summary.reason
    yield "wait", record.wait_ms, summary.wait_ms
    yield "talk", record.talk_ms, summary.talk_ms
    yield "agent", record.agent_id or "", summary.agent_id
    yield "group", record.group_id or "", summary.group_id
    yield "party", record.hang_up_party, summary.party
    yield "recording", record.recording_path or "", summary.recording_path
