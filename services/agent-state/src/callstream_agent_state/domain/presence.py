"""What becomes of a browser session that is not heard (appendix 1b, last row), as a table and the rule that reads it.

Heartbeats are no events: 5,000 agents would fill the log with them. The active instance remembers when it heard whom
(app/sessions.py); what follows from silence is an event.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from callstream.contracts.agent_events import AgentPresenceChanged
from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.config import Settings
from callstream.contracts.states import Presence
from callstream.kernel.table import TransitionTable
from callstream_agent_state.domain.agent import Agent, Cause
from callstream_agent_state.domain.change import Change, move
from callstream_agent_state.domain.table import IN_CALL, Move
from callstream_agent_state.domain.terminal import terminal_of


class Sign(StrEnum):
    """What can happen to a session's presence."""

    SIGN_IN = "sign in"
    TAKEN_OVER = "taken over"
    SILENT = "session-silent"
    HEARD = "session-heard"
    LOST = "session-lost"
    SIGN_OUT = "sign out"


_P = Presence

PRESENCE: TransitionTable[Presence, Sign] = TransitionTable(
    "presence",
    _P.OFFLINE,
    {
        (_P.OFFLINE, Sign.SIGN_IN): _P.ONLINE,
        (_P.OFFLINE, Sign.HEARD): _P.ONLINE,  # an agent reached by mobile, back in the browser
        (_P.OFFLINE, Sign.TAKEN_OVER): _P.ONLINE,
        (_P.OFFLINE, Sign.SIGN_OUT): _P.OFFLINE,
        (_P.ONLINE, Sign.SILENT): _P.SUSPECT,
        (_P.ONLINE, Sign.TAKEN_OVER): _P.ONLINE,
        (_P.ONLINE, Sign.SIGN_OUT): _P.OFFLINE,
        (_P.SUSPECT, Sign.HEARD): _P.ONLINE,
        (_P.SUSPECT, Sign.LOST): _P.OFFLINE,
        (_P.SUSPECT, Sign.TAKEN_OVER): _P.ONLINE,
        (_P.SUSPECT, Sign.SIGN_OUT): _P.OFFLINE,
    },
)


def watch(
    agent: Agent,
    settings: Settings,
    document: AgentDocument | None,
    now: datetime,
    heard: datetime | None,
    since: datetime,
) -> Change | None:
    """What the session's silence, or its return, demands now.

    `heard`: its last heartbeat that this instance knows of. `since`: since when this instance can have heard it without a
    break; silence before that is ours, not the session's, and nobody is signed out for it.
    """
    if not agent.session_id or not agent.signed_in or agent.facts:
        return None
    began = agent.presence_since or now
    if agent.presence is not Presence.ONLINE and heard is not None and heard > began:
        return _changed(agent, document, Sign.HEARD)
    # A presence that is not ONLINE began with the silence's event, so only an online one counts as having been heard then.
    moments = [since, heard or since] + ([began] if agent.presence is Presence.ONLINE else [])
    silent = now - max(moments)
    grace = timedelta(seconds=settings.session_grace_s)
    if agent.presence is Presence.ONLINE:
        return _changed(agent, document, Sign.SILENT) if silent >= grace else None
    lost = silent >= grace + timedelta(seconds=settings.session_lost_s)
    if agent.presence is not Presence.SUSPECT or not lost:
        return None
    if terminal_of(agent, document, Presence.OFFLINE) is not None:
        return _changed(agent, document, Sign.LOST)
    if agent.state in IN_CALL:
        return None
    return move(agent, (Move.SIGN_OUT,), cause=Cause.SESSION_LOST, causation_id=agent.last_event_id)


def _changed(agent: Agent, document: AgentDocument | None, sign: Sign) -> Change:
    presence = PRESENCE.next_state(agent.presence, sign)
    changed = AgentPresenceChanged(
        presence=presence,
        cause=sign,
        session_id=agent.session_id,
        reachable=terminal_of(agent, document, presence) is not None,
    )
    return Change(events=(changed,), causation_id=agent.last_event_id, call_id=agent.call_id)
