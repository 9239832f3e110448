"""An agent puts the caller of their call on the blacklist (F031): from then on the number is refused before any flow (F129)."""

import msgspec

from callstream.contracts.commands import ALL_TENANTS, CustomerOf
from callstream.contracts.config import BlockedCaller
from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.plan import Change
from callstream_console.parts import Parts


async def blacklist(parts: Parts, person: Principal, call_id: str, reason: str) -> BlockedCaller:
    """The entry; one that is there already stays as it is, with the reason of whoever listed the number first."""
    entry = _entry(await _customer(parts, person, call_id), reason)
    documents = parts.documents
    async with documents.writing(person.tenant) as connection:
        held = (await documents.holdings(person.tenant, connection)).documents.get((BlockedCaller.KIND, entry.key_id))
        if isinstance(held, BlockedCaller):
            return held
        await documents.write(connection, person.tenant, [Change(before=None, after=entry)], person.user_id)
    parts.outbox.wake()
    return entry


async def _customer(parts: Parts, person: Principal, call_id: str) -> str:
    asked = CustomerOf(command_id=parts.new_id(), tenant=person.tenant, call_id=call_id, agent_id=person.agent_id)
    reply = await parts.commands.send(asked, ALL_TENANTS, call_id=call_id)
    if not reply.accepted:
        raise Refusal(reply.reason or Reason.INTERNAL, reply.message, reply.field)
    return msgspec.json.decode(reply.result, type=str)


def _entry(number: str, reason: str) -> BlockedCaller:
    try:
        return msgspec.convert({"number": number, "reason": reason}, BlockedCaller)
    except msgspec.ValidationError:
        said = f"'{number}' is no number that could be told again" if number else "the caller has withheld the number"
        raise Refusal(Reason.INVALID, said, "call_id") from None
