"""Agents' states as rows: each from one change to the next, without gaps and overlaps (F063, F070, F223).

Pure, so that a rebuild from zero gives the same rows. Moments of several machines' clocks never run backwards here: a change
that claims to be earlier than the one before counts as simultaneous.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.envelope import Recorded

Key = tuple[str, str]
"""(tenant, agent id)."""


class StateRow(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """An agent's time in one state; `until` None: it goes on. *offline* stands here too, so the rows of an agent are seamless."""

    tenant: str
    agent_id: str
    seq: int
    state: str
    reason: str
    """Of a break."""
    since: datetime
    until: datetime | None
    actor: str
    """Who brought the state about."""
    cause: str
    call_id: str


def agents_in(events: Iterable[Recorded]) -> set[Key]:
    """The agents whose states a batch changes."""
    return {(each.tenant, each.aggregate_id) for each in events if isinstance(each.event, AgentStateChanged)}


def fold_states(open_rows: Mapping[Key, StateRow], events: Iterable[Recorded]) -> list[StateRow]:
    """The rows that a batch changes: `open_rows` are the agents' last ones before it."""
    last = dict(open_rows)
    rows: dict[tuple[Key, int], StateRow] = {}
    for recorded in events:
        event = recorded.event
        if not isinstance(event, AgentStateChanged):
            continue
        key = (recorded.tenant, recorded.aggregate_id)
        before, moment = last.get(key), recorded.time
        if before is not None:
            moment = max(moment, before.since)
            rows[key, before.seq] = msgspec.structs.replace(before, until=moment)
        last[key] = rows[key, recorded.seq] = StateRow(
            tenant=recorded.tenant,
            agent_id=recorded.aggregate_id,
            seq=recorded.seq,
            state=event.state.value,
            reason=event.reason,
            since=moment,
            until=None,
            actor=event.actor,
            cause=event.cause,
            call_id=event.call_id,
        )
    return list(rows.values())
