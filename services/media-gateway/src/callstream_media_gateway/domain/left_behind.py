"""What a killed gateway left open in the log, and the events that close it, so that no agent stays stuck.

Only of calls that cannot go on (app/restore.py): their media worker is gone as well, or their notes are of no use.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from callstream.contracts import call_events as call
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason


class LeftBehind(Struct):
    """One call as the log tells it."""

    tenant: str
    call_id: str
    gateway: str
    legs: dict[str, tuple[LegRole, str, str]] = field(default_factory=dict)
    """Open legs: role, agent id, offer id."""
    recordings: set[str] = field(default_factory=set)
    """Recordings whose outcome is not told."""
    ended: bool = False
    since: int = 0
    """Log position of its first event."""
    seq: int = 0
    """Log position of its newest event."""

    @property
    def settled(self) -> bool:
        """Nothing is missing."""
        return self.ended and not self.recordings

    def closing(self) -> tuple[str, Event] | None:
        """(key, event) that ends the call with its legs, if nothing has; recordings are another matter."""
        if self.ended:
            return None
        legs = tuple(
            call.LegEnded(leg_id=leg_id, role=role, reason=Reason.GATEWAY_LOST, agent_id=agent_id, offer_id=offer_id)
            for leg_id, (role, agent_id, offer_id) in self.legs.items()
        )
        return "lost", call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM, legs=legs)


def fold(calls: dict[tuple[str, str], LeftBehind], recorded: Recorded, gateway: str) -> None:
    """Take one call event into account; settled calls and those of other gateways are not kept."""
    key = (recorded.tenant, recorded.aggregate_id)
    fact = recorded.event
    if isinstance(fact, call.CallArrived | call.CallDialled):
        if fact.gateway == gateway:
            kept = calls[key] = LeftBehind(
                recorded.tenant, recorded.aggregate_id, fact.gateway, since=recorded.seq, seq=recorded.seq
            )
            if isinstance(fact, call.CallArrived):
                kept.legs[fact.leg_id] = (LegRole.CUSTOMER, "", "")
        return
    known = calls.get(key)
    if known is None:
        return
    known.seq = recorded.seq
    for each in facts_in(fact):
        match each:
            case call.LegStarted():
                known.legs[each.leg_id] = (each.role, each.agent_id, each.offer_id)
            case call.LegEnded():
                known.legs.pop(each.leg_id, None)
            case call.CallEnded():
                known.ended = True
            case call.RecordingStarted():
                known.recordings.add(each.recording_id)
            case call.RecordingReady() | call.RecordingFailed():
                known.recordings.discard(each.recording_id)
    if known.settled:
        del calls[key]


def fold_all(events: Iterable[Recorded], gateway: str) -> dict[tuple[str, str], LeftBehind]:
    """All calls of `gateway` that are not settled, by (tenant, call id)."""
    calls: dict[tuple[str, str], LeftBehind] = {}
    for recorded in events:
        fold(calls, recorded, gateway)
    return calls
