"""What agents do to their own state, and what supervisors and administrators do to it: /v1/agents.

A browser session names itself by `session_id` in each body; commands of a session that another has taken over are refused.
"""

import msgspec
from fastapi import FastAPI, Request, Response

from callstream.contracts.commands import AgentView, EndWrapUp, ForceOffline, Heartbeat, ListAgents, SetState, SignIn, SignOut
from callstream.contracts.config import Agent
from callstream.contracts.roles import Principal
from callstream.contracts.scalars import E164, Token
from callstream.contracts.states import AgentState, AnswerOnMobile, Terminal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, body_of
from callstream_console.app.act import Act
from callstream_console.app.on_bind_mobile import bind_mobile
from callstream_console.domain.manifest import Strict
from callstream_console.domain.permissions import Action, require, require_agent, sees
from callstream_console.domain.workplaces import extension_at
from callstream_console.http import reply_answer
from callstream_console.parts import Parts


class Session(Strict, frozen=True, kw_only=True):
    """Body of sign-out and end-wrap-up."""

    session_id: Token | None = None


class SignInBody(Strict, frozen=True, kw_only=True):
    """Body of sign-in."""

    session_id: Token | None = None
    terminal: Terminal | None = None
    """None: the agent's own."""


class Beat(Strict, frozen=True, kw_only=True):
    """Body of heartbeat."""

    session_id: Token


class StateChoice(Strict, frozen=True, kw_only=True):
    """Body of state."""

    state: AgentState
    reason: str = ""
    session_id: Token | None = None


class Mobile(Strict, frozen=True, kw_only=True):
    """Body of mobile (F047)."""

    mobile: E164 | None
    """None: unbind."""
    answer_on_mobile: AnswerOnMobile = AnswerOnMobile.NEVER


def add_agents(app: FastAPI, parts: Parts) -> None:
    """Enter the routes."""
    act = Act(parts)

    async def known(person: Principal, agent_id: str) -> Agent:
        """The agent, if this person may act for them: their own, one of their groups, or any."""
        agent_id = person.agent_id if agent_id == "me" else agent_id
        found = (await parts.documents.holdings(person.tenant)).documents.get((Agent.KIND, agent_id))
        require_agent(person, agent_id, found.groups if isinstance(found, Agent) else None)
        if not isinstance(found, Agent):
            raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{agent_id}'", "agent_id")
        return found

    async def extension(person: Principal, agent: Agent, terminal: Terminal | None, request: Request) -> str:
        """Of the workplace that the agent signs in from themselves, to answer on a desk phone (F062)."""
        if agent.id != person.agent_id or (terminal or agent.terminal) is not Terminal.DESK_PHONE or request.client is None:
            return ""
        return extension_at(await parts.documents.holdings(person.tenant), request.client.host)

    @app.get("/v1/agents")
    async def agents(person: Person) -> Response:
        require(person, Action.READ_AGENTS)
        reply = await parts.commands.send(ListAgents(command_id=parts.new_id()), person.tenant)
        if not reply.accepted:
            return reply_answer(reply)
        holdings = await parts.documents.holdings(person.tenant)
        groups = {agent.id: agent.groups for agent in holdings.of(Agent) if isinstance(agent, Agent)}
        views = msgspec.json.decode(reply.result, type=list[AgentView])
        return answer([view for view in views if sees(person, groups.get(view.agent_id, ()))])

    @app.post("/v1/agents/{agent_id}/sign-in")
    async def sign_in(agent_id: str, request: Request, person: Person) -> Response:
        agent = await known(person, agent_id)
        body = await body_of(request, SignInBody, optional=True)
        command = SignIn(
            command_id=parts.new_id(),
            agent_id=agent.id,
            actor=person.user_id,
            terminal=body.terminal or "",
            session_id=body.session_id or "",
            extension=await extension(person, agent, body.terminal, request),
        )
        return await act(command, person, agent.id)

    @app.post("/v1/agents/{agent_id}/heartbeat")
    async def heartbeat(agent_id: str, request: Request, person: Person) -> Response:
        body = await body_of(request, Beat)
        agent_id = person.agent_id if agent_id == "me" else agent_id
        if agent_id != person.agent_id:
            raise Refusal(Reason.FORBIDDEN, "a session is heard by its own agent", "agent_id")
        require(person, Action.ACT_AS_SELF)
        command = Heartbeat(command_id=parts.new_id(), agent_id=agent_id, session_id=body.session_id)
        return reply_answer(await parts.commands.send(command, person.tenant))

    @app.post("/v1/agents/{agent_id}/sign-out")
    async def sign_out(agent_id: str, request: Request, person: Person) -> Response:
        agent = await known(person, agent_id)
        session = (await body_of(request, Session, optional=True)).session_id or ""
        command = SignOut(command_id=parts.new_id(), agent_id=agent.id, actor=person.user_id, session_id=session)
        return await act(command, person, agent.id)

    @app.post("/v1/agents/{agent_id}/force-offline")
    async def force_offline(agent_id: str, person: Person) -> Response:
        agent = await known(person, agent_id)
        require(person, Action.FORCE_OFFLINE)
        return await act(ForceOffline(command_id=parts.new_id(), agent_id=agent.id, actor=person.user_id), person, agent.id)

    @app.post("/v1/agents/{agent_id}/state")
    async def set_state(agent_id: str, request: Request, person: Person) -> Response:
        agent = await known(person, agent_id)
        choice = await body_of(request, StateChoice)
        command = SetState(
            command_id=parts.new_id(),
            agent_id=agent.id,
            actor=person.user_id,
            state=choice.state,
            reason=choice.reason,
            session_id=choice.session_id or "",
            forced=agent.id != person.agent_id,
        )
        return await act(command, person, agent.id)

    @app.post("/v1/agents/{agent_id}/end-wrap-up")
    async def end_wrap_up(agent_id: str, request: Request, person: Person) -> Response:
        agent = await known(person, agent_id)
        session = (await body_of(request, Session, optional=True)).session_id or ""
        command = EndWrapUp(command_id=parts.new_id(), agent_id=agent.id, actor=person.user_id, session_id=session)
        return await act(command, person, agent.id)

    @app.put("/v1/agents/{agent_id}/mobile")
    async def set_mobile(agent_id: str, request: Request, person: Person) -> Response:
        agent = await known(person, agent_id)
        body = await body_of(request, Mobile)
        bound = await bind_mobile(parts.documents, person.tenant, agent.id, body.mobile, body.answer_on_mobile, person.user_id)
        parts.outbox.wake()
        return answer(bound)
