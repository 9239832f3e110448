"""The real routing and agent-state as simulated processes: what their `main.wire` does, in virtual time, on a bad network."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain
from random import Random
from typing import Any
from zlib import crc32

from callstream.contracts.commands import (
    AssignAgent,
    EndWrapUp,
    ForceOffline,
    ReleaseAgent,
    ReserveAgent,
    SetState,
    SignIn,
    SignOut,
    StopRequest,
)
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
from callstream_routing.app.on_supervise import Supervise
from callstream_routing.app.react import Reaction as RoutingReaction
from callstream_routing.domain import keep as routing_keep
from callstream_routing.domain.evolve import FOLLOWS as ROUTING_FOLLOWS
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match

from .leases import ShareLease
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
        self.leases = {
            service: [ShareLease(random, name) for name in INSTANCES if INSTANCES[name] == service]
            for service in (ROUTING, AGENT_STATE)
        }
        self.running: dict[str, RoutingInstance | AgentStateInstance] = {}
        self.log, self.faults, self.configuration, self.on_match = log, faults, configuration, on_match
        self.on_fault: Callable[[Exception], None] = lambda _: None
        self._up_since: float | None = None
        self._up_s = 0.0
        for lease in chain.from_iterable(self.leases.values()):
            lease.changed = self._changed

    def uptime(self) -> float:
        """Seconds in which all shares of both services had an instance that was live and active: these count for what is owed."""
        now = asyncio.get_running_loop().time()
        return self._up_s + (now - self._up_since if self._up_since is not None else 0.0)

    def guarded(self, reaction: Callable[[], None]) -> Callable[[], None]:
        """A reaction that fails is a fault of ours, which the follower would only log."""

        def react() -> None:
            try:
                reaction()
            except Exception as error:
                self.on_fault(error)
                raise

        return react

    def serves(self, name: str, tenant: str) -> bool:
        """As callstream.runtime.shares: whether an instance takes itself for the one that acts for a tenant."""
        leases = self.leases[INSTANCES[name]]
        return leases[crc32(tenant.encode()) % len(leases)].held(name)

    def serves_any(self, name: str) -> bool:
        return any(lease.held(name) for lease in self.leases[INSTANCES[name]])

    def _acts(self, lease: ShareLease) -> bool:
        """Whether somebody can act under this lease."""
        instance = self.running.get(lease.holder)
        live = instance is not None and instance.follower.live.is_set()
        return live and lease.held(lease.holder) and not virtual_loop().is_frozen(lease.holder)

    async def start(self, name: str) -> None:
        """Start an instance from the log; returns when it is live."""
        token = process.set(name)
        make = RoutingInstance if INSTANCES[name] == ROUTING else AgentStateInstance
        instance = self.running[name] = make(self, name)
        await instance.follower.start()
        process.reset(token)
        for lease in self.leases[INSTANCES[name]]:
            lease.join(name, partial(self._woken, name, instance.follower))
        await instance.follower.live.wait()
        if self.running.get(name) is instance:
            instance.listen()
        self._changed()

    def _woken(self, name: str, follower: Follower) -> None:
        """A lease has changed hands."""
        follower.wake()
        self.commands.take_over(name)

    def kill(self, name: str) -> None:
        """kill -9"""
        instance = self.running.pop(name)
        virtual_loop().kill(name)
        instance.store.cut()
        self.commands.forget(name)
        for lease in self.leases[INSTANCES[name]]:
            lease.leave(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP"""
        virtual_loop().freeze(name)
        self.deafen(name)

    def thaw(self, name: str) -> None:
        """SIGCONT"""
        virtual_loop().thaw(name)
        self.hear(name)
        self._changed()

    def deafen(self, name: str) -> None:
        """The leases alone cannot be renewed."""
        for lease in self.leases[INSTANCES[name]]:
            lease.deafen(name)

    def hear(self, name: str) -> None:
        if name in self.running and not virtual_loop().is_frozen(name):
            for lease in self.leases[INSTANCES[name]]:
                lease.hear(name)

    def _changed(self) -> None:
        now = asyncio.get_running_loop().time()
        up = all(map(self._acts, chain.from_iterable(self.leases.values())))
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
        reaction = RoutingReaction(hall, in_flight, offering, configure, fleet.clock, lambda tenant: fleet.serves(name, tenant))

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
            react=fleet.guarded(reaction),
            next_due=hall.timers.next_due,
            in_flight=in_flight,
            active=lambda: fleet.serves_any(name),
            snapshot=Snapshot(routing_keep.VERSION, routing_keep.Kept, lambda: routing_keep.take(hall), put_back),
            snapshots=fleet.snapshots,
            snapshot_every=SNAPSHOT_EVERY,
        )
        offering.wake = self.follower.wake

        self._supervise = Supervise(hall, self.store, fleet.clock)
        self._fleet, self._name = fleet, name

    def listen(self) -> None:
        """Answer commands, while active."""
        serves = partial(self._fleet.serves, self._name)
        self._fleet.commands.on(StopRequest, self._supervise.stop, self._name, serves)
        self._fleet.commands.on(AssignAgent, self._supervise.assign, self._name, serves)


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
        reaction = AgentReaction(roster, in_flight, waiting, fleet.clock, fleet.configuration, sessions, self._serves)
        self.follower = Follower(
            self.store,
            AGENT_FOLLOWS,
            roster.evolve,
            name=AGENT_STATE,
            clock=fleet.clock,
            react=fleet.guarded(reaction),
            next_due=roster.timers.next_due,
            in_flight=in_flight,
            active=lambda: fleet.serves_any(name),
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
        self._reconcile = Reconcile(roster, in_flight, self.store, commands, fleet.clock, settings, self._serves)

    def _serves(self, tenant: str) -> bool:
        return self._fleet.serves(self._name, tenant)

    def _held(self) -> list[bool]:
        return [lease.held(self._name) for lease in self._fleet.leases[AGENT_STATE]]

    async def watch(self) -> None:
        """As `every_second` of the real one."""
        clock, held = self._fleet.clock, self._held()
        while True:
            await asyncio.sleep(EVERY_S)
            before, active = self._sessions.since, self._fleet.serves_any(self._name)
            same, held = self._held() == held, self._held()
            self._sessions.look(clock.now(), active=active and same)
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
            self._fleet.commands.on(kind, handler, self._name, self._serves)
        within(self._name, lambda: asyncio.get_running_loop().create_task(self.watch()))
