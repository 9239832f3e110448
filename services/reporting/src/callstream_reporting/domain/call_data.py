"""What goes along with a call, for whoever serves it next (F018): the record's other reader, while the call goes on."""

from callstream.contracts.commands import CallData, GetCallData, Served
from callstream.contracts.summary import CallSummary
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason


def call_data(summary: CallSummary | None, asked: GetCallData) -> CallData:
    """Raises Refusal when the tenant has no such call, or the log's news of it is still on its way."""
    if summary is None or summary.tenant != asked.tenant:
        raise Refusal(Reason.UNKNOWN_CALL, f"no such call: '{asked.call_id}'", "call_id")
    return CallData(
        call_id=summary.call_id,
        direction=summary.direction,
        caller=summary.caller,
        called=summary.called,
        region=summary.region,
        arrived_at=summary.arrived_at,
        requested_at=summary.requested_at,
        group_id=summary.group_id,
        flow_id=summary.flow_id,
        trail=summary.trail,
        callback_of=summary.callback_of,
        services=tuple(
            Served(
                how=segment.how,
                agent_id=segment.agent_id,
                number=segment.number,
                group_id=segment.group_id,
                began_at=segment.began_at,
                ended_at=segment.ended_at,
            )
            for segment in summary.segments
        ),
    )
