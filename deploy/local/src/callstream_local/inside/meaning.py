"""What each event meant, in one sentence. A fold over nothing: event in, words out."""

from collections.abc import Callable
from typing import Any

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event
from callstream.contracts.facts import facts_in
from callstream_local.inside import control

Words = Callable[[Any], str]


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"


def _offer(e: queue.OfferMade) -> str:
    chosen = next((c for c in e.decision.candidates if c.rank == 1), None)
    idle = f", idle for {_seconds(chosen.idle_ms)}" if chosen else ""
    others = [f"{c.agent_id} ({c.why_not or f'rank {c.rank}'})" for c in e.decision.candidates if c is not chosen]
    others += [f"{count} x {why}" for why, count in e.decision.left_out.items()]
    rest = f"; not: {', '.join(others)}" if others else ""
    return f"offered to agent {e.agent_id} by {e.decision.rule}{idle}, waited {_seconds(e.decision.waited_ms)}{rest}"


def _state(e: agent.AgentStateChanged) -> str:
    reason = f" ({e.reason})" if e.reason else ""
    until = f", until {e.deadline:%H:%M:%S}" if e.deadline else ""
    return f"{e.previous} -> {e.state}{reason} because of {e.cause}, by {e.actor}{until}"


def _key(e: ivr.KeyPressed) -> str:
    where = e.label or e.node_id
    return f"pressed {e.key} at '{where}': {e.branch}" if e.branch else f"pressed a wrong key, {e.key}, at '{where}'"


def _queued(e: queue.ContactQueued) -> str:
    if e.callback is not None:
        return f"a callback to {e.callback.number} has the place in group {e.group_id}, {e.ahead} ahead"
    return f"waits in group {e.group_id}, {e.ahead} ahead" if e.group_id else "waits for one agent"


_MEANINGS: dict[type[Event], Words] = {
    call.CallArrived: lambda e: f"{e.caller or 'a withheld number'} calls {e.called} through trunk {e.trunk}",
    call.CallBlocked: lambda e: f"{e.caller} is on the blacklist and was refused ({e.sip_status})",
    **control.MEANINGS,
    call.CallDialled: control.dialled,
    call.DialRefused: lambda e: f"agent {e.agent_id} may not call {e.number}: {e.message} ({e.reason})",
    call.CallAnswered: lambda _: "the system answered",
    call.PlaybackFinished: lambda e: f"prompt {e.how}{f': {e.message}' if e.message else ''}",
    call.DigitReceived: lambda e: f"key {e.digit} arrived ({e.method})",
    call.LegStarted: control.leg_started,
    call.LegRinging: lambda _: "the phone rings",
    call.OfferAnswered: lambda e: f"agent {e.agent_id} picked up",
    call.OfferFailed: lambda e: f"agent {e.agent_id}'s phone: {e.reason}{f' (SIP {e.sip_status})' if e.sip_status else ''}",
    call.CallBridged: lambda e: f"caller and agent {e.agent_id} hear each other",
    call.LegEnded: lambda e: f"the {e.role} leg ended: {e.reason}, {e.packets_received} packets, {e.packets_lost} lost",
    call.QualityChanged: lambda e: (
        f"the {e.role} leg sounds {'bad' if e.bad else 'well again'}: score {e.mos}, {e.loss_percent} % lost"
    ),
    call.RecordingStarted: lambda _: "recording",
    call.RecordingReady: lambda e: f"recording of {_seconds(e.duration_ms)} ready: {e.path}",
    call.RecordingFailed: lambda e: f"no recording: {e.message} ({e.reason})",
    call.ServiceTornDown: lambda e: f"{e.actor} tore the service of agent {e.agent_id} down",
    call.TransferStarted: control.transfer_started,
    call.CallEnded: lambda e: f"the call ended: {e.reason}, by {e.party}",
    ivr.IvrStarted: lambda e: f"flow {e.flow_id} version {e.flow_version} began",
    ivr.NodeEntered: lambda e: f"entered {e.kind} '{e.label or e.node_id}'",
    ivr.KeyPressed: _key,
    ivr.InputTimedOut: lambda e: f"no key in time, {e.errors} errors so far",
    ivr.PromptStarted: lambda e: f"next prompt: {e.purpose}",
    ivr.PromptFailed: lambda e: f"a prompt could not be played: {e.reason} {e.message}".rstrip(),
    ivr.AgentRequested: lambda e: f"asks for an agent of group {e.group_id}",
    ivr.CallbackAsked: lambda e: f"wants to be called back at {e.number} (key {e.key})",
    ivr.IvrEnded: lambda e: f"the flow is over: {e.reason}",
    queue.ContactQueued: _queued,
    queue.CallbackTried: lambda e: (
        f"{e.number} was not reached: {e.reason}, {e.attempts} attempts so far; "
        + (f"again at {e.next_at:%H:%M:%S}" if e.next_at else "that was the last")
    ),
    queue.ContactMoved: lambda e: f"goes on in {', '.join(e.groups)} instead of {', '.join(e.left)}: {e.reason}",
    queue.OfferMade: _offer,
    queue.OfferWithdrawn: lambda e: f"offer to agent {e.agent_id} withdrawn after {_seconds(e.rang_ms)}: {e.reason}",
    queue.RequestStopAsked: lambda e: f"{e.actor} stops the request",
    queue.AgentAssigned: lambda e: f"{e.actor} wants agent {e.agent_id} for it",
    queue.ContactLeft: lambda e: f"left the queue after {_seconds(e.waited_ms)}: {e.outcome} ({e.reason})",
    agent.AgentSignedIn: lambda e: f"signed in on a {e.terminal}, by {e.actor}",
    agent.AgentSessionTaken: lambda e: f"signed in elsewhere on a {e.terminal}, by {e.actor}",
    agent.AgentPresenceChanged: lambda e: f"is {e.presence} because of {e.cause}",
    agent.AgentContactAssigned: lambda e: f"has {e.open} of {e.limit} contacts of channel {e.channel}",
    agent.AgentContactReleased: lambda e: f"has {e.open} contacts of channel {e.channel} left",
    agent.AgentOfferForgotten: lambda e: f"offer {e.offer_id} is nowhere rung and forgotten",
    agent.AgentSignedOut: lambda e: f"signed out, by {e.actor}",
    agent.AgentStateChanged: _state,
    agent.NextStateChosen: lambda e: (
        f"wants to be {e.state} after the call" if e.state else "took the wish for a next state back"
    ),
}


def meaning(event: Event) -> str:
    """One sentence for each fact that the event tells; an event that is not listed tells its fields."""
    return "; ".join(words(fact) if (words := _MEANINGS.get(type(fact))) else repr(fact) for fact in facts_in(event))
