"""Who sits at a workplace's phone now (F062): agent-state knows, by the agents' sign-ins."""

from collections.abc import Callable

import msgspec

from callstream.contracts.commands import AgentView, ListAgents
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.commands import Commands

_views = msgspec.json.Decoder(list[AgentView])


class Workplaces:
    """`new_id`: of a command."""

    def __init__(self, commands: Commands, new_id: Callable[[], str]) -> None:
        self._commands, self._new_id = commands, new_id

    async def agent_at(self, tenant: str, sip_user: str) -> str:
        """The agent, or empty when nobody is signed in there. Raises Refusal when agent-state does not say."""
        reply = await self._commands.send(ListAgents(command_id=self._new_id()), tenant)
        if not reply.accepted:
            raise Refusal(reply.reason or Reason.INTERNAL, reply.message)
        return next((view.agent_id for view in _views.decode(reply.result) if view.extension == sip_user), "")
