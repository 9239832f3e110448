"""What supervisors do to waiting and served contacts (F208, F211-F214); on their own groups only (F226).

A request or an agent of other groups is answered like one that does not exist, respectively with 403.
"""

import msgspec
from fastapi import FastAPI, Request, Response

from callstream.contracts.commands import (
    AssignAgent,
    Command,
    ListWaiting,
    StopRequest,
    TearDown,
    TransferCall,
    WaitingView,
)
from callstream.contracts.roles import Principal
from callstream.contracts.scalars import Token
from callstream.contracts.states import AgentState
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, body_of
from callstream_console.app.act import Act
from callstream_console.app.targets import own_agent, service_of
from callstream_console.domain.manifest import Strict
from callstream_console.domain.permissions import Action, require, sees
from callstream_console.parts import Parts


class Target(Strict, frozen=True, kw_only=True):
    """Body of assign and transfer: the agent who is to serve."""

    agent_id: Token


def add_supervision(app: FastAPI, parts: Parts) -> None:
    """Enter the routes."""
    act = Act(parts)

    async def ask(command: Command, person: Principal) -> msgspec.Raw:
        reply = await parts.commands.send(command, person.tenant)
        if not reply.accepted:
            raise Refusal(reply.reason or Reason.INTERNAL, reply.message, reply.field)
        return reply.result

    async def waiting(person: Principal) -> list[WaitingView]:
        require(person, Action.SUPERVISE)
        views = msgspec.json.decode(await ask(ListWaiting(command_id=parts.new_id()), person), type=list[WaitingView])
        return [view for view in views if sees(person, (view.group_id, *view.groups))]

    async def own_request(person: Principal, request_id: str) -> WaitingView:
        for view in await waiting(person):
            if view.request_id == request_id:
                return view
        raise Refusal(Reason.UNKNOWN_CALL, f"no such request waits: '{request_id}'", "request_id")

    @app.get("/v1/requests")
    async def requests(person: Person) -> Response:
        return answer(await waiting(person))

    @app.post("/v1/requests/{request_id}/stop")
    async def stop(request_id: str, person: Person) -> Response:
        view = await own_request(person, request_id)
        command = StopRequest(command_id=parts.new_id(), request_id=request_id, actor=person.user_id)
        return await act(command, person, "", call_id=view.call_id)

    @app.post("/v1/requests/{request_id}/assign")
    async def assign(request_id: str, request: Request, person: Person) -> Response:
        target = await body_of(request, Target)
        view = await own_request(person, request_id)
        await own_agent(parts, person, target.agent_id)
        command = AssignAgent(command_id=parts.new_id(), request_id=request_id, agent_id=target.agent_id, actor=person.user_id)
        return await act(command, person, target.agent_id, call_id=view.call_id)

    @app.post("/v1/agents/{agent_id}/tear-down")
    async def tear_down(agent_id: str, person: Person) -> Response:
        service = await service_of(parts, person, agent_id)
        command = TearDown(command_id=parts.new_id(), call_id=service.call_id, agent_id=agent_id, actor=person.user_id)
        return await act(command, person, agent_id, scope=service.gateway, call_id=service.call_id)

    @app.post("/v1/agents/{agent_id}/transfer")
    async def transfer(agent_id: str, request: Request, person: Person) -> Response:
        target = await body_of(request, Target)
        service = await service_of(parts, person, agent_id)
        other = await own_agent(parts, person, target.agent_id)
        if other.state is not AgentState.IDLE:
            raise Refusal(Reason.ILLEGAL_STATE, f"agent {other.agent_id} is in state {other.state}, not idle", "agent_id")
        command = TransferCall(
            command_id=parts.new_id(),
            call_id=service.call_id,
            agent_id=agent_id,
            target_agent_id=target.agent_id,
            actor=person.user_id,
        )
        return await act(command, person, agent_id, scope=service.gateway, call_id=service.call_id)
