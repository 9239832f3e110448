"""Looks at the sessions that have changed: appends what they decide, has carried out what they want."""

import structlog
from msgspec.structs import replace

from callstream.contracts.ivr_events import AgentRequested
from callstream.kernel.clock import Clock
from callstream.runtime.in_flight import InFlight
from callstream_ivr.app.ask_preferred import AskPreferred
from callstream_ivr.app.carry_out import CarryOut
from callstream_ivr.domain.decide import decide
from callstream_ivr.domain.graph import Catalogue
from callstream_ivr.domain.record import to_append
from callstream_ivr.domain.sessions import Sessions
from callstream_ivr.domain.wanted import wanted

log = structlog.get_logger(__name__)


class React:
    """The reaction of the follower. Sessions with an append under way are looked at when it has come back."""

    def __init__(
        self,
        sessions: Sessions,
        catalogue: Catalogue,
        in_flight: InFlight,
        carry_out: CarryOut,
        ask_preferred: AskPreferred,
        clock: Clock,
    ) -> None:
        self._sessions, self._catalogue, self._in_flight, self._clock = sessions, catalogue, in_flight, clock
        self._carry_out, self._ask_preferred = carry_out, ask_preferred

    def __call__(self) -> None:
        """One round. A session that cannot be decided is logged and left until it changes; the others go on."""
        self._sessions.call_due(self._clock.now())
        for call_id in list(self._sessions.changed):
            try:
                done = self._look_at(call_id)
            except Exception:
                log.exception("session not decided", call_id=call_id)
                done = True
            if done:
                self._sessions.changed.pop(call_id, None)

    def _look_at(self, call_id: str) -> bool:
        """Whether there is nothing more to decide for this call now."""
        session = self._sessions.get(call_id)
        if session is None:
            self._carry_out.forget(call_id)
            self._ask_preferred.forget(call_id)
            return True
        if (session.tenant, "ivr", call_id) in self._in_flight:
            return False
        now = self._clock.now()
        event = decide(session, self._catalogue, now, self._carry_out.refusal_of(call_id))
        if isinstance(event, AgentRequested):
            named = self._ask_preferred(session, event)
            if named is None:
                return True
            event = replace(event, preferred_agent=named or event.preferred_agent)
        if event is not None:
            self._ask_preferred.forget(call_id)
            new = to_append(session, event, now)
            self._in_flight.append("ivr", call_id, session.tenant, [new], expected=session.version)
            return False
        command = wanted(session, self._catalogue)
        if command is not None:
            self._carry_out(session, command)
        return True
