"""All calls of this gateway. Whatever happens anywhere comes here as an input, is decided by the call, and its effects are done.

Everything runs on one event loop. An input that comes up while another one's effects are being done waits its turn.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable

import structlog

from callstream.contracts.call_events import CallArrived, CallBlocked, CallDialled, DialRefused, OfferAnswered, OfferFailed
from callstream.contracts.envelope import Event, NewEvent
from callstream.kernel.clock import Clock
from callstream.runtime.event_store import EventStore
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters.caller_leg import CallerLeg
from callstream_media_gateway.adapters.outbox import LogHealth, Outbox
from callstream_media_gateway.adapters.phone_call_leg import PhoneCallLeg
from callstream_media_gateway.adapters.restored_leg import RestoredLeg
from callstream_media_gateway.app.dial_out import Prepared
from callstream_media_gateway.app.live_call import LiveCall
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.decide import begin, begin_dialled, command, decide
from callstream_media_gateway.domain.states import CustomerState

log = structlog.get_logger(__name__)

ARRIVAL_WITHIN_S = 2.0
"""A call that the log has not taken by then is refused: what cannot be recorded is not started."""

OFFER_OUTCOMES: dict[type[Event], str] = {OfferAnswered: "answered", OfferFailed: "failed"}

Perform = Callable[[LiveCall, do.Effect], None]


def _unheard(_: object) -> None:
    """Nobody keeps notes of the calls."""


class Switchboard:
    """The calls, by their ids and by their legs' ids. `perform` does the effects (app/perform.py); set before the first call."""

    perform: Perform

    def __init__(self, store: EventStore, health: LogHealth, clock: Clock) -> None:
        self.calls: dict[str, LiveCall] = {}
        self.by_leg: dict[str, LiveCall] = {}
        self.per_trunk: Counter[tuple[str, str]] = Counter()
        self.last_seq = 0
        """The newest log position that a call of ours has been told."""
        self._store, self._health, self._clock = store, health, clock
        self.empty = asyncio.Event()
        """Set while there is no call."""
        self.empty.set()
        self.noted: Callable[[LiveCall], None] = _unheard
        """Called after each step of a call, before its events are on their way to the log."""
        self.forgotten: Callable[[str], None] = _unheard
        """Called with the id of a call of which nothing more will come."""
        self._refused: dict[str, Outbox] = {}
        """Outboxes of calls that were refused but are told, by the event's id."""
        self._queue: deque[tuple[LiveCall, inputs.Input]] = deque()
        self._busy = False

    def begin(self, call_id: str, tenant: str, arrived: CallArrived, caller: CallerLeg) -> LiveCall:
        """Take in a call that was admitted."""
        call, effects = begin(call_id, tenant, arrived, self._clock.now(), caller.hops)
        live = self._begun(call, caller)
        caller.attach(lambda given: self.feed(live, given))
        self._do(live, effects)
        self._work_off()
        return live

    def begin_dialled(
        self,
        call_id: str,
        tenant: str,
        dialled: CallDialled,
        cause: str,
        prepared: dict[str, Prepared],
        mobile: str,
        own: PhoneCallLeg | None = None,
    ) -> LiveCall:
        """Begin an agent's call. `mobile`: the number that is the agent's phone, or empty; like the callee's it is prepared.
        `own`: the agent's phone has called us, with the dialled call's own leg."""
        hops, rings = None if own is None else own.hops, not mobile and own is None
        call, effects = begin_dialled(call_id, tenant, dialled, self._clock.now(), cause, mobile, auto_answer=rings, hops=hops)
        live = self._begun(call, None)
        if own is not None:
            live.phones[own.leg_id] = own
            own.attach(lambda given: self.feed(live, given))
        live.prepared.update(prepared)
        self._do(live, effects)
        self._work_off()
        return live

    def _begun(self, call: Call, caller: CallerLeg | None) -> LiveCall:
        live = LiveCall(call, caller, self._outbox(call.tenant, call.call_id))
        loop = asyncio.get_running_loop()
        live.patience = loop.call_later(ARRIVAL_WITHIN_S, lambda: self.feed(live, inputs.ArrivalNotStored()))
        self.enter(live)
        return live

    def restore(self, call: Call, caller: CallerLeg | RestoredLeg | None) -> LiveCall:
        """Take in a call of a former process."""
        live = LiveCall(call, caller, self._outbox(call.tenant, call.call_id))
        self.enter(live)
        return live

    def enter(self, live: LiveCall) -> None:
        """From now on it is one of our calls."""
        call = live.call
        self.calls[call.call_id] = live
        self.empty.clear()
        for leg_id in call.legs:
            self.by_leg[leg_id] = live
        if call.arrived is not None:
            self.per_trunk[call.tenant, call.arrived.trunk] += 1
        metrics.calls_active.inc()

    def _outbox(self, tenant: str, call_id: str) -> Outbox:
        def stored(version: int) -> None:
            self.last_seq = max(self.last_seq, version)
            live = self.calls.get(call_id)
            if live is None:
                return
            if not live.arrived_seq:
                live.arrived_seq = version
                if live.patience is not None:
                    live.patience.cancel()
                self.feed(live, inputs.ArrivalStored())
            if live.call.finished:
                self.release(live)

        def conflict() -> None:
            live = self.calls.get(call_id)
            if live is not None:
                self.feed(live, inputs.Superseded())

        return Outbox(self._store, self._health, self._clock, tenant, call_id, stored, conflict)

    def record_alone(self, event_id: str, tenant: str, fact: CallBlocked | DialRefused) -> None:
        """Tell the log of something that never became a call. Kept while the log is away, as a call's events are."""

        def dealt_with(_: int = 0) -> None:
            self._refused.pop(event_id, None)

        outbox = self._refused[event_id] = Outbox(
            self._store, self._health, self._clock, tenant, event_id, dealt_with, dealt_with
        )
        outbox.put(
            NewEvent(
                id=f"{event_id}-{fact.NAME}",
                tenant=tenant,
                aggregate_id=event_id,
                time=self._clock.now(),
                event=fact,
                correlation_id=event_id,
            )
        )

    def feed(self, live: LiveCall, given: inputs.Input) -> None:
        """One input. An error in it stops neither other inputs nor other calls."""
        self._queue.append((live, given))
        if not self._busy:
            self._work_off()

    def command(self, live: LiveCall, given: inputs.Input) -> None:
        """A command's input; raises Refusal. Commands come from the event loop, never out of an effect."""
        effects = command(live.call, given, self._clock.now())
        self._do(live, effects)
        self._work_off()

    def record(self, live: LiveCall, effect: do.Append) -> None:
        """Put an event into the call's outbox."""
        call, outcome = live.call, OFFER_OUTCOMES.get(type(effect.fact))
        if outcome is not None:
            metrics.offers.labels(outcome).inc()
        live.outbox.put(
            NewEvent(
                id=f"{call.call_id}-{effect.key}",
                tenant=call.tenant,
                aggregate_id=call.call_id,
                time=effect.time,
                event=effect.fact,
                correlation_id=call.call_id,
                causation_id=effect.cause,
            )
        )

    def _work_off(self) -> None:
        while self._queue:
            live, given = self._queue.popleft()
            try:
                self._do(live, decide(live.call, given, self._clock.now()))
            except Exception:
                log.exception("input not dealt with", call_id=live.call.call_id, given=type(given).__name__)

    def _do(self, live: LiveCall, effects: list[do.Effect]) -> None:
        self._busy = True
        try:
            for effect in effects:
                self.perform(live, effect)
        finally:
            self._busy = False
        self.noted(live)
        if live.call.customer is CustomerState.ENDED:
            self.release(live)

    def release(self, live: LiveCall) -> None:
        """Count a call that is over, once; forget it when nothing more will come of it."""
        call, ended = live.call, live.call.ended
        if not live.released and ended is not None:
            live.released = True
            metrics.calls_ended.labels(ended.reason, ended.party).inc()
            metrics.calls_active.dec()
            if call.arrived is not None:
                self.per_trunk[call.tenant, call.arrived.trunk] -= 1
        if call.finished and live.outbox.empty:
            self.calls.pop(call.call_id, None)
            live.caller = None  # who feeds us: a circle that only the collector would find
            self.forgotten(call.call_id)
            if not self.calls:
                self.empty.set()
