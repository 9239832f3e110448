"""All sessions of this service: the fold of the log, which sessions have something to decide, and their timers."""

from collections.abc import Iterable
from datetime import datetime

from callstream.contracts import queue_events as queue
from callstream.contracts.call_events import CallArrived
from callstream.contracts.envelope import Recorded
from callstream.contracts.outcome import call_of
from callstream.kernel.timers import Timers
from callstream_ivr.domain.evolve import evolve, opened
from callstream_ivr.domain.session import Session
from callstream_ivr.domain.wanted import HANGS_UP


class Sessions:
    """The state of the service. `changed` holds the calls to look at; whoever has looked discards them there."""

    def __init__(self) -> None:
        self._by_call: dict[str, Session] = {}
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
        call_id = call_of(recorded)
        session = self._by_call.get(call_id)
        if session is None:
            if not isinstance(event, CallArrived):
                return
            session = self._by_call[call_id] = opened(recorded, event)
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

    def take(self) -> list[Session]:
        """The open sessions, for a snapshot."""
        return list(self._by_call.values())

    def restore(self, sessions: Iterable[Session]) -> None:
        """Put a snapshot's sessions back; each is to be looked at, because what was under way is not known."""
        for session in sessions:
            self._by_call[session.call_id] = session
            self.changed[session.call_id] = None
            self._mind(session)

    def _mind(self, session: Session) -> None:
        """Keep timers in step, and forget a session that has nothing more to do."""
        over = session.ended is not None and (session.call_ended is not None or session.ended not in HANGS_UP)
        if over:
            del self._by_call[session.call_id]
        if over or session.due is None:
            self._timers.cancel(session.call_id)
        elif self._timers.due_of(session.call_id) != session.due:
            self._timers.set(session.call_id, session.due)
