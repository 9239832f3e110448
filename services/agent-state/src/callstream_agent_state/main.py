"""agent-state as a process: its copies share the tenants, and stand by for each other with the same fold."""

import asyncio

import structlog

from callstream.contracts.call_commands import SeizeAgent
from callstream.contracts.commands import (
    EndWrapUp,
    ForceOffline,
    GetAgent,
    Heartbeat,
    ListAgents,
    ReleaseAgent,
    ReserveAgent,
    SetState,
    SignIn,
    SignOut,
)
from callstream.runtime.service import Service, run
from callstream.runtime.snapshots import Snapshot
from callstream.runtime.tasks import end
from callstream_agent_state.app.commands import AgentCommands
from callstream_agent_state.app.on_command import CarryOut
from callstream_agent_state.app.react import Reaction
from callstream_agent_state.app.reconcile import EVERY_S, Reconcile
from callstream_agent_state.app.sessions import Sessions
from callstream_agent_state.app.waiting import Waiting
from callstream_agent_state.domain.keep import VERSION, Kept, restore, take
from callstream_agent_state.domain.roster import FOLLOWS, Roster

log = structlog.get_logger(__name__)


async def wire(service: Service) -> None:
    """Everything that runs in this process."""
    roster, waiting, sessions = Roster(), Waiting(), Sessions(service.clock.now())
    in_flight = service.in_flight()
    shares = service.shares("agent-state")
    reaction = Reaction(roster, in_flight, waiting, service.clock, service.config, sessions, shares.held)
    follower = service.follow(
        FOLLOWS,
        roster.evolve,
        react=reaction,
        next_due=roster.timers.next_due,
        in_flight=in_flight,
        active=shares.any_held,
        snapshot=Snapshot(VERSION, Kept, lambda: take(roster), lambda kept: restore(roster, kept)),
    )
    carry_out = CarryOut(roster, in_flight, waiting, service.clock)
    commands = AgentCommands(roster, carry_out, service.clock, service.config, sessions)
    service.on_command(SignIn, commands.sign_in)
    service.on_command(SignOut, commands.sign_out)
    service.on_command(SetState, commands.set_state)
    service.on_command(EndWrapUp, commands.end_wrap_up)
    service.on_command(ForceOffline, commands.force_offline)
    service.on_command(Heartbeat, commands.heartbeat)
    service.on_command(ReserveAgent, commands.reserve)
    service.on_command(SeizeAgent, commands.seize)
    service.on_command(ReleaseAgent, commands.release)
    service.on_command(GetAgent, commands.get)
    service.on_command(ListAgents, commands.list)
    reconcile = Reconcile(roster, in_flight, service.store, service.commands, service.clock, service.config.settings, shares.held)
    watching: list[asyncio.Task[None]] = []

    def grace_s(tenant: str) -> int:
        return service.config.settings(tenant).session_grace_s

    async def keep_looking() -> None:
        """Sessions and gateways are looked at while this instance is the active one, which says that the broker answers too."""
        held = shares.now()
        loop = asyncio.get_running_loop()
        next_look = loop.time()
        while True:
            next_look = max(next_look + EVERY_S, loop.time())
            await asyncio.sleep(next_look - loop.time())
            before, active = sessions.since, shares.any_held()
            same, held = shares.now() == held, shares.now()
            sessions.look(service.clock.now(), active=active and same)
            if not active or sessions.since != before:
                reconcile.forget()
            if active:
                if silent := sessions.due(roster.agents.values(), grace_s, service.clock.now()):
                    roster.look_at(silent)
                    follower.wake()
                try:
                    await reconcile.look()
                except Exception:
                    log.exception("gateways not reconciled")

    async def start_watching() -> None:
        watching.append(asyncio.create_task(keep_looking()))

    async def stop_watching() -> None:
        await end(*watching)

    service.on_start.append(start_watching)
    service.on_stop.append(stop_watching)


def main() -> None:
    """The process's entry point."""
    run("agent-state", wire)


if __name__ == "__main__":
    main()
