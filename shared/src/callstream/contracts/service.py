"""The steps of the fold in `outcome` that tell who serves a call: calls that agents begin, transfers, holds, consultations.

Each gives the changed fields of the summary.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts.envelope import Recorded
from callstream.contracts.segments import Segment, all_ended, changed, of_leg, serving
from callstream.contracts.states import Direction, LegRole, Purpose
from callstream.contracts.summary import CallSummary

Changes = dict[str, Any]


def dialled(recorded: Recorded, event: call.CallDialled) -> CallSummary:
    internal = event.purpose is Purpose.INTERNAL
    return CallSummary(
        call_id=recorded.aggregate_id,
        tenant=recorded.tenant,
        seq=recorded.seq,
        arrived_at=recorded.time,
        direction=Direction.INTERNAL if internal else Direction.OUTBOUND,
        caller=event.caller or event.agent_id,
        called=event.callee,
        region=event.region,
        trunk=event.trunk,
        gateway=event.gateway,
        customer_leg_id=event.leg_id,
        agent_id=event.agent_id,
        agent_leg_id=event.agent_leg_id,
        chosen_by=event.chosen_by,
        request_id=event.request_id,
        callback_of=event.callback_of,
    )


def leg_started(summary: CallSummary, recorded: Recorded, event: call.LegStarted) -> Changes:
    rings = summary.direction is Direction.OUTBOUND and event.role is LegRole.CUSTOMER
    return {"rung_since": recorded.time} if rings and not summary.agent_answered_at else {}


def leg_rang(summary: CallSummary, _: Recorded, event: call.LegRinging) -> Changes:
    """Which of several trunks reached a dialled customer."""
    return {"trunk": event.trunk} if event.trunk and event.leg_id == summary.customer_leg_id else {}


def leg_answered(summary: CallSummary, recorded: Recorded, event: control.LegAnswered) -> Changes:
    """The customer of an outbound call picks up: tA."""
    if summary.direction is not Direction.OUTBOUND or event.role is not LegRole.CUSTOMER or summary.agent_answered_at:
        return {}
    return {**reached(summary, recorded), "segments": (own(summary, recorded),)}


def reached(summary: CallSummary, recorded: Recorded) -> Changes:
    return {"answered_at": summary.answered_at or recorded.time, "agent_answered_at": recorded.time}


def own(summary: CallSummary, recorded: Recorded) -> Segment:
    """The service of the agent who called."""
    return Segment(
        began_at=recorded.time,
        how="callback" if summary.callback_of else "dialled",
        agent_id=summary.agent_id,
        leg_id=summary.agent_leg_id,
        group_id=summary.group_id,
    )


def bridged(summary: CallSummary, recorded: Recorded, event: call.CallBridged) -> Changes:
    if summary.onward_request and not serving(summary.segments, event.agent_id):
        return _served_by(
            summary,
            Segment(
                began_at=recorded.time,
                how="blind",
                agent_id=event.agent_id,
                leg_id=event.agent_leg_id,
                group_id=summary.onward_group,
            ),
        )
    counts = summary.bridged_at is None and event.agent_leg_id == summary.agent_leg_id
    return {"bridged_at": recorded.time} if counts else {}


def leg_ended(summary: CallSummary, recorded: Recorded, event: call.LegEnded) -> Changes:
    """The talk is over with the customer's leg, and with the service of the last agent unless the customer is passed on."""
    at = event.at or recorded.time
    segment = of_leg(summary.segments, event.leg_id, event.agent_id)
    segments = changed(summary.segments, segment, segment.ended(at) if segment else None)
    changes: Changes = {"segments": segments} if segments is not summary.segments else {}
    if summary.agent_answered_at is None or summary.talk_ended_at is not None:
        return changes
    served = any(one.ended_at is None for one in segments) and summary.direction is not Direction.INTERNAL
    over = segment is not None and not served and not summary.onward_request
    if over or (event.leg_id == summary.customer_leg_id and event.leg_id):
        changes |= {"talk_ended_at": at, "segments": all_ended(segments, at)}
    return changes


def transfer_started(summary: CallSummary, _: Recorded, event: call.TransferStarted) -> Changes:
    """The agent's leg ends, the customer waits for another one; the service of the next begins when they hear each other."""
    return {"onward_request": event.request_id, "onward_group": ""} if serving(summary.segments, event.agent_id) else {}


def transferred(summary: CallSummary, recorded: Recorded, event: control.CallTransferred) -> Changes:
    """Told of every transfer that took place, also when the next service has begun already."""
    before = serving(summary.segments, event.agent_id)
    segments = changed(summary.segments, before, before.ended(recorded.time) if before else None)
    changes: Changes = {"transfers": summary.transfers + 1, "segments": segments}
    if serving(segments, event.to_agent_id, event.to_number) or not (event.to_agent_id or event.to_number):
        return changes
    group_id = summary.onward_group
    to = Segment(began_at=recorded.time, how=event.how, agent_id=event.to_agent_id, number=event.to_number, group_id=group_id)
    return {**changes, **_served_by(replace(summary, segments=segments), to)}


def held(summary: CallSummary, recorded: Recorded, event: control.CallHeld) -> Changes:
    return _with(summary, event.agent_id, lambda segment: segment.held(recorded.time))


def retrieved(summary: CallSummary, recorded: Recorded, event: control.CallRetrieved) -> Changes:
    return _with(summary, event.agent_id, lambda segment: segment.retrieved(recorded.time))


def consulted(summary: CallSummary, _: Recorded, __: control.ConsultStarted) -> Changes:
    return {"consults": summary.consults + 1}


def joined(summary: CallSummary, _: Recorded, event: control.PartyJoined) -> Changes:
    return {} if event.role is LegRole.SUPERVISOR or summary.conference else {"conference": True}


def rated(_: CallSummary, __: Recorded, event: control.CallRated) -> Changes:
    return {"rating": event.rating}


def _served_by(summary: CallSummary, segment: Segment) -> Changes:
    return {
        "segments": (*summary.segments, segment),
        "onward_request": "",
        "onward_group": "",
        "talk_ended_at": None,
    }


def _with(summary: CallSummary, agent_id: str, change: Callable[[Segment], Segment]) -> Changes:
    segment = serving(summary.segments, agent_id)
    segments = changed(summary.segments, segment, change(segment) if segment else None)
    return {"segments": segments} if segments is not summary.segments else {}
