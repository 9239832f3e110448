"""A service record: one row a call, with the fields of F227 and what is needed to find and to audit it."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from callstream.contracts.segments import Segment
from callstream.contracts.summary import CallSummary


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service of a call: that of an agent, or of an outside party that the customer was transferred to."""

    number: int
    """From 1, in the order in which they began."""
    agent_id: str | None
    party: str | None
    """E.164 of an outside party."""
    group_id: str | None
    how: str
    """How it came about (contracts/segments.py)."""
    began_at: datetime
    ended_at: datetime | None
    talk_ms: int | None
    """Hold included."""
    hold_ms: int
    holds: int


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one call, as the table holds it and the API gives it. Durations in milliseconds, times UTC."""

    call_id: str
    tenant: str
    seq: int
    """Log position of the newest event that changed it."""
    arrived_at: datetime
    call_type: str
    """`inbound`, `outbound` or `internal`."""
    caller: str
    called: str
    access_status: str | None
    """The call's outcome from the closed list; None while it goes on."""
    reason: str | None
    wait_ms: int | None
    talk_ms: int | None
    agent_id: str | None
    group_id: str | None
    hang_up_party: str | None
    ended_at: datetime | None
    recording_id: str | None
    recording_path: str | None
    recording_ms: int | None
    recording_reason: str | None = None
    """Why there is no recording although one was begun: `no-audio`, `media-failed`."""
    ring_ms: int | None = None
    """How long the phone rang that was answered, or that nobody answered."""
    hold_ms: int = 0
    """Sum of the periods of hold (F013)."""
    holds: int = 0
    transfers: int = 0
    consults: int = 0
    conference: bool = False
    """Three talked together (F022)."""
    chosen_by: str = ""
    """Why an outbound call showed this number (F143-F145)."""
    satisfaction: str | None = None
    """The customer's rating (F028)."""
    callback_at: datetime | None = None
    """When the caller asked to be called back; None: they did not."""
    callback_number: str | None = None
    callback_attempts: int = 0
    """Attempts in vain, as far as they count."""
    callback_outcome: str | None = None
    """How the callback left the queue; None while it waits."""
    callback_reason: str | None = None
    """Why it did, or of the last attempt in vain."""
    callback_of: str | None = None
    """This call is an attempt at the callback that was asked for in that call."""
    remark: str = ""
    """What an agent or a supervisor has written to it (F190); beside the projection."""
    services: tuple[Service, ...] = ()
    """Each agent's, and each outside party's, part of the call; in a table of their own."""
    agent_name: str | None = None
    group_name: str | None = None
    """Names are not stored: they are the present ones when the record is read."""


STORED = tuple(
    field for field in ServiceRecord.__struct_fields__ if field not in ("agent_name", "group_name", "services", "remark")
)
"""The columns of the table."""


Names = Callable[[str, str, str], str | None]
"""(tenant, `agent` or `group`, id) → its name at this moment, or None."""


def record_of(summary: CallSummary) -> ServiceRecord:
    """The record that a summary stands for, without names: the log alone decides what is stored."""
    callback = summary.callback
    return ServiceRecord(
        call_id=summary.call_id,
        tenant=summary.tenant,
        seq=summary.seq,
        arrived_at=summary.arrived_at,
        call_type=summary.direction.value,
        caller=summary.caller,
        called=summary.called,
        access_status=summary.outcome.value if summary.outcome else None,
        reason=summary.reason.value if summary.reason else None,
        wait_ms=summary.wait_ms,
        talk_ms=summary.talk_ms,
        agent_id=summary.agent_id or None,
        group_id=summary.group_id or None,
        hang_up_party=summary.party.value if summary.party else None,
        ended_at=summary.ended_at,
        recording_id=summary.recording_id or None,
        recording_path=summary.recording_path or None,
        recording_ms=summary.recording_ms or None,
        recording_reason=summary.recording_reason.value if summary.recording_reason else None,
        ring_ms=summary.ring_ms,
        hold_ms=summary.hold_ms,
        holds=summary.holds,
        transfers=summary.transfers,
        consults=summary.consults,
        conference=summary.conference,
        chosen_by=summary.chosen_by,
        satisfaction=None if summary.rating is None else str(summary.rating),
        callback_at=callback.asked_at if callback is not None else None,
        callback_number=callback.number if callback is not None else None,
        callback_attempts=callback.attempts if callback is not None else 0,
        callback_outcome=callback.outcome.value if callback is not None and callback.outcome else None,
        callback_reason=callback.reason.value if callback is not None and callback.reason else None,
        callback_of=summary.callback_of or None,
        services=tuple(_service(number, segment) for number, segment in enumerate(summary.segments, 1)),
    )


def _service(number: int, segment: Segment) -> Service:
    return Service(
        number=number,
        agent_id=segment.agent_id or None,
        party=segment.number or None,
        group_id=segment.group_id or None,
        how=segment.how,
        began_at=segment.began_at,
        ended_at=segment.ended_at,
        talk_ms=segment.talk_ms,
        hold_ms=segment.held_ms,
        holds=segment.holds,
    )


def named(record: ServiceRecord, names: Names) -> ServiceRecord:
    """The record with the present names of its agent and group."""
    return msgspec.structs.replace(
        record,
        agent_name=names(record.tenant, "agent", record.agent_id) if record.agent_id else None,
        group_name=names(record.tenant, "group", record.group_id) if record.group_id else None,
    )


def people(record: ServiceRecord) -> set[str]:
    """The agents who have part in a call."""
    return {agent_id for agent_id in (record.agent_id, *(service.agent_id for service in record.services)) if agent_id}
