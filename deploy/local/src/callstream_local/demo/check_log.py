"""Is the event log sound in itself: nothing twice, nothing left open, one call at a time for each agent?"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason
from callstream_local.demo.evidence import Evidence

ONCE_A_CALL: tuple[type[Event], ...] = (call.CallArrived, call.CallEnded)
AT_MOST_ONCE_A_CALL: tuple[type[Event], ...] = (call.CallAnswered, call.CallBridged, call.RecordingReady)


def check_log(evidence: Evidence) -> Iterator[str]:
    """What is wrong, one sentence each."""
    events = evidence.events
    yield from (f"event {event_id} stands {n} times in the log" for event_id, n in Counter(e.id for e in events).items() if n > 1)
    yield from _calls(events)
    yield from _requests(events)
    yield from _agents(events)


def _calls(events: list[Recorded]) -> Iterator[str]:
    counts: dict[str, Counter[type[Event]]] = defaultdict(Counter)
    legs: dict[str, set[str]] = defaultdict(set)
    silent: Counter[str] = Counter()
    for recorded in events:
        if recorded.aggregate != "call":
            continue
        for fact in facts_in(recorded.event):
            counts[recorded.aggregate_id][type(fact)] += 1
            match fact:
                case call.CallArrived(leg_id=leg) | call.LegStarted(leg_id=leg):
                    legs[recorded.aggregate_id].add(leg)
                case call.LegEnded(leg_id=leg):
                    if leg not in legs[recorded.aggregate_id]:
                        yield f"call {recorded.aggregate_id}: leg {leg} ended twice, or without having begun"
                    legs[recorded.aggregate_id].discard(leg)
                case call.RecordingFailed(reason=Reason.NO_AUDIO):
                    silent[recorded.aggregate_id] += 1
                case _:
                    pass
    for call_id, count in counts.items():
        yield from (f"call {call_id} has {count[kind]} x {kind.TYPE}" for kind in ONCE_A_CALL if count[kind] != 1)
        yield from (f"call {call_id} has {count[kind]} x {kind.TYPE}" for kind in AT_MOST_ONCE_A_CALL if count[kind] > 1)
        started, ready = count[call.RecordingStarted], count[call.RecordingReady]
        if started != ready + silent[call_id]:
            yield f"call {call_id} has {started} recordings begun and {ready} ready"
        if legs[call_id]:
            yield f"call {call_id} has legs that never ended: {', '.join(sorted(legs[call_id]))}"


def _requests(events: list[Recorded]) -> Iterator[str]:
    queued: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for recorded in events:
        match recorded.event:
            case queue.ContactQueued():
                queued[recorded.aggregate_id] += 1
            case queue.ContactLeft():
                left[recorded.aggregate_id] += 1
            case _:
                pass
    for request in sorted(set(queued) | set(left)):
        if (queued[request], left[request]) != (1, 1):
            yield f"request {request} was queued {queued[request]} times and left {left[request]} times"


def _agents(events: list[Recorded]) -> Iterator[str]:
    """One offer at a time (F048): none while another is open, and every one to an agent who rings for it."""
    open_offers: dict[str, str] = {}
    rings_for: dict[str, str] = {}
    for recorded in events:
        match recorded.event:
            case queue.OfferMade(agent_id=agent_id, offer_id=offer_id):
                if agent_id in open_offers:
                    yield f"agent {agent_id} was offered {offer_id} while {open_offers[agent_id]} was open"
                if rings_for.get(agent_id) != offer_id:
                    yield f"agent {agent_id} was offered {offer_id} without a reservation for it"
                open_offers[agent_id] = offer_id
            case (
                queue.OfferWithdrawn(agent_id=agent_id, offer_id=offer_id)
                | queue.ContactLeft(agent_id=agent_id, offer_id=offer_id)
            ):
                if open_offers.get(agent_id) == offer_id:
                    del open_offers[agent_id]
            case agent.AgentStateChanged(state=AgentState.RINGING, offer_id=offer_id):
                rings_for[recorded.aggregate_id] = offer_id
            case _:
                pass
    yield from (f"offer {offer} to agent {who} never ended" for who, offer in open_offers.items())
