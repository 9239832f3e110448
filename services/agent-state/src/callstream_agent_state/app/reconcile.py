"""Asks the gateways every EVERY_S what they truly hold, and mends what differs from the log (domain/truth.py).

This service is the one owner of the calls of a lost gateway: it ends them in the log, at their own versions, under the ids
that the gateway would use itself. A gateway that was only frozen finds its calls ended and hangs up (ADR 11).
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog
from prometheus_client import Counter

from callstream.contracts.commands import CallTruth, DropOffer, ListLegs, Reply
from callstream.contracts.config import Settings
from callstream.contracts.envelope import NewEvent
from callstream.kernel.clock import Clock
from callstream.kernel.ids import derived_id
from callstream.kernel.outcomes import Reason
from callstream.runtime.commands import Commands
from callstream.runtime.event_store import EventStore, StoreRefused, StoreUnavailable, VersionConflict
from callstream.runtime.in_flight import InFlight
from callstream_agent_state.app.new_events import new_events
from callstream_agent_state.domain.calls import closing
from callstream_agent_state.domain.roster import Roster
from callstream_agent_state.domain.truth import LOST_AFTER, OF_CALL, Kind, Mismatch, Standing, compare, gateways, lost, mend

EVERY_S = 0.7
ANSWER_S = 1.2
"""A gateway under load may be slow; what is slower than this three times running is no gateway any more."""

mismatches = Counter("callstream_media_mismatches_total", "Differences between log and media that were mended.", ["kind"])
log = structlog.get_logger(__name__)

_truths = msgspec.json.Decoder(list[CallTruth])


class Reconcile:
    """`await look()` every EVERY_S while active; `forget()` whenever a look was missed."""

    def __init__(
        self,
        roster: Roster,
        in_flight: InFlight,
        store: EventStore,
        commands: Commands,
        clock: Clock,
        settings_of: Callable[[str], Settings],
        serves: Callable[[str], bool],
    ) -> None:
        self._roster, self._in_flight, self._store, self._commands = roster, in_flight, store, commands
        self._clock, self._settings_of, self._serves = clock, settings_of, serves
        self._standing: dict[str, Standing] = {}
        self._answered: dict[str, datetime] = {}

    def forget(self) -> None:
        """We stood by, or stood still: nothing that was seen before counts."""
        self._standing.clear()
        self._answered.clear()

    async def look(self) -> None:
        """One look at all gateways; a fault with one does not keep us from the others."""
        names = gateways(self._roster)
        self._standing = {name: standing for name, standing in self._standing.items() if name in names}
        self._answered = {name: at for name, at in self._answered.items() if name in names}
        results = await asyncio.gather(*(self._look_at(name) for name in sorted(names)), return_exceptions=True)
        for name, result in zip(sorted(names), results, strict=True):
            if isinstance(result, Exception):
                log.error("gateway not reconciled", gateway=name, error=repr(result))

    async def _look_at(self, gateway: str) -> None:
        self._answered.setdefault(gateway, self._clock.now())
        reply = await self._ask(gateway)
        now = self._clock.now()
        if reply.reason is not Reason.UNAVAILABLE:
            self._answered[gateway] = now
        if reply.accepted:
            truth = _truths.decode(reply.result)
            standing = self._standing.setdefault(gateway, Standing())
            for mismatch in standing.confirmed(compare(self._roster, gateway, truth), now):
                await self._mend(mismatch, now)
        elif now - self._answered[gateway] >= LOST_AFTER:  # a refusal (it is draining) is a sign of life too
            for mismatch in lost(self._roster, gateway):
                await self._mend(mismatch, now)

    async def _ask(self, gateway: str) -> Reply:
        """What the gateway holds; `unavailable` when it does not answer."""
        asked = ListLegs(command_id=f"legs-{secrets.token_hex(8)}")
        return await self._commands.send(asked, gateway, timeout_s=ANSWER_S / 2, retries=1)

    async def _mend(self, mismatch: Mismatch, now: datetime) -> None:
        """Nothing is mended for tenants of another copy; nor by who stood still while it asked: the silence was its own."""
        done = False
        if not self._serves(mismatch.tenant):
            return
        if mismatch.kind in OF_CALL:
            done = await self._end_call(mismatch, now)
        elif mismatch.kind is Kind.STRAY_OFFER:
            done = await self._drop_offer(mismatch)
        else:
            done = self._correct_agent(mismatch, now)
        if done:
            mismatches.labels(mismatch.kind).inc()
            log.warning(
                "media mismatch mended",
                kind=mismatch.kind.value,
                gateway=mismatch.gateway,
                call_id=mismatch.call_id,
                agent_id=mismatch.agent_id,
                offer_id=mismatch.offer_id,
            )

    async def _end_call(self, mismatch: Mismatch, now: datetime) -> bool:
        open_call = self._roster.calls.calls.get((mismatch.tenant, mismatch.call_id))
        if open_call is None:
            return False
        told = await self._store.read(mismatch.tenant, "call", mismatch.call_id)
        if not self._serves(mismatch.tenant):
            return False  # the version just read fences nobody who stood still before reading it
        key, fact = closing(open_call)
        new = NewEvent(
            id=f"{mismatch.call_id}-{key}",
            tenant=mismatch.tenant,
            aggregate_id=mismatch.call_id,
            time=now,
            event=fact,
            correlation_id=mismatch.call_id,
        )
        try:
            await self._store.append("call", mismatch.call_id, mismatch.tenant, [new], told[-1].seq if told else 0)
        except (VersionConflict, StoreRefused, StoreUnavailable) as error:
            log.warning("a lost call is not ended yet", call_id=mismatch.call_id, error=str(error))
            return False
        return True

    async def _drop_offer(self, mismatch: Mismatch) -> bool:
        command_id = derived_id("drop-offer", mismatch.offer_id)
        command = DropOffer(command_id=command_id, call_id=mismatch.call_id, offer_id=mismatch.offer_id)
        reply = await self._commands.send(command, mismatch.gateway, timeout_s=ANSWER_S, retries=0, call_id=mismatch.call_id)
        return reply.accepted

    def _correct_agent(self, mismatch: Mismatch, now: datetime) -> bool:
        agent = self._roster.agent(mismatch.tenant, mismatch.agent_id)
        if (mismatch.tenant, "agent", agent.id) in self._in_flight:
            return False
        change = mend(agent, mismatch, self._settings_of(mismatch.tenant), now)
        if change is None:
            return False
        self._in_flight.append("agent", agent.id, agent.tenant, new_events(agent, change, now), agent.version)
        return True
