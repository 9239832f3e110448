"""Callers, a gateway and agents around the real routing and agent-state, which are killed and started again at random."""

import asyncio
from collections.abc import Callable
from random import Random

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.commands import EndWrapUp, ReleaseAgent, ReserveAgent, SetState, SignIn, SignOut
from callstream.contracts.config import Agent, Settings, SkillGroup
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.ivr_events import AgentRequested
from callstream.contracts.states import AgentState, LegRole, MissedPolicy
from callstream.contracts.subjects import ALL_EVENTS, events_of
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.config_watch import Configuration
from callstream.runtime.follower import Follower
from callstream.runtime.in_flight import InFlight
from callstream.runtime.memory_store import MemoryStore
from callstream_agent_state.app.commands import AgentCommands
from callstream_agent_state.app.on_command import CarryOut
from callstream_agent_state.app.react import Reaction as AgentReaction
from callstream_agent_state.app.sessions import Sessions
from callstream_agent_state.app.waiting import Waiting
from callstream_agent_state.domain.roster import FOLLOWS as AGENT_FOLLOWS
from callstream_agent_state.domain.roster import Roster
from callstream_routing.app.configure import Configure
from callstream_routing.app.offer import Offering
from callstream_routing.app.react import Reaction as RoutingReaction
from callstream_routing.domain.evolve import FOLLOWS as ROUTING_FOLLOWS
from callstream_routing.domain.hall import Hall

from .network import Commands, Faults, FaultyStore
from .virtual_loop import LoopClock, VirtualLoop, process

TENANT = "acme"
MOMENTS = ("state-changed", "state-changed", "offer-made", "offer-withdrawn", "offer-answered", "agent-requested", "ended")
GROUPS = {"sales": ("1001", "1002", "1003"), "support": ("1003", "1004")}


class World:
    """Everything of one history. `random` decides all; the same seed gives the same history."""

    def __init__(self, seed: int, fault_rate: float) -> None:
        self.random = Random(seed)
        self.faults = Faults(self.random, fault_rate)
        self.clock = LoopClock()
        self.log = MemoryStore()
        self.commands = Commands(self.faults)
        self.configuration = Configuration.of(
            {
                TENANT: [
                    Settings(
                        ring_timeout_s=self.random.choice((3, 8)),
                        missed_policy=self.random.choice(list(MissedPolicy)),
                        missed_limit=2,
                        wrap_up_s=self.random.choice((1, 5)),
                    ),
                    *[SkillGroup(id=group, name=group) for group in GROUPS],
                    *[_agent(agent_id) for agent_id in self.agent_ids],
                ]
            }
        )
        self.gateway = Gateway(self)
        self.hall = Hall()
        self.roster = Roster()
        self._stores: dict[str, FaultyStore] = {}
        self._moment = ""
        self._struck = asyncio.Event()
        self._count = 0

    @property
    def agent_ids(self) -> list[str]:
        return sorted({agent_id for agents in GROUPS.values() for agent_id in agents})

    def id(self) -> str:
        self._count += 1
        return f"w{self._count}"

    # processes

    async def start(self, service: str) -> None:
        """Start routing or agent-state from the log."""
        token = process.set(service)
        store = self._stores[service] = FaultyStore(self.log, self.faults)
        follower = await (self._routing(store) if service == "routing" else self._agent_state(store))
        process.reset(token)
        await follower.live.wait()

    def kill(self, service: str) -> None:
        """kill -9"""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.kill(service)
        self._stores[service].cut()
        self.commands.forget(service)

    async def _routing(self, store: FaultyStore) -> Follower:
        hall = self.hall = Hall()
        in_flight = InFlight(store)
        configure = Configure(hall, self.configuration)
        offering = Offering(hall, store, self.commands, self.configuration, self.clock)
        reaction = RoutingReaction(hall, in_flight, offering, configure, self.clock)
        follower = Follower(
            store, ROUTING_FOLLOWS, hall.evolve, name="routing", clock=self.clock, react=reaction,
            next_due=hall.timers.next_due, in_flight=in_flight,
        )  # fmt: skip
        offering.wake = follower.wake
        await follower.start()
        return follower

    async def _agent_state(self, store: FaultyStore) -> Follower:
        roster, waiting, sessions = Roster(), Waiting(), Sessions(self.clock.now())
        self.roster = roster
        in_flight = InFlight(store)
        reaction = AgentReaction(roster, in_flight, waiting, self.clock, self.configuration, sessions)
        follower = Follower(
            store, AGENT_FOLLOWS, roster.evolve, name="agent-state", clock=self.clock, react=reaction,
            next_due=roster.timers.next_due, in_flight=in_flight,
        )  # fmt: skip
        await follower.start()
        carry_out = CarryOut(roster, in_flight, waiting, self.clock)
        handlers = AgentCommands(roster, carry_out, self.clock, self.configuration, sessions)
        self.commands.on(SignIn, handlers.sign_in)
        self.commands.on(SignOut, handlers.sign_out)
        self.commands.on(SetState, handlers.set_state)
        self.commands.on(EndWrapUp, handlers.end_wrap_up)
        self.commands.on(ReserveAgent, handlers.reserve)
        self.commands.on(ReleaseAgent, handlers.release)
        return follower

    # people

    async def tell(self, fact: Event, of: str, call_id: str) -> None:
        """Append an event as its owner would; that owner's way to the log is sound."""
        new = NewEvent(id=self.id(), tenant=TENANT, aggregate_id=of, time=self.clock.now(), event=fact, correlation_id=call_id)
        await self.log.append(fact.AGGREGATE, of, TENANT, (new,), None)

    async def caller(self, number: int, arrives_s: float) -> None:
        """Calls, asks for an agent, and leaves when patience or talk is over; sometimes before the request is in the log."""
        await asyncio.sleep(arrives_s)
        call_id, request_id = f"c{number}", f"r{number}"
        arrived = call.CallArrived(caller="", called="+861012345678", trunk="t", gateway="gw", leg_id=f"leg-{call_id}")
        await self.tell(arrived, call_id, call_id)
        self.gateway.calls[call_id] = asyncio.Event()
        asked = AgentRequested(
            request_id=request_id, call_id=call_id, group_id=self.random.choice((*GROUPS, *GROUPS, *GROUPS, "nowhere")),
            caller="", called="+861012345678", gateway="gw", customer_leg_id=f"leg-{call_id}", handled=0,
            priority=self.random.choice((0, 0, 0, 5)),
        )  # fmt: skip
        if self.random.random() < 0.1:  # ivr was behind: the caller had hung up already
            await self.gateway.end(call_id)
        await self.tell(asked, call_id, call_id)
        if call_id not in self.gateway.calls:
            return
        patience_s = self.random.choice((0.0, 0.01, 3.0, 20.0, 60.0, 600.0, 600.0, 600.0))
        try:
            async with asyncio.timeout(patience_s):
                await self.gateway.calls[call_id].wait()
        except TimeoutError:
            await self.gateway.end(call_id)

    async def agent(self, agent_id: str, until_s: float) -> None:
        """Signs in, and now and then does as agents do."""
        loop = asyncio.get_running_loop()
        await self.commands.send(SignIn(command_id=self.id(), agent_id=agent_id, actor=agent_id), TENANT)
        while loop.time() < until_s:
            asked = self.random.choice(
                (
                    SignIn(command_id=self.id(), agent_id=agent_id, actor=agent_id),
                    SignIn(command_id=self.id(), agent_id=agent_id, actor=agent_id),
                    SetState(command_id=self.id(), agent_id=agent_id, actor=agent_id, state=AgentState.IDLE),
                    SetState(command_id=self.id(), agent_id=agent_id, actor=agent_id, state=AgentState.IDLE),
                    SetState(command_id=self.id(), agent_id=agent_id, actor=agent_id, state=AgentState.BREAK, reason="meal"),
                    EndWrapUp(command_id=self.id(), agent_id=agent_id, actor=agent_id),
                    SignOut(command_id=self.id(), agent_id=agent_id, actor=agent_id),
                )
            )
            await self.commands.send(asked, TENANT)
            await asyncio.sleep(self.random.expovariate(1 / 10))

    async def trouble(self, until_s: float) -> None:
        """Kills services at the moments that hurt, just when an event has come into the log, and starts them again."""
        loop = asyncio.get_running_loop()
        watch = await self.log.subscribe([ALL_EVENTS], 0, self._strike)
        while loop.time() < until_s:
            await asyncio.sleep(self.random.expovariate(1 / 6))
            self._moment = self.random.choice(MOMENTS)
            self._struck = asyncio.Event()
            try:
                async with asyncio.timeout(5):
                    await self._struck.wait()
            except TimeoutError:
                continue
            service = self.random.choice(tuple(self._stores))
            self.kill(service)
            await asyncio.sleep(self.random.choice((0.0, 0.5, 5.0)))
            await self.start(service)
        await watch.stop()

    async def _strike(self, batch: list[Recorded]) -> None:
        if any(self._moment == recorded.event.NAME for recorded in batch):
            self._struck.set()

    async def told(self) -> list[Recorded]:
        """The whole log."""
        return self.log.decode(self.log.messages)

    async def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait for a condition of the services' states."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not condition() and loop.time() < end:
            await asyncio.sleep(0.1)
        return condition()


class Gateway:
    """Rings phones, and tells the truth about legs. One process that is never killed here."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.calls: dict[str, asyncio.Event] = {}
        """Calls that are on; the event is set at their end."""
        self.talking: dict[str, tuple[str, int]] = {}
        """call → (offer, log position of its answer)"""
        self._agents: dict[str, str] = {}
        self._ringing: dict[str, asyncio.Task[None]] = {}

    def in_talk(self, agent_id: str) -> bool:
        """Whether the agent's phone is in a call now."""
        return agent_id in {self._agents[offer_id] for offer_id, _ in self.talking.values()}

    async def start(self) -> None:
        store = FaultyStore(self._world.log, self._world.faults)
        filters = [events_of("queue", "offer-made"), events_of("queue", "offer-withdrawn"), events_of("call", "offer-answered")]
        await store.subscribe(filters, 0, self._take)

    async def _take(self, batch: list[Recorded]) -> None:
        for recorded in batch:
            event = recorded.event
            if isinstance(event, queue.OfferMade) and event.call_id in self.calls and event.call_id not in self.talking:
                self._ringing[event.offer_id] = asyncio.create_task(self._ring(event, recorded.aggregate_id))
            elif isinstance(event, queue.OfferWithdrawn):
                await self._withdrawn(recorded, event)
            elif isinstance(event, call.OfferAnswered) and recorded.aggregate_id in self.talking:
                self.talking[recorded.aggregate_id] = (event.offer_id, recorded.seq)

    async def _ring(self, offer: queue.OfferMade, request_id: str) -> None:
        random = self._world.random
        how = random.choice(("answer", "answer", "answer", "answer", "silence", "reject", "unreachable"))
        await asyncio.sleep(random.choice((0.02, 0.02, 0.5, 2.99, 3.0, 3.01)))
        if how == "answer":
            answered = call.OfferAnswered(
                offer_id=offer.offer_id, request_id=request_id, agent_id=offer.agent_id, leg_id=f"leg-{offer.offer_id}"
            )
            if offer.call_id not in self.calls or offer.call_id in self.talking:
                return
            self.talking[offer.call_id] = (offer.offer_id, 0)
            self._agents[offer.offer_id] = offer.agent_id
            await self._world.tell(answered, offer.call_id, offer.call_id)
            if random.random() < 0.2:  # told twice
                await self._world.tell(answered, offer.call_id, offer.call_id)
            await asyncio.sleep(random.choice((0.0, 0.1, 1.0, 5.0)))
            if self.talking.get(offer.call_id, ("", 0))[0] == offer.offer_id:
                await self.end(offer.call_id)
        elif how != "silence":
            reason = Reason.AGENT_REJECTED if how == "reject" else Reason.AGENT_UNREACHABLE
            failed = call.OfferFailed(
                offer_id=offer.offer_id, request_id=request_id, agent_id=offer.agent_id, reason=reason, sip_status=480
            )
            await self._world.tell(failed, offer.call_id, offer.call_id)

    async def _withdrawn(self, recorded: Recorded, event: queue.OfferWithdrawn) -> None:
        """Stops ringing. An answer that stands behind the withdrawal is lost: the agent's leg is ended."""
        ringing = self._ringing.pop(event.offer_id, None)
        offer_id, answered_at = self.talking.get(event.call_id, ("", 0))
        if offer_id == event.offer_id:
            if answered_at == 0 or recorded.seq < answered_at:
                answered = [
                    r.seq
                    for r in self._world.log.decode(self._world.log.messages)
                    if isinstance(r.event, call.OfferAnswered) and r.event.offer_id == offer_id
                ]
                if answered and answered[0] < recorded.seq:
                    return
                del self.talking[event.call_id]
                await self._leg_ended(event.call_id, offer_id, Reason.OFFER_LOST)
        elif ringing is not None:
            ringing.cancel()

    async def end(self, call_id: str) -> None:
        """The call is over: all its legs, then itself."""
        over = self.calls.pop(call_id, None)
        if over is None:
            return
        offer_id, _ = self.talking.pop(call_id, ("", 0))
        if offer_id:
            await self._leg_ended(call_id, offer_id, Reason.CALLER_HUNG_UP)
        ended = call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)
        await self._world.tell(ended, call_id, call_id)
        if self._world.random.random() < 0.2:  # told twice
            await self._world.tell(ended, call_id, call_id)
        over.set()

    async def _leg_ended(self, call_id: str, offer_id: str, reason: Reason) -> None:
        ended = call.LegEnded(
            leg_id=f"leg-{offer_id}", role=LegRole.AGENT, reason=reason, agent_id=self._agents[offer_id], offer_id=offer_id
        )
        await self._world.tell(ended, call_id, call_id)


def _agent(agent_id: str) -> Agent:
    groups = tuple(group for group, agents in GROUPS.items() if agent_id in agents)
    return Agent(id=agent_id, name=agent_id, email=f"{agent_id}@example.org", groups=groups, sip_user=agent_id)
