"""Whom an agent's call is with."""

from callstream.contracts.commands import CustomerOf
from callstream.contracts.states import Direction
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_reporting.domain.record import ServiceRecord, people


def customer_of(record: ServiceRecord | None, asked: CustomerOf) -> str:
    """The other side's number; raises Refusal as the command says."""
    if record is None or asked.agent_id not in people(record):
        raise Refusal(Reason.UNKNOWN_CALL, f"agent {asked.agent_id} has no such call: '{asked.call_id}'", "call_id")
    if record.call_type == Direction.INTERNAL:
        raise Refusal(Reason.INVALID, "an internal call has no customer", "call_id")
    return record.caller if record.call_type == Direction.INBOUND else record.called
