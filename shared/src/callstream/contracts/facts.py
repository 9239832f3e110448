"""Facts that are decided in one step of one service stand in one event, because each event costs the broker a write and every
follower a read. Whoever folds the log reads it fact by fact, so an older log, where each has an event of its own, reads the same.
"""

from collections.abc import Callable
from typing import Any

from callstream.contracts.call_events import (
    CallBridged,
    CallEnded,
    LegEnded,
    LegRinging,
    LegStarted,
    PlaybackFinished,
    RecordingStarted,
)
from callstream.contracts.envelope import Event
from callstream.contracts.ivr_events import AgentRequested, IvrStarted, KeyPressed, NodeEntered

Facts = tuple[Event, ...]


def facts_in(event: Event) -> Facts:
    """What an event tells, in order; the event itself is one of them."""
    carried = _CARRIED.get(type(event))
    return (event,) if carried is None else carried(event)


def carriers_of(name: str) -> list[str]:
    """Names of the events in which a fact of this name may stand."""
    return [carrier.NAME for fact, carriers in _CARRIERS.items() if name == fact.NAME for carrier in carriers]


def _ended(event: CallEnded) -> Facts:
    return (*event.legs, event) if event.playback is None else (event.playback, *event.legs, event)


def _bridged(event: CallBridged) -> Facts:
    return tuple(fact for fact in (event.playback, event, event.recording) if fact is not None)


def _rang(event: LegRinging) -> Facts:
    return (event,) if event.started is None else (event.started, event)


def _entered(event: NodeEntered | AgentRequested) -> Facts:
    return tuple(fact for fact in (event.started, event.pressed, event) if fact is not None)


_CARRIED: dict[type[Event], Callable[[Any], Facts]] = {
    CallEnded: _ended,
    CallBridged: _bridged,
    LegRinging: _rang,
    NodeEntered: _entered,
    AgentRequested: _entered,
}

_CARRIERS: dict[type[Event], tuple[type[Event], ...]] = {
    PlaybackFinished: (CallBridged, CallEnded),
    LegStarted: (LegRinging,),
    LegEnded: (CallEnded,),
    RecordingStarted: (CallBridged,),
    IvrStarted: (NodeEntered, AgentRequested),
    KeyPressed: (NodeEntered, AgentRequested),
}
