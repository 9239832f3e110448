"""The reaction: gives every agent the event that is missing, then lets commands go on that waited for an agent.

Runs after each batch, at deadlines and on request; only in the active instance and only when the state is up to date.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from callstream.kernel.clock import Clock
from callstream.runtime.config_watch import Configuration
from callstream.runtime.in_flight import InFlight
from callstream_agent_state.app.new_events import new_events
from callstream_agent_state.app.sessions import Sessions
from callstream_agent_state.app.waiting import Waiting
from callstream_agent_state.domain.follow import follow
from callstream_agent_state.domain.presence import watch
from callstream_agent_state.domain.roster import Key, Roster

LOOK_AGAIN = timedelta(milliseconds=250)
"""An agent whose append is under way is looked at again, for the case that it fails."""


class Reaction:
    """`reaction()`."""

    def __init__(
        self,
        roster: Roster,
        in_flight: InFlight,
        waiting: Waiting,
        clock: Clock,
        configuration: Configuration,
        sessions: Sessions,
        serves: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`serves`: whether this copy acts for a tenant now."""
        self._roster, self._in_flight, self._waiting = roster, in_flight, waiting
        self._clock, self._configuration, self._sessions, self._serves = clock, configuration, sessions, serves

    def __call__(self) -> None:
        """Look at every agent that has changed, or whose moment has come."""
        now = self._clock.now()
        changed = self._roster.take_changed(self._serves)
        due = [key for key in self._roster.timers.due(now) if self._serves(key[0])]
        for key in dict.fromkeys((*changed, *due)):
            self._look_at(key, now)
        self._waiting.wake(changed)

    def _look_at(self, key: Key, now: datetime) -> None:
        tenant, agent_id = key
        agent = self._roster.agent(tenant, agent_id)
        settings = self._configuration.settings(tenant)
        change = follow(agent, settings, now)
        if change is None and agent.session_id:
            document = self._configuration.agent(tenant, agent_id)
            heard = self._sessions.heard(key, agent.session_id)
            change = watch(agent, settings, document, now, heard, self._sessions.since)
        if change is None:
            return
        self._roster.look_again(key, now + LOOK_AGAIN)
        if (tenant, "agent", agent_id) not in self._in_flight:
            self._in_flight.append("agent", agent_id, tenant, new_events(agent, change, now), agent.version)
