"""For tests and checks: the story of a log fact by fact, as if each had an event of its own."""

from collections.abc import Iterable

from msgspec.structs import replace

from callstream.contracts.call_events import CallBridged, CallEnded, LegEnded, LegRinging, LegStarted, PlaybackFinished
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.ivr_events import AgentRequested, NodeEntered


def apart(event: Event) -> list[Event]:
    """The events that tell the same one by one."""
    return [_bare(fact) for fact in facts_in(event)]


def all_apart(events: Iterable[Recorded]) -> list[Recorded]:
    """The same of what the log holds, each at its own moment."""
    return [
        replace(recorded, event=_bare(fact), time=getattr(fact, "at", None) or recorded.time)
        for recorded in events
        for fact in facts_in(recorded.event)
    ]


def _bare(fact: Event) -> Event:
    match fact:
        case CallEnded():
            return replace(fact, legs=(), playback=None)
        case CallBridged():
            return replace(fact, recording=None, playback=None)
        case LegRinging():
            return replace(fact, started=None)
        case NodeEntered() | AgentRequested():
            return replace(fact, started=None, pressed=None)
        case LegStarted() | LegEnded() | PlaybackFinished():
            return replace(fact, at=None)
        case _:
            return fact
