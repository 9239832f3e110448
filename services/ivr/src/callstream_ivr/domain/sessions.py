"""All sessions of this service: the fold of the log, which sessions have something to decide, and their timers."""

from datetime import datetime

import msgspec

from callstream.contracts import queue_events as queue
from callstream.contracts.call_events import OUTBOUND_MEMORY, CallArrived, CallDialled
from callstream.contracts.control_events import FlowStarted
from callstream.contracts.envelope import Recorded
from callstream.contracts.outcome import call_of
from callstream.contracts.states import Purpose
from callstream.kernel.recent import Recent, Told
from callstream.kernel.timers import Timers
from callstream_ivr.domain.evolve import evolve, opened, opened_run
from callstream_ivr.domain.session import Session
from callstream_ivr.domain.wanted import HANGS_UP

CALLERS = 200_000
"""Customers remembered who were called; those of the longest ago are forgotten first."""


class Kept(msgspec.Struct, kw_only=True):
    """The state as a snapshot has it."""

    sessions: list[Session]
    dialled: Told


class Sessions:
    """The state of the service. `changed` holds the calls to look at; whoever has looked discards them there."""

    def __init__(self) -> None:
        self._by_call: dict[str, Session] = {}
        self._dialled: Recent[tuple[str, str], tuple[str, datetime]] = Recent(CALLERS)
        """(tenant, customer) → (agent, when) of the last outbound call."""
        self._runs: dict[str, str] = {}
        """Call id → the run that its customer is in: what the call's events are about."""
        self._timers: Timers[str] = Timers()
        self.changed: dict[str, None] = {}
        """In the order of their change (a set that keeps it)."""

    def __len__(self) -> int:
        return len(self._by_call)

    def get(self, call_id: str) -> Session | None:
        """The session of a call, or None when it is over or never was."""
        return self._by_call.get(call_id)

    def evolve(self, recorded: Recorded) -> None:
        """Fold one event of the log. Events of calls without a session, and of earlier requests, change nothing."""
        event = recorded.event
        if isinstance(event, CallDialled):
            if event.purpose is Purpose.OUTBOUND:
                self._dialled.put((recorded.tenant, event.callee), (event.agent_id, recorded.time))
            return
        if isinstance(event, FlowStarted):
            self._by_call[event.run_id] = opened_run(recorded, event)
            self._runs[recorded.aggregate_id] = event.run_id
            self.changed[event.run_id] = None
            return
        call_id = call_of(recorded)
        call_id = self._runs.get(call_id, call_id)
        session = self._by_call.get(call_id)
        if session is None:
            if not isinstance(event, CallArrived):
                return
            session = self._by_call[call_id] = opened(recorded, event, self._recalled(recorded, event.caller))
        elif recorded.aggregate == queue.ContactLeft.AGGREGATE and recorded.aggregate_id != session.request_id:
            return
        else:
            evolve(session, event, recorded.time, recorded.seq)
            if recorded.aggregate != "ivr":
                session.cause = recorded.id
        self.changed[call_id] = None
        self._mind(session)

    def next_due(self) -> datetime | None:
        """When the next session must act by itself."""
        return self._timers.next_due()

    def call_due(self, now: datetime) -> None:
        """Put the sessions whose time has come among the changed ones; their timers are done with."""
        for call_id in self._timers.due(now):
            self._timers.cancel(call_id)
            self.changed[call_id] = None

    def _recalled(self, recorded: Recorded, caller: str) -> str:
        found = self._dialled.get((recorded.tenant, caller)) if caller else None
        return found[0] if found is not None and recorded.time - found[1] <= OUTBOUND_MEMORY else ""

    def take(self) -> Kept:
        """What is to be known after a restart, for a snapshot."""
        return Kept(sessions=list(self._by_call.values()), dialled=self._dialled.told())

    def restore(self, kept: Kept) -> None:
        """Put it back; each session is to be looked at, because what was under way is not known."""
        self._dialled.retell(kept.dialled, tuple[str, str], tuple[str, datetime])
        for session in kept.sessions:
            self._by_call[session.call_id] = session
            if session.of_call:
                self._runs[session.of_call] = session.call_id
            self.changed[session.call_id] = None
            self._mind(session)

    def _mind(self, session: Session) -> None:
        """Keep timers in step, and forget a session that has nothing more to do."""
        hangs_up = session.ended in HANGS_UP and not session.of_call
        over = session.call_ended is not None or session.agent_answered or (session.ended is not None and not hangs_up)
        if over:
            del self._by_call[session.call_id]
            self._runs.pop(session.of_call, None)
        due = session.wakes_at
        if over or due is None:
            self._timers.cancel(session.call_id)
        elif self._timers.due_of(session.call_id) != due:
            self._timers.set(session.call_id, due)
