"""The commands of this service, each with the decision that answers it."""

from collections import Counter

from callstream.contracts.call_commands import SeizeAgent
from callstream.contracts.commands import (
    AgentView,
    EndWrapUp,
    ForceOffline,
    GetAgent,
    Heartbeat,
    ListAgents,
    ReleaseAgent,
    Reservation,
    ReserveAgent,
    SetState,
    SignIn,
    SignOut,
)
from callstream.contracts.config import Settings
from callstream.contracts.states import Channel
from callstream.kernel.clock import Clock
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration
from callstream_agent_state.app.on_command import CarryOut
from callstream_agent_state.app.sessions import Sessions
from callstream_agent_state.domain import choose, reserve
from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.roster import Roster


class AgentCommands:
    """Handlers: (command, tenant) → the result. Each raises Refusal."""

    def __init__(
        self, roster: Roster, carry_out: CarryOut, clock: Clock, configuration: Configuration, sessions: Sessions
    ) -> None:
        self._roster, self._carry_out, self._clock = roster, carry_out, clock
        self._configuration, self._sessions = configuration, sessions

    async def sign_in(self, command: SignIn, tenant: str) -> None:
        """`sign-in`"""
        settings = self._check(tenant, command.agent_id)
        document = self._configuration.agent(tenant, command.agent_id)
        choose.check_extension(command.agent_id, command.extension, self._roster.of_tenant(tenant))
        await self._carry_out(
            tenant, command.agent_id, command.command_id, lambda agent: choose.sign_in(agent, command, settings, document)
        )

    async def sign_out(self, command: SignOut, tenant: str) -> None:
        """`sign-out`"""
        self._check(tenant, command.agent_id)
        await self._carry_out(tenant, command.agent_id, command.command_id, lambda agent: choose.sign_out(agent, command))

    async def set_state(self, command: SetState, tenant: str) -> None:
        """`set-state`"""
        settings = self._check(tenant, command.agent_id)
        await self._carry_out(
            tenant, command.agent_id, command.command_id, lambda agent: choose.set_state(agent, command, settings)
        )

    async def end_wrap_up(self, command: EndWrapUp, tenant: str) -> None:
        """`end-wrap-up`"""
        self._check(tenant, command.agent_id)
        await self._carry_out(tenant, command.agent_id, command.command_id, lambda agent: choose.end_wrap_up(agent, command))

    async def force_offline(self, command: ForceOffline, tenant: str) -> None:
        """`force-offline`"""
        self._check(tenant, command.agent_id)
        await self._carry_out(tenant, command.agent_id, command.command_id, lambda agent: choose.force_offline(agent, command))

    async def heartbeat(self, command: Heartbeat, tenant: str) -> AgentView:
        """`heartbeat`: nothing is appended for it; the reaction sees a session come back."""
        self._check(tenant, command.agent_id)
        agent = self._roster.agent(tenant, command.agent_id)
        choose.heard(agent, command)
        self._sessions.beat(agent.key, command.session_id, self._clock.now())
        return view(agent)

    async def reserve(self, command: ReserveAgent, tenant: str) -> Reservation | None:
        """`reserve`; for voice, where the offer goes."""
        settings = self._check(tenant, command.agent_id)
        document = self._configuration.agent(tenant, command.agent_id)
        await self._carry_out(
            tenant,
            command.agent_id,
            command.command_id,
            lambda agent: reserve.reserve(agent, command, settings, document, self._clock.now()),
        )
        if command.channel is not Channel.VOICE:
            return None
        agent = self._roster.agent(tenant, command.agent_id)
        return Reservation(terminal=agent.ring_terminal, address=agent.ring_address)

    async def seize(self, command: SeizeAgent, tenant: str) -> Reservation:
        """`seize`; where the agent's own phone is."""
        self._check(tenant, command.agent_id)
        document = self._configuration.agent(tenant, command.agent_id)
        await self._carry_out(
            tenant,
            command.agent_id,
            command.command_id,
            lambda agent: reserve.seize(agent, command, document, self._clock.now()),
        )
        agent = self._roster.agent(tenant, command.agent_id)
        return Reservation(terminal=agent.ring_terminal, address=agent.ring_address)

    async def release(self, command: ReleaseAgent, tenant: str) -> None:
        """`release`"""
        settings = self._check(tenant, command.agent_id)
        await self._carry_out(
            tenant, command.agent_id, command.command_id, lambda agent: reserve.release(agent, command, settings)
        )

    async def get(self, command: GetAgent, tenant: str) -> AgentView:
        """`get`"""
        self._check(tenant, command.agent_id)
        return view(self._roster.agent(tenant, command.agent_id))

    async def list(self, _: ListAgents, tenant: str) -> list[AgentView]:
        """`list`: every agent of the configuration, and who is signed in although the configuration has lost them."""
        ids = {document.id for document in self._configuration.agents(tenant)}
        ids |= {agent.id for agent in self._roster.of_tenant(tenant) if agent.signed_in}
        return [view(self._roster.agent(tenant, agent_id)) for agent_id in sorted(ids)]

    def _check(self, tenant: str, agent_id: str) -> Settings:
        """The tenant's settings. Who is signed in may go on also when the configuration has lost them."""
        if self._configuration.agent(tenant, agent_id) is None and not self._roster.agent(tenant, agent_id).signed_in:
            raise Refusal(Reason.UNKNOWN_AGENT, f"there is no agent {agent_id!r}", "agent_id")
        return self._configuration.settings(tenant)


def view(agent: Agent) -> AgentView:
    """What others may know of an agent."""
    return AgentView(
        agent_id=agent.id,
        state=agent.state,
        since=agent.since.isoformat(timespec="milliseconds") if agent.since else "",
        reason=agent.reason,
        call_id=agent.call_id,
        next_state=agent.wish.state.value if agent.wish else "",
        gateway=agent.gateway if agent.call_id and not agent.awaits_call else "",
        presence=agent.presence,
        terminal=agent.terminal.value if agent.signed_in else "",
        extension=agent.extension,
        contacts=dict(Counter(channel.value for channel in agent.contacts.values())),
    )
