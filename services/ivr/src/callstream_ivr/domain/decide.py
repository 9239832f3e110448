"""What a session should append next: pure, and asked again whenever anything about the session has changed.

One event at a time, with the facts of its step in it. The next one is decided when it has come back through the log, so every
prefix of the log is a point to go on from, and "what is missing now?" has the same answer after a crash. Why not several
at once: docs/adr/0008.
"""

from collections.abc import Callable
from copy import copy
from datetime import datetime
from typing import Any

import msgspec

from callstream.contracts.envelope import Event
from callstream.contracts.flow import Branch, End, Play, Start, TransferToAgent, Voicemail, kind_of
from callstream.contracts.ivr_events import (
    AgentRequested,
    CallbackAsked,
    InputTimedOut,
    IvrEnded,
    IvrStarted,
    KeyPressed,
    NodeEntered,
    PromptFailed,
    PromptStarted,
)
from callstream.contracts.states import OutboundMemory
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_ivr.domain.evolve import evolve
from callstream_ivr.domain.graph import Catalogue, Graph
from callstream_ivr.domain.session import Session
from callstream_ivr.domain.wanted import CALLBACK, MESSAGE, STOPPED


class PlayRefusal(msgspec.Struct, frozen=True):
    """The gateway's refusal of a playback: no event of the log tells it, so it is an argument of the decision."""

    play_id: str
    reason: Reason
    message: str = ""


def decide(session: Session, catalogue: Catalogue, now: datetime, refusal: PlayRefusal | None = None) -> Event | None:
    """The event that the session appends now; None when it waits for somebody."""
    if session.ended is not None:
        return None
    if session.version == 0:
        return _begin(session, catalogue, now)
    graph = catalogue.graph(session.tenant, session.flow_id, session.flow_version)
    if graph is None:
        return _end(session, Reason.UNKNOWN_FLOW)
    if refusal is not None and refusal.play_id == session.play_id and session.prompt_is_on:
        return PromptFailed(
            node_id=session.node_id,
            play_id=refusal.play_id,
            reason=refusal.reason,
            message=refusal.message,
            handled=session.handled,
        )
    if session.request_outcome is RequestOutcome.STOPPED:
        return _stopped(session, catalogue)
    if session.direct and session.request_outcome is not RequestOutcome.FAILED:
        return _wait_for_one(session, now)
    if not session.node_id:
        return _past_the_flow(session, catalogue) or _enter(session, graph, graph.first)
    node = graph.nodes[session.node_id]
    return _STEPS[type(node)](session, graph, node, now)


def _end(session: Session, reason: Reason, node_id: str = "") -> IvrEnded:
    return IvrEnded(reason=reason, handled=session.handled, node_id=node_id or session.node_id)


def _begin(session: Session, catalogue: Catalogue, now: datetime) -> Event | None:
    if session.of_call:
        run = catalogue.graph(session.tenant, session.flow_id, session.flow_version)
        return _start(session, catalogue, run) if run is not None else _end(session, Reason.UNKNOWN_FLOW)
    number = catalogue.bound_to(session.tenant, session.called)
    graph = catalogue.graph(session.tenant, number.flow_id, number.flow_version) if number else None
    if graph is not None:
        return _start(session, catalogue, graph)
    if not session.overdue(now):
        return None
    return _end(session, Reason.UNKNOWN_FLOW if number else Reason.UNKNOWN_NUMBER)


def _start(session: Session, catalogue: Catalogue, graph: Graph) -> Event:
    """The beginning and the first node as one event. A request that a tenant's interface is asked about first (F093) is a step of
    its own."""
    started = IvrStarted(flow_id=graph.flow_id, flow_version=graph.version, number=session.called, handled=session.handled)
    first = _past_the_flow(session, catalogue) or _enter(session, graph, graph.first)
    return msgspec.structs.replace(first, started=started) if _at_once(graph, first) else started


def _at_once(graph: Graph, step: Event) -> bool:
    """Whether a step enters a node with nobody to be asked before."""
    if not isinstance(step, AgentRequested):
        return isinstance(step, NodeEntered)
    node = graph.nodes.get(step.node_id)
    return not (isinstance(node, TransferToAgent) and node.ask_preferred)


def _past_the_flow(session: Session, catalogue: Catalogue) -> AgentRequested | None:
    """Whom an agent has called lately is offered to that agent before the flow (F132, F133), once; None: the flow begins."""
    number = catalogue.bound_to(session.tenant, session.called)
    if not session.recalled or session.requests or number is None or number.outbound_memory is OutboundMemory.NONE:
        return None
    return AgentRequested(
        request_id=session.next_request_id,
        call_id=session.call_id,
        group_id="",
        caller=session.caller,
        called=session.called,
        gateway=session.gateway,
        customer_leg_id=session.leg_id,
        handled=session.handled,
        play_id=session.next_play_id,
        only_agent=session.recalled,
        patient=number.outbound_memory is OutboundMemory.DIRECT,
    )


def _wait_for_one(session: Session, now: datetime) -> Event | None:
    """The flow has not begun: it does when the one agent cannot come."""
    match session.request_outcome:
        case None:
            silent = not session.prompt_is_on and (session.due is None or session.overdue(now))
            return _prompt(session, "queue") if silent else None
        case _:
            return None  # the answer or call.ended says it


def _stopped(session: Session, catalogue: Catalogue) -> Event | None:
    """The caller is told before the call ends, where the tenant has something to say (F211)."""
    if session.purpose == STOPPED:
        return None if session.prompt_is_on else _end(session, Reason.SUPERVISOR)
    said = catalogue.settings(session.tenant).stopped_prompts
    return _prompt(session, STOPPED) if said else _end(session, Reason.SUPERVISOR)


def _prompt(session: Session, purpose: str, key: str = "") -> PromptStarted:
    return PromptStarted(node_id=session.node_id, purpose=purpose, play_id=session.next_play_id, handled=session.handled, key=key)


def _leave_play(session: Session, graph: Graph, node: Play, _: datetime) -> Event | None:
    """On when the prompt is over, however it ended: a sound that cannot be played stops nobody."""
    return None if session.prompt_is_on else _enter(session, graph, node.next)


def _leave_voicemail(session: Session, graph: Graph, node: Voicemail, _: datetime) -> Event | None:
    """The prompts, then the message; on when that is over, however it ended."""
    if session.prompt_is_on:
        return None
    return _enter(session, graph, node.next) if session.purpose == MESSAGE else _prompt(session, MESSAGE)


def _leave_branch(session: Session, graph: Graph, node: Branch, now: datetime) -> Event | None:
    """The first waiting key counts, then the timer. Keys typed ahead that the menu does not know are passed over."""
    choices = {choice.key: choice for choice in node.choices}
    if session.chosen:
        return _enter(session, graph, choices[session.chosen].next)
    if session.errors > node.max_errors:
        return _end(session, Reason.MAX_ERRORS)
    wrong = session.errors + 1
    play_id = session.next_play_id if wrong <= node.max_errors else ""
    newest = session.handled
    for key in session.keys:
        newest = max(newest, key.seq)
        pressed = KeyPressed(
            node_id=node.id, label=node.label, key=key.digit, branch="", errors=wrong, handled=newest, play_id=play_id
        )
        if choice := choices.get(key.digit):
            chosen = msgspec.structs.replace(pressed, branch=choice.name or choice.key, errors=session.errors, play_id="")
            return _follow(session, graph, chosen, choice.next, now)
        if not key.ahead:
            return pressed
    if session.overdue(now):
        return InputTimedOut(node_id=node.id, errors=wrong, play_id=play_id, handled=newest)
    return None


def _follow(session: Session, graph: Graph, pressed: KeyPressed, node_id: str, now: datetime) -> Event:
    """The key and the node that it leads to as one event, where that can be told at once."""
    after = copy(session)
    evolve(after, pressed, now, session.version)
    entered = _enter(after, graph, node_id)
    return msgspec.structs.replace(entered, pressed=pressed) if _at_once(graph, entered) else pressed


def _leave_transfer(session: Session, graph: Graph, node: TransferToAgent, now: datetime) -> Event | None:
    if session.request_outcome is not None:
        return _leave_queue(session, graph, node, session.request_outcome)
    if session.callback_asked:
        return None  # queue.left says what came of it
    if session.keys:
        key = session.keys[0]
        return CallbackAsked(
            request_id=session.request_id,
            number=session.caller,
            node_id=node.id,
            label=node.label,
            key=key.digit,
            handled=session.keys[-1].seq,
        )
    if node.offer_callback is not None and session.offers_callback(now):
        return _prompt(session, CALLBACK, node.offer_callback.key)
    silent = not session.prompt_is_on and (session.due is None or session.overdue(now))
    if node.queue_prompts and silent:
        return _prompt(session, "queue")
    return None


def _leave_queue(session: Session, graph: Graph, node: TransferToAgent, outcome: RequestOutcome) -> Event | None:
    match outcome:
        case RequestOutcome.FAILED:
            return _enter(session, graph, node.failed)
        case RequestOutcome.STOPPED | RequestOutcome.ANSWERED:
            return None  # dealt with before any node (_stopped); over with the answer
        case RequestOutcome.REDIRECTED if session.request_reason is Reason.CALLBACK and node.offer_callback is not None:
            return _enter(session, graph, node.offer_callback.next)
        case RequestOutcome.REDIRECTED:
            return _end(session, Reason.NORMAL)
        case RequestOutcome.ABANDONED:
            left_by_key = session.request_reason is Reason.LEFT_BY_KEY
            return _end(session, Reason.LEFT_BY_KEY) if left_by_key else None  # else call.ended says it


def _enter(session: Session, graph: Graph, node_id: str) -> Event:
    """Go to a node; End ends the session there. The bound on `hops` is a second net: checked flows never reach it."""
    node = graph.nodes[node_id]
    while isinstance(node, Start):
        node = graph.nodes[node.next]
    if isinstance(node, End):
        return _end(session, Reason.FLOW_ENDED, node.id)
    if session.hops >= len(graph.nodes):
        return _end(session, Reason.INTERNAL)
    if session.of_call and isinstance(node, TransferToAgent | Voicemail):
        return _end(session, Reason.FLOW_ENDED, node.id)
    if isinstance(node, TransferToAgent):
        return _request(session, node)
    return NodeEntered(
        node_id=node.id,
        kind=kind_of(node),
        label=node.label,
        play_id=session.next_play_id,
        barge_in=node.barge_in,
        timeout_s=node.timeout_s if isinstance(node, Branch) else 0,
        handled=session.handled,
    )


def _request(session: Session, node: TransferToAgent) -> AgentRequested:
    return AgentRequested(
        request_id=session.next_request_id,
        call_id=session.call_id,
        group_id=node.group_id,
        caller=session.caller,
        called=session.called,
        gateway=session.gateway,
        customer_leg_id=session.leg_id,
        handled=session.handled,
        priority=node.priority,
        also_groups=node.also_groups,
        skills=node.skills,
        relax=node.relax,
        preferred_agent=node.preferred_agent or "",
        busy_groups=node.busy_groups,
        trail=session.trail,
        connect_prompt=node.connect_prompts,
        node_id=node.id,
        label=node.label,
        play_id=session.next_play_id if node.transferring_prompts or node.queue_prompts else "",
        callback_after_s=node.offer_callback.after_s if node.offer_callback is not None and _can_be_called(session) else 0,
    )


def _can_be_called(session: Session) -> bool:
    """Who withholds their number, or whose number no trunk could bring to E.164, cannot."""
    return session.caller.startswith("+")


_STEPS: dict[type, Callable[[Session, Graph, Any, datetime], Event | None]] = {
    Play: _leave_play,
    Branch: _leave_branch,
    TransferToAgent: _leave_transfer,
    Voicemail: _leave_voicemail,
}
