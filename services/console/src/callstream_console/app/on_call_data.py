"""What an agent's screen shows of the call that rings for them or that they are in (F009-F012, F018).

Who is in which call agent-state knows; what goes along with the call reporting does; who the customer is, the configuration.
"""

import msgspec

from callstream.contracts.commands import ALL_TENANTS, AgentView, CallData, GetCallData
from callstream.contracts.config import Customer
from callstream.contracts.roles import Principal
from callstream.contracts.states import Direction
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.parts import Parts


class CallOnScreen(msgspec.Struct, frozen=True, kw_only=True):
    """A call with its customer."""

    data: CallData
    customer_name: str
    """As the tenant's list of customers has it; empty: not there."""
    customer_type: str


async def call_on_screen(parts: Parts, person: Principal, own: AgentView) -> CallOnScreen:
    """Of an agent's present call; raises Refusal, `unknown-call` for a moment when it has only begun."""
    asked = GetCallData(command_id=parts.new_id(), tenant=person.tenant, call_id=own.call_id)
    reply = await parts.commands.send(asked, ALL_TENANTS, call_id=own.call_id)
    if not reply.accepted:
        raise Refusal(reply.reason or Reason.INTERNAL, reply.message, reply.field)
    data = msgspec.json.decode(reply.result, type=CallData)
    number = data.called if data.direction is Direction.OUTBOUND else data.caller
    customer = (await parts.documents.holdings(person.tenant)).documents.get((Customer.KIND, number.lstrip("+")))
    known = customer if isinstance(customer, Customer) else None
    return CallOnScreen(data=data, customer_name=known.name if known else "", customer_type=known.type if known else "")
