"""agent-state as a process: one active instance (lease `agent-state`), others standing by with the same fold."""

from callstream.contracts.commands import (
    EndWrapUp,
    GetAgent,
    ListAgents,
    ReleaseAgent,
    ReserveAgent,
    SetState,
    SignIn,
    SignOut,
)
from callstream.runtime.service import Service, run
from callstream_agent_state.app.commands import AgentCommands
from callstream_agent_state.app.on_command import CarryOut
from callstream_agent_state.app.react import Reaction
from callstream_agent_state.app.waiting import Waiting
from callstream_agent_state.domain.roster import FOLLOWS, Roster


async def wire(service: Service) -> None:
    """Everything that runs in this process."""
    roster, waiting = Roster(), Waiting()
    in_flight = service.in_flight()
    lease = service.lease("agent-state")
    reaction = Reaction(roster, in_flight, waiting, service.clock, service.config.settings)
    service.follow(
        FOLLOWS, roster.evolve, react=reaction, next_due=roster.timers.next_due, in_flight=in_flight, active=lease.held
    )
    commands = AgentCommands(roster, CarryOut(roster, in_flight, waiting, service.clock), service.clock, service.config)
    service.on_command(SignIn, commands.sign_in)
    service.on_command(SignOut, commands.sign_out)
    service.on_command(SetState, commands.set_state)
    service.on_command(EndWrapUp, commands.end_wrap_up)
    service.on_command(ReserveAgent, commands.reserve)
    service.on_command(ReleaseAgent, commands.release)
    service.on_command(GetAgent, commands.get)
    service.on_command(ListAgents, commands.list)


def main() -> None:
    """The process's entry point."""
    run("agent-state", wire)


if __name__ == "__main__":
    main()
