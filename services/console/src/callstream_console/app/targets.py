"""Whom a person can reach: a colleague by phone, an absent one by bound mobile; for a supervisor, an agent's service."""

import msgspec

from callstream.contracts.commands import AgentView, GetAgent
from callstream.contracts.config import Agent
from callstream.contracts.roles import Principal
from callstream.contracts.states import AgentState
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.permissions import Action, require, require_agent
from callstream_console.parts import Parts


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two is set."""

    agent_id: str = ""
    number: str = ""


async def reach(parts: Parts, person: Principal, agent_id: str) -> Reach:
    """How another agent is reached now; raises Refusal with what keeps them."""
    if agent_id == person.agent_id:
        raise Refusal(Reason.INVALID, "that is you", "agent_id")
    found = (await parts.documents.holdings(person.tenant)).documents.get((Agent.KIND, agent_id))
    if not isinstance(found, Agent):
        raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{agent_id}'", "agent_id")
    view = await state_of(parts, person, agent_id)
    if view.state is AgentState.IDLE:
        return Reach(agent_id=agent_id)
    if view.state is AgentState.OFFLINE:
        if found.mobile is not None:
            return Reach(number=found.mobile)
        raise Refusal(Reason.NOT_SIGNED_IN, f"agent {agent_id} is not signed in and has no bound mobile", "agent_id")
    raise Refusal(Reason.AGENT_BUSY, f"agent {agent_id} is in state {view.state}", "agent_id")


async def own_agent(parts: Parts, person: Principal, agent_id: str) -> AgentView:
    """For a supervisor: the present state of an agent of theirs (F226)."""
    require(person, Action.SUPERVISE)
    found = (await parts.documents.holdings(person.tenant)).documents.get((Agent.KIND, agent_id))
    if not isinstance(found, Agent):
        raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{agent_id}'", "agent_id")
    require_agent(person, agent_id, found.groups)
    return await state_of(parts, person, agent_id)


async def service_of(parts: Parts, person: Principal, agent_id: str) -> AgentView:
    """For a supervisor: an agent of theirs who is in a call."""
    view = await own_agent(parts, person, agent_id)
    if view.state is not AgentState.BUSY:
        raise Refusal(Reason.ILLEGAL_STATE, f"agent {agent_id} is in state {view.state}, not in a service", "agent_id")
    return view


async def state_of(parts: Parts, person: Principal, agent_id: str) -> AgentView:
    """An agent's present state; raises Refusal."""
    reply = await parts.commands.send(GetAgent(command_id=parts.new_id(), agent_id=agent_id), person.tenant)
    if not reply.accepted:
        raise Refusal(reply.reason or Reason.INTERNAL, reply.message, reply.field)
    return msgspec.json.decode(reply.result, type=AgentView)
