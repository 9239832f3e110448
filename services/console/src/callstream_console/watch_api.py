"""Supervisors hear a service, whisper into it, join it, and play to its customer (F215-F217); on their own groups only (F226)."""

from fastapi import FastAPI, Request, Response

from callstream.contracts.call_commands import EndSupervision, SeizeAgent, Supervise
from callstream.contracts.commands import AgentView
from callstream.contracts.roles import Principal
from callstream.contracts.scalars import Token
from callstream.contracts.states import Purpose, Supervision
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, body_of
from callstream_console.app.act import Act
from callstream_console.app.on_dial import give_back
from callstream_console.app.targets import own_agent, service_of
from callstream_console.call_bodies import Play, TypedNumber
from callstream_console.calls_api import play_to_customer, prompts_of
from callstream_console.domain.manifest import Strict
from callstream_console.parts import Parts


class Phone(Strict, frozen=True, kw_only=True):
    """Body of listen, whisper and barge: where the supervisor is rung. Neither: the phone of the login's own agent."""

    number: TypedNumber | None = None
    agent_id: Token | None = None
    """An agent of theirs whose phone it is, for logins that are no agent's."""


def add_watching(app: FastAPI, parts: Parts) -> None:
    """Enter the routes."""
    act = Act(parts)

    async def supervise(agent_id: str, request: Request, person: Principal, mode: Supervision) -> Response:
        """The supervisor's own agent is seized for it, so that nothing is offered to them meanwhile."""
        body = await body_of(request, Phone, optional=True)
        service = await service_of(parts, person, agent_id)
        if body.number and body.agent_id:
            raise Refusal(Reason.INVALID, "name a number or an agent, not both", "number")
        own = "" if body.number else body.agent_id or person.agent_id
        if not own and not body.number:
            raise Refusal(Reason.INVALID, "this login belongs to no agent: name a number or an agent to ring", "number")
        if own == agent_id:
            raise Refusal(Reason.INVALID, "nobody hears themselves", "agent_id")
        if own and own != person.agent_id:
            await own_agent(parts, person, own)
        if own:
            await _seize(parts, person, own, service)
        command = Supervise(
            command_id=parts.new_id(),
            call_id=service.call_id,
            agent_id=agent_id,
            actor=person.user_id,
            mode=mode,
            supervisor_agent_id=own,
            number=body.number or "",
            role=person.role,
        )
        answered = await act(command, person, agent_id, scope=service.gateway, call_id=service.call_id)
        if own and answered.status_code >= 400:
            await give_back(parts, person, own, service.call_id)
        return answered

    @app.post("/v1/agents/{agent_id}/listen")
    async def listen(agent_id: str, request: Request, person: Person) -> Response:
        return await supervise(agent_id, request, person, Supervision.LISTEN)

    @app.post("/v1/agents/{agent_id}/whisper")
    async def whisper(agent_id: str, request: Request, person: Person) -> Response:
        return await supervise(agent_id, request, person, Supervision.WHISPER)

    @app.post("/v1/agents/{agent_id}/barge")
    async def barge(agent_id: str, request: Request, person: Person) -> Response:
        return await supervise(agent_id, request, person, Supervision.BARGE)

    @app.delete("/v1/agents/{agent_id}/supervision")
    async def end(agent_id: str, person: Person) -> Response:
        service = await service_of(parts, person, agent_id)
        command = EndSupervision(command_id=parts.new_id(), call_id=service.call_id, agent_id=agent_id, actor=person.user_id)
        return await act(command, person, agent_id, scope=service.gateway, call_id=service.call_id)

    @app.post("/v1/agents/{agent_id}/play")
    async def play(agent_id: str, request: Request, person: Person) -> Response:
        body = await body_of(request, Play)
        service = await service_of(parts, person, agent_id)
        return await play_to_customer(parts, person, service, await prompts_of(parts, person, body))


async def _seize(parts: Parts, person: Principal, own: str, service: AgentView) -> None:
    """Who has not signed in has nothing offered anyway, and their phone rings all the same."""
    asked = SeizeAgent(
        command_id=parts.new_id(),
        agent_id=own,
        call_id=service.call_id,
        purpose=Purpose.SUPERVISION,
        actor=person.user_id,
    )
    reply = await parts.commands.send(asked, person.tenant, call_id=service.call_id)
    if not reply.accepted and reply.reason is not Reason.NOT_SIGNED_IN:
        raise Refusal(reply.reason or Reason.INTERNAL, reply.message, reply.field)
