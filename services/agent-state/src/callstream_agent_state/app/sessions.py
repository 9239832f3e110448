"""When each browser session was last heard, as far as this instance knows. In memory only: see domain/presence.py.

Silence counts only while this instance could have heard: from when it became the active one, and not across a pause of its
own. A process, a machine or a broker that stood still for 20 s therefore signs nobody out.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from callstream.contracts.states import Presence
from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.roster import Key

EVERY = timedelta(seconds=1)
"""Between two looks at the sessions."""
PAUSE = timedelta(seconds=3)
"""A look that comes so late tells that we stood still."""


class Sessions:
    """`beat` for each heartbeat, `look` every second while active."""

    def __init__(self, now: datetime) -> None:
        self.since = now
        """Since when silence is the sessions' own."""
        self._heard: dict[Key, tuple[str, datetime]] = {}
        self._looked = now

    def beat(self, key: Key, session_id: str, now: datetime) -> None:
        """A session was heard."""
        self._heard[key] = session_id, now

    def heard(self, key: Key, session_id: str) -> datetime | None:
        """When this very session was last heard, if it was."""
        known, at = self._heard.get(key, ("", None))
        return at if known == session_id else None

    def look(self, now: datetime, *, active: bool) -> None:
        """Once a second; a standby, or one whose look is late, hears nobody and holds it against nobody."""
        if not active or now - self._looked > PAUSE:
            self.since = now
        self._looked = now

    def due(self, agents: Iterable[Agent], grace_s: Callable[[str], int], now: datetime) -> list[Key]:
        """The agents whose session may have something to it: silent for the grace of its tenant, or not online."""
        found = []
        for agent in agents:
            if not agent.session_id:
                continue
            heard = self.heard(agent.key, agent.session_id) or self.since
            if agent.presence is not Presence.ONLINE or (now - heard).total_seconds() >= grace_s(agent.tenant):
                found.append(agent.key)
        return found
