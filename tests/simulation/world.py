"""One history: callers, agents and a gateway around two instances each of routing and agent-state, and trouble for all of them.

The seed decides everything; the same seed gives the same history.
"""

import asyncio
from collections.abc import Callable
from random import Random

from callstream.contracts.commands import AssignAgent, Command, EndWrapUp, ForceOffline, SetState, SignIn, SignOut, StopRequest
from callstream.contracts.config import Agent, CallbackPolicy, Document, ServiceLevel, Settings, SkillGroup
from callstream.contracts.envelope import Recorded
from callstream.contracts.ivr_events import AgentRequested, CallbackAsked
from callstream.contracts.states import AfterWrapUp, AgentState, Criterion, MissedPolicy
from callstream.runtime.config_watch import Configuration
from callstream.runtime.memory_store import MemoryStore
from callstream_routing.domain.group import Group
from callstream_routing.domain.hall import Hall
from callstream_routing.domain.match import Match
from callstream_routing.domain.request import Place
from callstream_routing.domain.supervise import SUPERVISOR

from .gateway import Gateway
from .monitor import Broken, Monitor
from .network import Faults
from .services import INSTANCES, Fleet

GROUPS = {
    "sales": ("1001", "1002", "1003"),
    "support": ("1003", "1004", "1005", "1006"),
    "vip": ("1001", "1004", "1007"),
}
TENANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "acme": GROUPS,
    "lotus": {"sales": ("1001", "1002"), "support": ("1002", "1003")},
}
"""The same ids in both: nothing may leak from one to the other. One is of the first share, one of the second."""
CRITERIA = [criterion for criterion in Criterion if criterion is not Criterion.SKILL_LEVEL]
MOMENTS = (
    *("state-changed", "state-changed", "offer-made", "offer-made", "offer-withdrawn", "offer-answered"),
    *("agent-requested", "queued", "left", "ended", "leg-ended", "next-state-chosen"),
    *("callback-asked", "dialled", "callback-tried"),
)


class WatchedLog(MemoryStore):
    """Shows every event, at the moment it is stored, to those who watch."""

    def __init__(self) -> None:
        super().__init__()
        self.watchers: list[Callable[[Recorded], None]] = []

    def inject(self, subject: str, payload: bytes, headers: bytes) -> int:
        seq = super().inject(subject, payload, headers)
        for recorded in self.decode(self.messages[-1:]):
            for watch in self.watchers:
                watch(recorded)
        return seq


class World:
    """See the module's docstring."""

    def __init__(self, seed: int, fault_rate: float) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.faults = Faults(self.random, fault_rate)
        self.log = WatchedLog()
        self.log.watchers = [self._judge, self._watch_moment]
        self.configuration = Configuration.of({tenant: self._documents(groups) for tenant, groups in TENANTS.items()})
        self.fleet = Fleet(self.log, self.faults, self.configuration, self.random, self._check_precedence)
        self.fleet.on_fault = lambda error: self.fail(Broken(f"a reaction failed: {error!r}"))
        self.gateway = Gateway(self.log, self.fleet.commands, self.faults, self.random)
        self.monitor = Monitor(TENANTS, self.fleet.uptime)
        self.broken: AssertionError | None = None
        """The first thing that was wrong. The history ends with it."""
        self.kills = 0
        self.over = asyncio.Event()
        self._moment, self._struck = "", asyncio.Event()
        self._count = 0

    def _documents(self, groups: dict[str, tuple[str, ...]]) -> list[Document]:
        random = self.random
        settings = Settings(
            ring_timeout_s=random.choice((3, 8)),
            missed_policy=random.choice(list(MissedPolicy)),
            missed_limit=2,
            wrap_up_s=random.choice((1, 5)),
            auto_idle=random.random() < 0.8,
            after_wrap_up=random.choice(list(AfterWrapUp)),
        )
        agents = sorted({agent_id for of in groups.values() for agent_id in of})
        return [
            settings,
            *[
                SkillGroup(
                    id=group,
                    name=group,
                    level=random.choice((0, 0, 2)),
                    ageing_s=random.choice((0, 0, 10)),
                    rank_by=tuple(random.sample(CRITERIA, 2)) if random.random() < 0.5 else (),
                    service_level=ServiceLevel() if random.random() < 0.3 else None,
                    max_waiting=random.choice((0, 0, 6)),
                    max_wait_s=random.choice((0, 0, 15)),
                    overflow=tuple(other for other in groups if other != group and random.random() < 0.5),
                    resume_s=random.choice((0, 60)),
                    callback=CallbackPolicy(attempts=random.choice((1, 2)), retry_s=10, expires_s=60),
                )
                for group in groups
            ],
            *[
                Agent(
                    id=agent_id,
                    name=agent_id,
                    email=f"{agent_id}@example.org",
                    groups=tuple(group for group, of in groups.items() if agent_id in of),
                    sip_user=agent_id,
                    level=random.choice((0, 0, 1)),
                )
                for agent_id in agents
            ],
        ]

    def id(self) -> str:
        self._count += 1
        return f"p{self._count}"

    # the judges

    def _judge(self, recorded: Recorded) -> None:
        if self.broken is not None:
            return
        try:
            self.monitor.see(recorded)
        except AssertionError as error:
            self.fail(error)

    def fail(self, error: AssertionError) -> None:
        """End the history with the first thing that was wrong."""
        self.broken = self.broken or error
        self.over.set()

    def _check_precedence(self, hall: Hall, found: Match) -> None:
        """Whoever could be offered to this agent and stands before the request that was chosen has been passed over, unless a
        supervisor chose (F212)."""
        if found.decision.rule == SUPERVISOR:
            return
        board = hall.board(found.tenant)
        chosen, seat = board.requests[found.request_id], board.seats[found.agent_id]
        heads = {
            group: min(desk.ready[0] for desk in able)
            for group in map(board.groups.__getitem__, seat.groups)
            if group.open and (able := [desk for desk in group.desks.values() if desk.ready and not seat.lacks(desk.need)])
        }

        def passed_over(own: Group) -> list[Place]:
            """Who stands before the request that was chosen, if it was chosen in this group."""
            place = chosen.places[own.id]
            claim = own.claim(place, chosen.requested_at)
            return [
                head
                for group, head in heads.items()
                if (head < place if group is own else group.claim(head, board.requests[head[-1]].requested_at) < claim)
            ]

        if not set(seat.groups) & set(chosen.groups):
            self.fail(Broken(f"agent {seat.id} serves none of {chosen.groups}"))
        wrong = [passed_over(board.groups[group_id]) for group_id in chosen.places]
        if all(wrong):
            self.fail(Broken(f"{wrong} was passed over by {chosen.places} for agent {seat.id}"))

    # people

    async def caller(self, tenant: str, number: int, arrives_s: float) -> None:
        """Calls, asks for an agent, and leaves when patience or talk is over; sometimes before the request is in the log."""
        await asyncio.sleep(arrives_s)
        random = self.random
        call_id, request_id = f"c{number}", f"r{number}"
        over = self.gateway.arrive(tenant, call_id)
        groups = tuple(TENANTS[tenant])
        caller = f"+86139{random.randrange(40):08d}" if random.random() < 0.5 else ""
        asked = AgentRequested(
            request_id=request_id,
            call_id=call_id,
            group_id=random.choice(groups) if random.random() < 0.95 else "nowhere",
            caller=caller,
            called="+861012345678",
            gateway="gw",
            customer_leg_id=f"leg-{call_id}",
            handled=0,
            priority=random.choice((0, 0, 0, 5)),
        )
        if random.random() < 0.05:  # ivr was behind: the caller had hung up already
            self.gateway.end(tenant, call_id)
        self.gateway.tell(tenant, call_id, asked, call_id)
        try:
            async with asyncio.timeout(random.choice((0.0, 0.01, 3.0, 20.0, 60.0, 600.0, 600.0, 600.0))):
                if caller and random.random() < 0.4:
                    await self._ask_back(tenant, call_id, request_id, caller)
                await over.wait()
        except TimeoutError:
            self.gateway.end(tenant, call_id)

    async def _ask_back(self, tenant: str, call_id: str, request_id: str, number: str) -> None:
        """After some waiting the caller wants to be called back, whatever routing is about to do; then they hang up, or wait to
        hear what came of it."""
        await asyncio.sleep(self.random.choice((0.0, 0.02, 1.0, 5.0)))
        if (tenant, call_id) not in self.gateway.calls:
            return
        asked = CallbackAsked(request_id=request_id, number=number, node_id="n", label="", key="1", handled=0)
        for _ in range(1 + (self.random.random() < 0.1)):
            self.gateway.tell(tenant, call_id, asked, call_id)
        await asyncio.sleep(self.random.choice((0.0, 0.05, 3.0)))
        if self.random.random() < 0.7 and not self.gateway.talks(tenant, call_id):
            self.gateway.end(tenant, call_id)

    async def agent(self, tenant: str, agent_id: str) -> None:
        """Signs in, and now and then does as agents do."""
        await self.fleet.commands.send(SignIn(command_id=self.id(), agent_id=agent_id, actor=agent_id), tenant)
        while True:
            await self.fleet.commands.send(self._whim(agent_id), tenant)
            await asyncio.sleep(self.random.expovariate(1 / 10))

    def _whim(self, agent_id: str) -> Command:
        kind = self.random.choice(("in", "in", "idle", "idle", "idle", "break", "busy-set", "end wrap-up", "out", "force"))
        if kind == "in":
            return SignIn(command_id=self.id(), agent_id=agent_id, actor=agent_id)
        if kind == "out":
            return SignOut(command_id=self.id(), agent_id=agent_id, actor=agent_id)
        if kind == "force":
            return ForceOffline(command_id=self.id(), agent_id=agent_id, actor="boss")
        if kind == "end wrap-up":
            return EndWrapUp(command_id=self.id(), agent_id=agent_id, actor=agent_id)
        reason = "meal" if kind == "break" else ""
        return SetState(command_id=self.id(), agent_id=agent_id, actor=agent_id, state=AgentState(kind), reason=reason)

    async def supervisor(self, tenant: str) -> None:
        """Now and then ends somebody's waiting, or has them offered to an agent of the supervisor's choice."""
        while True:
            await asyncio.sleep(self.random.expovariate(1 / 15))
            waiting = sorted(request_id for of, request_id in self.monitor.waiting if of == tenant)
            if not waiting:
                continue
            request_id = self.random.choice(waiting)
            agent_id = self.random.choice(self.configuration.agents(tenant)).id
            asked: Command = AssignAgent(command_id=self.id(), request_id=request_id, agent_id=agent_id, actor="boss")
            if self.random.random() < 0.3:
                asked = StopRequest(command_id=self.id(), request_id=request_id, actor="boss")
            await self.fleet.commands.send(asked, tenant)

    # trouble

    async def trouble(self) -> None:
        """Kills, freezes and cuts off instances at the moments that hurt: just when an event has come into the log."""
        while True:
            await asyncio.sleep(self.random.expovariate(1 / 6))
            self._moment, self._struck = self.random.choice(MOMENTS), asyncio.Event()
            try:
                async with asyncio.timeout(5):
                    await self._struck.wait()
            except TimeoutError:
                continue
            name = self.random.choice(tuple(INSTANCES))
            if name not in self.fleet.running:
                continue
            await self.random.choice((self._kill, self._kill, self._freeze, self._cut_off))(name)

    async def _kill(self, name: str) -> None:
        self.fleet.kill(name)
        self.kills += 1
        await asyncio.sleep(self.random.choice((0.0, 0.5, 5.0)))
        await self.fleet.start(name)

    async def _freeze(self, name: str) -> None:
        self.fleet.freeze(name)
        await asyncio.sleep(self.random.choice((0.3, 1.3, 2.0, 6.0)))
        self.fleet.thaw(name)

    async def _cut_off(self, name: str) -> None:
        self.fleet.deafen(name)
        await asyncio.sleep(self.random.choice((0.5, 1.3, 3.0)))
        self.fleet.hear(name)

    def _watch_moment(self, recorded: Recorded) -> None:
        if self._moment == recorded.event.NAME:
            self._struck.set()
