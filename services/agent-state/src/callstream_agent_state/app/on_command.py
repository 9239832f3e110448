"""Carries out a command on one agent: decide on the folded state, append, and answer when the event has come back.

Waiting for the event, rather than for the acknowledgement alone, means that the next command of the same agent decides on a
state that has seen this one. A command that comes again is recognised by its id, also after a restart: the agent's events
carry it as their cause.
"""

import asyncio
from collections.abc import Callable

from callstream.kernel.clock import Clock
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.in_flight import InFlight
from callstream_agent_state.app.new_events import new_events
from callstream_agent_state.app.waiting import Waiting
from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.change import Change
from callstream_agent_state.domain.roster import Roster

PATIENCE_S = 1.0
"""How long a command waits altogether, for what is under way before it and for its own event."""
CONFLICT_PAUSE_S = 0.05
"""After a conflict: how long to wait for the event that was in the way before deciding anew."""

Decide = Callable[[Agent], Change | None]


class CarryOut:
    """`await carry_out(tenant, agent_id, command_id, decide)`; raises Refusal, having changed nothing.

    Only `unavailable` leaves open what happened: the log did not answer in time, and the caller asks again under the same id.
    """

    def __init__(self, roster: Roster, in_flight: InFlight, waiting: Waiting, clock: Clock) -> None:
        self._roster, self._in_flight, self._waiting, self._clock = roster, in_flight, waiting, clock

    async def __call__(self, tenant: str, agent_id: str, command_id: str, decide: Decide) -> None:
        """See the class."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        tried = -1
        while (left_s := end - loop.time()) > 0:
            agent = self._roster.agent(tenant, agent_id)
            if command_id in agent.commands:
                return
            if (tenant, "agent", agent_id) in self._in_flight:
                await self._waiting.changed(agent.key, min(left_s, CONFLICT_PAUSE_S))
            elif agent.version == tried:
                tried = -1
                await self._waiting.changed(agent.key, min(left_s, CONFLICT_PAUSE_S))
            else:
                change = decide(agent)
                if change is None:
                    return
                tried = agent.version
                events = new_events(agent, change, self._clock.now())
                self._in_flight.append("agent", agent_id, tenant, events, agent.version)
        raise Refusal(Reason.UNAVAILABLE, f"the log did not take what concerns agent {agent_id} in time", "agent_id")
