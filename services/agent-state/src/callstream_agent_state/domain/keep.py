"""The state as a snapshot keeps it: agents and open calls; timers and indexes follow from them."""

import msgspec

from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.calls import OpenCall
from callstream_agent_state.domain.roster import Roster

VERSION = 1
"""Counts up when the meaning of what is kept changes."""


class Kept(msgspec.Struct, kw_only=True):
    """All tenants."""

    agents: list[Agent]
    calls: list[OpenCall]


def take(roster: Roster) -> Kept:
    """The state of this moment."""
    return Kept(agents=list(roster.agents.values()), calls=list(roster.calls.calls.values()))


def restore(roster: Roster, kept: Kept) -> None:
    """Put it back into an empty roster; every agent is looked at by the next reaction."""
    for agent in kept.agents:
        roster.put_back(agent)
    for open_call in kept.calls:
        roster.calls.calls[open_call.tenant, open_call.call_id] = open_call
