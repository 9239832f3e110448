"""GET /v1/directory: colleagues, groups and people outside, found as one types (F023, F140)."""

from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Response

from callstream.contracts.commands import AgentView, ListAgents
from callstream.contracts.config import Agent, SkillGroup
from callstream.runtime.api import Person, answer
from callstream_console.domain.contacts import Contact, find
from callstream_console.domain.directory import Directory, search
from callstream_console.domain.permissions import Action, require
from callstream_console.parts import Parts


class Found(Directory, frozen=True, kw_only=True):
    """What was found: the best first."""

    contacts: list[Contact]


def add_directory(app: FastAPI, parts: Parts) -> None:
    """Enter the route. When agent-state does not answer, people are found all the same, their states unknown."""

    @app.get("/v1/directory")
    async def directory(
        person: Person,
        q: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> Response:
        require(person, Action.ACT_AS_SELF)
        holdings = await parts.documents.holdings(person.tenant)
        agents = [agent for agent in holdings.of(Agent) if isinstance(agent, Agent)]
        groups = [group for group in holdings.of(SkillGroup) if isinstance(group, SkillGroup)]
        reply = await parts.commands.send(ListAgents(command_id=parts.new_id()), person.tenant)
        views = msgspec.json.decode(reply.result, type=list[AgentView]) if reply.accepted else []
        found = search(q, agents, groups, {view.agent_id: view for view in views}, limit)
        outside = find(q, await parts.contacts.seen_by(person.tenant, person.user_id), limit)
        return answer(Found(agents=found.agents, groups=found.groups, contacts=outside))
