"""An agent begins a call: seized first, then dialled, and given back when the call is refused (F056, F137, F138, F141).

A crash in between leaves the agent busy for 5 s at most: agent-state gives back who waits in vain for their call.
"""

import msgspec

from callstream.contracts.call_commands import CallAgent, Dial, SeizeAgent
from callstream.contracts.commands import ReleaseAgent, Reply, Reservation
from callstream.contracts.roles import Principal
from callstream.contracts.states import Purpose
from callstream.contracts.subjects import ANY
from callstream.kernel.outcomes import Reason
from callstream_console.parts import Parts

DIAL_S = 3.0
"""A gateway answers before anything rings. It is asked once: another try could reach another gateway."""
_UNKNOWN = frozenset({Reason.UNAVAILABLE, Reason.INTERNAL, Reason.CONFLICT})
"""Answers behind which a call may have begun all the same."""


async def dial(parts: Parts, person: Principal, agent_id: str, number: str, caller_id: str = "") -> Reply:
    """Ring the agent, then the number. Accepted, the result is the call id."""

    def command(call_id: str, where: Reservation) -> Dial:
        return Dial(
            command_id=parts.new_id(),
            tenant=person.tenant,
            call_id=call_id,
            agent_id=agent_id,
            actor=person.user_id,
            number=number,
            caller_id=caller_id,
            role=person.role,
            terminal=where.terminal,
            address=where.address,
        )

    seized = await _seize(parts, person, agent_id, Purpose.OUTBOUND)
    return seized if isinstance(seized, Reply) else await _begin(parts, person, command(*seized))


async def call_agent(parts: Parts, person: Principal, agent_id: str, target_agent_id: str) -> Reply:
    """Ring the agent, then the other one. Accepted, the result is the call id."""

    def command(call_id: str, where: Reservation) -> CallAgent:
        return CallAgent(
            command_id=parts.new_id(),
            tenant=person.tenant,
            call_id=call_id,
            agent_id=agent_id,
            actor=person.user_id,
            target_agent_id=target_agent_id,
            terminal=where.terminal,
            address=where.address,
        )

    seized = await _seize(parts, person, agent_id, Purpose.INTERNAL)
    return seized if isinstance(seized, Reply) else await _begin(parts, person, command(*seized))


async def _seize(parts: Parts, person: Principal, agent_id: str, purpose: Purpose) -> Reply | tuple[str, Reservation]:
    call_id = parts.new_id()
    asked = SeizeAgent(command_id=parts.new_id(), agent_id=agent_id, call_id=call_id, purpose=purpose, actor=person.user_id)
    reply = await parts.commands.send(asked, person.tenant, call_id=call_id)
    if reply.accepted:
        return call_id, msgspec.json.decode(reply.result, type=Reservation)
    if reply.reason in _UNKNOWN:
        await give_back(parts, person, agent_id, call_id)
    return reply


async def _begin(parts: Parts, person: Principal, command: Dial | CallAgent) -> Reply:
    reply = await parts.commands.send(command, ANY, timeout_s=DIAL_S, retries=0, call_id=command.call_id)
    if command.agent_id != person.agent_id:
        await parts.documents.note(person.tenant, person.user_id, command, reply)
    if not reply.accepted and not (
        await give_back(parts, person, command.agent_id, command.call_id) and reply.reason in _UNKNOWN
    ):
        return reply
    return Reply(accepted=True, result=msgspec.Raw(msgspec.json.encode({"call_id": command.call_id})))


async def give_back(parts: Parts, person: Principal, agent_id: str, call_id: str) -> bool:
    """Whether the call had begun after all, so that the agent stays in it."""
    release = ReleaseAgent(command_id=parts.new_id(), agent_id=agent_id, offer_id=call_id)
    reply = await parts.commands.send(release, person.tenant, call_id=call_id)
    return reply.reason is Reason.ILLEGAL_STATE
