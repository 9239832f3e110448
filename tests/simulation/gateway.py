"""The media gateway and ivr as routing and agent-state see them: they ring phones, and what they tell of legs is the truth."""

import asyncio
from random import Random

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.call_commands import CallBack
from callstream.contracts.commands import CallTruth, DropOffer, LegTruth, ListLegs
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.envelope import Event, NewEvent, Recorded, encode_body
from callstream.contracts.states import LegRole, Purpose
from callstream.contracts.subjects import ANY, event_subject, events_of
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.memory_store import MemoryStore
from callstream.runtime.wire import header_block

from .network import Commands, Faults, FaultyStore
from .virtual_loop import LoopClock

Id = tuple[str, str]
"""(tenant, id)"""

NAME = "gw"
TWICE = 0.1
"""How often a fact is told twice, under another id."""


class Gateway:
    """One process, which is never killed here; its way to the log is sound, what it reads comes late."""

    def __init__(self, log: MemoryStore, commands: Commands, faults: Faults, random: Random) -> None:
        self.calls: dict[Id, asyncio.Event] = {}
        """Calls that are on; the event is set at their end."""
        self._log, self._commands, self._faults, self._random = log, commands, faults, random
        self._clock = LoopClock()
        self._picked_up: dict[Id, queue.OfferMade] = {}
        """Call → the offer whose phone was picked up."""
        self._answered_at: dict[Id, int] = {}
        """Offer → log position of its first answer."""
        self._ringing: dict[Id, tuple[queue.OfferMade, asyncio.Task[None]]] = {}
        self._called_back: dict[Id, asyncio.TimerHandle] = {}
        """Calls of callbacks, and the end of their wait for the offer."""
        self._calling: set[asyncio.Task[None]] = set()
        self._count = 0

    async def start(self) -> None:
        self._commands.on(ListLegs, self._legs, "", lambda scope: scope == NAME)
        self._commands.on(DropOffer, self._drop, "", lambda scope: scope == NAME)
        self._commands.on(CallBack, self._call_back, "", lambda scope: scope == ANY)
        store = FaultyStore(self._log, self._faults)
        own = (events_of("call", "ended"), events_of("call", "offer-answered"))
        filters = [events_of("queue", "offer-made"), events_of("queue", "offer-withdrawn"), *own]
        await store.subscribe(filters, 0, self._take)

    def tell(self, tenant: str, of: str, fact: Event, call_id: str) -> int:
        """Append an event as its owner would; its log position."""
        self._count += 1
        new = NewEvent(
            id=f"w{self._count}",
            tenant=tenant,
            aggregate_id=of,
            time=self._clock.now(),
            event=fact,
            correlation_id=call_id,
        )
        block = header_block(new, fact.TYPE, "world")
        return self._log.inject(event_subject(tenant, fact.AGGREGATE, of, fact.NAME), encode_body(fact), block)

    def arrive(self, tenant: str, call_id: str) -> asyncio.Event:
        """A call comes in; the event is set when it is over."""
        arrived = call.CallArrived(caller="", called="+861012345678", trunk="t", gateway=NAME, leg_id=f"leg-{call_id}")
        self.tell(tenant, call_id, arrived, call_id)
        over = self.calls[tenant, call_id] = asyncio.Event()
        return over

    def talks(self, tenant: str, call_id: str) -> bool:
        """Whether an agent has picked up."""
        return (tenant, call_id) in self._picked_up

    async def _call_back(self, command: CallBack, _: str) -> str:
        """The call begins; should the offer not come, it ends by itself."""
        key = command.tenant, command.call_id
        if key not in self._called_back:
            dialled = call.CallDialled(
                agent_id=command.agent_id,
                callee=command.number,
                caller="+861012345678",
                gateway=NAME,
                purpose=Purpose.CALLBACK,
                leg_id=f"leg-{command.call_id}",
                agent_leg_id=f"leg-{command.offer_id}",
                request_id=command.request_id,
                callback_of=command.callback_of,
            )
            self.tell(command.tenant, command.call_id, dialled, command.call_id)
            self.calls[key] = asyncio.Event()
            self._called_back[key] = asyncio.get_running_loop().call_later(
                5, self.end, command.tenant, command.call_id, Reason.OFFER_LOST, Party.SYSTEM
            )
        return NAME

    async def _call_customer(self, tenant: str, offer: queue.OfferMade) -> None:
        """The agent is there: the customer answers, or not, or the agent does not wait for them."""
        random, key = self._random, (tenant, offer.call_id)
        await asyncio.sleep(random.choice((0.0, 0.1, 4.0, 20.0)))
        if self._picked_up.get(key) is not offer:
            return
        came = random.choice(("there", "there", "busy", "no-answer", "agent-hung-up"))
        if came == "there":
            for _ in range(1 + (random.random() < TWICE)):
                self.tell(tenant, offer.call_id, LegAnswered(leg_id=f"leg-{offer.call_id}", role=LegRole.CUSTOMER), offer.call_id)
            await asyncio.sleep(random.choice((0.0, 1.0, 5.0)))
            self.end(tenant, offer.call_id)
        else:
            self.end(tenant, offer.call_id, Reason(came), Party.SYSTEM)

    def end(self, tenant: str, call_id: str, reason: Reason = Reason.CALLER_HUNG_UP, party: Party = Party.CUSTOMER) -> None:
        """The call is over with all its legs."""
        over = self.calls.pop((tenant, call_id), None)
        if over is None:
            return
        offer = self._picked_up.pop((tenant, call_id), None)
        for key in [key for key, (ringing, _) in self._ringing.items() if key[0] == tenant and ringing.call_id == call_id]:
            self._ringing.pop(key)[1].cancel()
        legs = (_ended(offer, Reason.CALLER_HUNG_UP),) if offer is not None else ()
        for _ in range(1 + (self._random.random() < TWICE)):
            self.tell(tenant, call_id, call.CallEnded(reason=reason, party=party, legs=legs), call_id)
        over.set()

    async def _take(self, batch: list[Recorded]) -> None:
        for recorded in batch:
            event, tenant = recorded.event, recorded.tenant
            if isinstance(event, queue.OfferMade) and (tenant, event.call_id) in self.calls:
                if (waits := self._called_back.get((tenant, event.call_id))) is not None:
                    waits.cancel()
                if (tenant, event.call_id) not in self._picked_up:
                    ringing = self._ring(tenant, event, recorded.aggregate_id)
                    self._start_leg(tenant, event)
                    self._ringing[tenant, event.offer_id] = event, asyncio.create_task(ringing)
            elif isinstance(event, call.OfferAnswered) and (tenant, recorded.aggregate_id) in self._called_back:
                offer = self._picked_up.get((tenant, recorded.aggregate_id))
                if offer is not None and recorded.seq == self._answered_at[tenant, offer.offer_id]:
                    self._calling.add(task := asyncio.create_task(self._call_customer(tenant, offer)))
                    task.add_done_callback(self._calling.discard)
            elif isinstance(event, queue.OfferWithdrawn):
                self._withdrawn(recorded, event)
            elif isinstance(event, call.CallEnded):  # by somebody else, who took this gateway for lost
                self.end(tenant, recorded.aggregate_id)

    async def _legs(self, _: ListLegs, __: str) -> list[CallTruth]:
        """The truth, for who asks."""
        legs: dict[Id, list[LegTruth]] = {key: [LegTruth(leg_id=f"leg-{key[1]}", role=LegRole.CUSTOMER)] for key in self.calls}
        offers = {(tenant, offer.offer_id): offer for (tenant, _), (offer, _) in self._ringing.items()}
        offers |= {(tenant, offer.offer_id): offer for (tenant, _), offer in self._picked_up.items()}
        for (tenant, offer_id), offer in offers.items():
            if (tenant, offer.call_id) in legs:
                answered = self._picked_up.get((tenant, offer.call_id)) is offer
                leg = LegTruth(
                    leg_id=f"leg-{offer_id}", role=LegRole.AGENT, agent_id=offer.agent_id, offer_id=offer_id, answered=answered
                )
                legs[tenant, offer.call_id].append(leg)
        return [CallTruth(tenant=tenant, call_id=call_id, legs=tuple(of)) for (tenant, call_id), of in legs.items()]

    async def _drop(self, command: DropOffer, _: str) -> None:
        for key in [key for key in self._ringing if key[1] == command.offer_id]:
            self._ringing.pop(key)[1].cancel()

    async def _ring(self, tenant: str, offer: queue.OfferMade, request_id: str) -> None:
        random = self._random
        how = random.choice(("answer", "answer", "answer", "answer", "answer", "silence", "reject", "unreachable"))
        await asyncio.sleep(random.choice((0.02, 0.02, 0.5, 0.5, 2.99, 3.0, 3.01)))
        if how == "answer":
            key = tenant, offer.call_id
            if key not in self.calls or key in self._picked_up:
                return
            self._picked_up[key] = offer
            self._ringing.pop((tenant, offer.offer_id), None)
            for _ in range(1 + (random.random() < TWICE)):
                answered = call.OfferAnswered(
                    offer_id=offer.offer_id, request_id=request_id, agent_id=offer.agent_id, leg_id=f"leg-{offer.offer_id}"
                )
                seq = self.tell(tenant, offer.call_id, answered, offer.call_id)
                self._answered_at.setdefault((tenant, offer.offer_id), seq)
            if key in self._called_back:
                return  # whether the answer counts is for the log to say
            await asyncio.sleep(random.choice((0.0, 0.1, 1.0, 5.0)))
            if self._picked_up.get(key) is offer:
                if random.random() < 0.8:
                    self.end(tenant, offer.call_id)
                else:  # the agent hangs up first; the customer hears the survey
                    del self._picked_up[key]
                    self._end_leg(tenant, offer, Reason.AGENT_HUNG_UP)
                    await asyncio.sleep(random.choice((0.001, 2.0)))
                    self.end(tenant, offer.call_id)
        elif how != "silence":
            self._ringing.pop((tenant, offer.offer_id), None)
            reason = Reason.AGENT_REJECTED if how == "reject" else Reason.AGENT_UNREACHABLE
            failed = call.OfferFailed(
                offer_id=offer.offer_id, request_id=request_id, agent_id=offer.agent_id, reason=reason, sip_status=480
            )
            self.tell(tenant, offer.call_id, failed, offer.call_id)
            if (tenant, offer.call_id) in self._called_back:
                self.end(tenant, offer.call_id, reason, Party.AGENT)

    def _withdrawn(self, recorded: Recorded, event: queue.OfferWithdrawn) -> None:
        """Stops ringing. An answer that stands behind the withdrawal is lost: the agent's leg is ended."""
        ringing = self._ringing.pop((recorded.tenant, event.offer_id), None)
        answered_at = self._answered_at.get((recorded.tenant, event.offer_id))
        if answered_at is None:
            if ringing is not None:
                ringing[1].cancel()
            if (recorded.tenant, event.call_id) in self._called_back:
                self.end(recorded.tenant, event.call_id, event.reason, Party.SYSTEM)
        elif recorded.seq < answered_at:
            offer = self._picked_up.get((recorded.tenant, event.call_id))
            if offer is not None and offer.offer_id == event.offer_id:
                del self._picked_up[recorded.tenant, event.call_id]
                self._end_leg(recorded.tenant, offer, Reason.OFFER_LOST)
                if (recorded.tenant, event.call_id) in self._called_back:
                    self.end(recorded.tenant, event.call_id, Reason.OFFER_LOST, Party.SYSTEM)

    def _start_leg(self, tenant: str, offer: queue.OfferMade) -> None:
        started = call.LegStarted(
            leg_id=f"leg-{offer.offer_id}", role=LegRole.AGENT, agent_id=offer.agent_id, offer_id=offer.offer_id
        )
        self.tell(tenant, offer.call_id, call.LegRinging(leg_id=started.leg_id, started=started), offer.call_id)

    def _end_leg(self, tenant: str, offer: queue.OfferMade, reason: Reason) -> None:
        for _ in range(1 + (self._random.random() < TWICE)):
            self.tell(tenant, offer.call_id, _ended(offer, reason), offer.call_id)


def _ended(offer: queue.OfferMade, reason: Reason) -> call.LegEnded:
    return call.LegEnded(
        leg_id=f"leg-{offer.offer_id}", role=LegRole.AGENT, reason=reason, agent_id=offer.agent_id, offer_id=offer.offer_id
    )
