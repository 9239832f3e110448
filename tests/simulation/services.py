"""The real routing and agent-state as simulated processes: what their `main.wire` does, in virtual time, on a bad network."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from callstream.contracts.commands import EndWrapUp, ForceOffline, ReleaseAgent, ReserveAgent, SetState, SignIn, SignOut
from callstream.contracts.envelope import Recorded
from callstream.runtime.config_watch import Configuration
from callstream.runtime.follower import Follower
from callstream.runtime.in_flight import InFlight
from callstream.runtime.memory_store import MemoryStore
from callstream.runtime.snapshots import MemorySnapshots, Snapshot
from callstream_agent_state.app.commands import AgentCommands
from callstream_agent_state.app.on_command import CarryOut
from callstream_agent_state.app.react import Reaction as AgentReaction
from callstream_agent_state.app.reconcile import EVERY_S, Reconcile
from callstream_agent_state.app.sessions import Sessions
from callstream_agent_state.app.waiting import Waiting
from callstream_agent_state.domain import keep as agent_keep
from callstream_agent_state.domain.roster import FOLLOWS as AGENT_FOLLOWS
from callstream_agent_state.domain.roster import Roster
from callstream_routing.app.configure import Configure
from callstream_routing.app.offer import Offering
from callstream_routing.app.react import Reaction as RoutingReaction
from callstream_routing.domain import keep as routing_keep
from callstream_routing.domain.evolve import FOLLOWS as ROUTING_FOLLOWS
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match

from .leases import Leases
from .network import Commands, Faults, FaultyStore
from .virtual_loop import LoopClock, process, virtual_loop, within

ROUTING, AGENT_STATE = "routing", "agent-state"
INSTANCES = {f"{service}-{number}": service for service in (ROUTING, AGENT_STATE) for number in (0, 1)}

SNAPSHOT_EVERY = 300
"""Events. Rare enough that some lives begin without one."""

OnMatch = Callable[[Hall, Match], None]


class Fleet:
    """Two instances of each service; `start`, `kill`, `freeze`, `thaw`, `deafen`, `hear` by instance name."""

    def __init__(self, log: MemoryStore, faults: Faults, configuration: Configuration, random: Random, on_match: OnMatch) -> None:
        self.commands = Commands(faults)
        self.clock = LoopClock()
        self.snapshots = MemorySnapshots()
        self.leases = {service: Leases(random) for service in (ROUTING, AGENT_STATE)}
        self.running: dict[str, RoutingInstance | AgentStateInstance] = {}
        self.log, self.faults, self.configuration, self.on_match = log, faults, configuration, on_match
        self._up_since: float | None = None
        self._up_s = 0.0
        for lease in self.leases.values():
            lease.changed = self._changed

    def uptime(self) -> float:
        """Seconds in which both services had an instance that was live and active: only these count for what is owed."""
        now = asyncio.get_running_loop().time()
        return self._up_s + (now - self._up_since if self._up_since is not None else 0.0)

    def active(self, service: str) -> "RoutingInstance | AgentStateInstance | None":
        """The instance that acts now, if one can."""
        name = self.leases[service].holder
        instance = self.running.get(name)
        if instance is None or not instance.follower.live.is_set() or not self.leases[service].held(name):
            return None
        return None if virtual_loop().is_frozen(name) else instance

    async def start(self, name: str) -> None:
        """Start an instance from the log; returns when it is live."""
        service = INSTANCES[name]
        token = process.set(name)
        make = RoutingInstance if service == ROUTING else AgentStateInstance
        instance = self.running[name] = make(self, name)
        await instance.follower.start()
        process.reset(token)
        self.leases[service].join(name, instance.follower.wake)
        await instance.follower.live.wait()
        if self.running.get(name) is instance:
            instance.listen()
        self._changed()

    def kill(self, name: str) -> None:
        """kill -9"""
        instance = self.running.pop(name)
        virtual_loop().kill(name)
        instance.store.cut()
        self.commands.forget(name)
        self.leases[INSTANCES[name]].leave(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP"""
        virtual_loop().freeze(name)
        self.leases[INSTANCES[name]].deafen(name)

    def thaw(self, name: str) -> None:
        """SIGCONT"""
        virtual_loop().thaw(name)
        if name in self.running:
            self.leases[INSTANCES[name]].hear(name)
        self._changed()

    def deafen(self, name: str) -> None:
        """The lease alone cannot be renewed."""
        self.leases[INSTANCES[name]].deafen(name)

    def hear(self, name: str) -> None:
        if name in self.running and not virtual_loop().is_frozen(name):
            self.leases[INSTANCES[name]].hear(name)

    def _changed(self) -> None:
        now = asyncio.get_running_loop().time()
        up = all(self.active(service) is not None for service in self.leases)
        if up and self._up_since is None:
            self._up_since = now
        elif not up and self._up_since is not None:
            self._up_s += now - self._up_since
            self._up_since = None


class RoutingInstance:
    """As callstream_routing.main."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        hall = self.hall = Hall()
        self.store = FaultyStore(fleet.log, fleet.faults)
        in_flight = InFlight(self.store)
        configure = Configure(hall, fleet.configuration)
        offering = _Watched(hall, self.store, fleet.commands, fleet.configuration, fleet.clock)
        offering.on_match = fleet.on_match
        reaction = RoutingReaction(hall, in_flight, offering, configure, fleet.clock)
        lease = fleet.leases[ROUTING]

        def evolve(recorded: Recorded) -> None:
            configure.load_once()
            hall.evolve(recorded)

        def put_back(kept: routing_keep.Kept) -> None:
            configure.load_once()
            routing_keep.restore(hall, kept)

        self.follower = Follower(
            self.store,
            ROUTING_FOLLOWS,
            evolve,
            name=ROUTING,
            clock=fleet.clock,
            react=reaction,
            next_due=hall.timers.next_due,
            in_flight=in_flight,
            active=lambda: lease.held(name),
            snapshot=Snapshot(routing_keep.VERSION, routing_keep.Kept, lambda: routing_keep.take(hall), put_back),
            snapshots=fleet.snapshots,
            snapshot_every=SNAPSHOT_EVERY,
        )
        offering.wake = self.follower.wake

    def listen(self) -> None:
        """Nobody in this world asks routing."""


class _Watched(Offering):
    """Tells of each match at the moment it is made."""

    on_match: OnMatch

    def start(self, found: Match) -> None:
        self.on_match(self._hall, found)
        super().start(found)


class AgentStateInstance:
    """As callstream_agent_state.main."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        roster = self.roster = Roster()
        waiting, sessions = Waiting(), Sessions(fleet.clock.now())
        self.store = FaultyStore(fleet.log, fleet.faults)
        in_flight = InFlight(self.store)
        self._fleet, self._name, self._sessions = fleet, name, sessions
        reaction = AgentReaction(roster, in_flight, waiting, fleet.clock, fleet.configuration, sessions)
        self._lease = fleet.leases[AGENT_STATE]
        self.follower = Follower(
            self.store,
            AGENT_FOLLOWS,
            roster.evolve,
            name=AGENT_STATE,
            clock=fleet.clock,
            react=reaction,
            next_due=roster.timers.next_due,
            in_flight=in_flight,
            active=self._active,
            snapshot=Snapshot(
                agent_keep.VERSION,
                agent_keep.Kept,
                lambda: agent_keep.take(roster),
                lambda kept: agent_keep.restore(roster, kept),
            ),
            snapshots=fleet.snapshots,
            snapshot_every=SNAPSHOT_EVERY,
        )
        carry_out = CarryOut(roster, in_flight, waiting, fleet.clock)
        self._handlers = AgentCommands(roster, carry_out, fleet.clock, fleet.configuration, sessions)
        commands: Any = fleet.commands
        settings = fleet.configuration.settings
        self._reconcile = Reconcile(roster, in_flight, self.store, commands, fleet.clock, settings, self._active)

    def _active(self) -> bool:
        return self._lease.held(self._name)

    async def watch(self) -> None:
        """As `every_second` of the real one."""
        clock = self._fleet.clock
        while True:
            await asyncio.sleep(EVERY_S)
            before, active = self._sessions.since, self._active()
            self._sessions.look(clock.now(), active=active)
            if not active or self._sessions.since != before:
                self._reconcile.forget()
            if active:
                await self._reconcile.look()

    def listen(self) -> None:
        """Answer commands, while active."""
        own = self._handlers
        for kind, handler in (
            (SignIn, own.sign_in),
            (SignOut, own.sign_out),
            (ForceOffline, own.force_offline),
            (SetState, own.set_state),
            (EndWrapUp, own.end_wrap_up),
            (ReserveAgent, own.reserve),
            (ReleaseAgent, own.release),
        ):
            self._fleet.commands.on(kind, handler, self._name, lambda _: self._active())
        within(self._name, lambda: asyncio.get_running_loop().create_task(self.watch()))
