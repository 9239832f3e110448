"""What a session should append next: pure, and asked again whenever anything about the session has changed.

`decide` walks as far as the known facts allow, on a copy of the session, and gives all events of the walk for one atomic
append. It asks "what is missing now?", so the same question after a crash has the same answer.
"""

from collections.abc import Callable
from copy import copy
from datetime import datetime
from typing import Any

import msgspec

from callstream.contracts.envelope import Event
from callstream.contracts.flow import Branch, End, Play, Start, TransferToAgent, kind_of
from callstream.contracts.ivr_events import (
    AgentRequested,
    InputTimedOut,
    IvrEnded,
    IvrStarted,
    KeyPressed,
    NodeEntered,
    PromptFailed,
    PromptStarted,
)
from callstream.kernel.outcomes import Reason, RequestOutcome
from callstream_ivr.domain.evolve import evolve
from callstream_ivr.domain.graph import Catalogue, Graph
from callstream_ivr.domain.session import Session


class PlayRefusal(msgspec.Struct, frozen=True):
    """The gateway's refusal of a playback: no event of the log tells it, so it is an argument of the decision."""

    play_id: str
    reason: Reason
    message: str = ""


class Walk:
    """A session being walked ahead: what is added is folded into the copy at once."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session, self.now = copy(session), now
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        """The next event of the walk."""
        self.events.append(event)
        evolve(self.session, event, self.now, seq=0)

    def end(self, reason: Reason, node_id: str = "") -> None:
        """The last event of the session."""
        self.add(IvrEnded(reason=reason, handled=self.session.handled, node_id=node_id or self.session.node_id))

    @property
    def overdue(self) -> bool:
        """Whether the session's timer has run out."""
        return self.session.due is not None and self.session.due <= self.now


def decide(session: Session, catalogue: Catalogue, now: datetime, refusal: PlayRefusal | None = None) -> list[Event]:
    """The events that the session appends now; empty when it waits for somebody."""
    if session.ended is not None:
        return []
    walk = Walk(session, now)
    if session.call_ended is not None:
        walk.end(session.call_ended)
    elif session.version == 0:
        _begin(walk, catalogue)
    elif session.agent_answered:
        walk.end(Reason.ANSWERED)
    else:
        graph = catalogue.graph(session.tenant, session.flow_id, session.flow_version)
        if graph is None:
            walk.end(Reason.UNKNOWN_FLOW)
        else:
            _go_on(walk, graph, refusal)
    return walk.events


def _begin(walk: Walk, catalogue: Catalogue) -> None:
    session = walk.session
    number = catalogue.bound_to(session.tenant, session.called)
    graph = catalogue.graph(session.tenant, number.flow_id, number.flow_version) if number else None
    if number is None or graph is None:
        if walk.overdue:
            walk.end(Reason.UNKNOWN_FLOW if number else Reason.UNKNOWN_NUMBER)
        return
    walk.add(
        IvrStarted(flow_id=graph.flow_id, flow_version=graph.version, number=session.called, handled=session.handled),
    )
    _enter(walk, graph, graph.first)
    _go_on(walk, graph, None)


def _go_on(walk: Walk, graph: Graph, refusal: PlayRefusal | None) -> None:
    session = walk.session
    if refusal is not None and refusal.play_id == session.play_id and session.prompt_is_on:
        walk.add(
            PromptFailed(
                node_id=session.node_id,
                play_id=refusal.play_id,
                reason=refusal.reason,
                message=refusal.message,
                handled=session.handled,
            )
        )
    while session.ended is None and _step(walk, graph):
        pass


def _step(walk: Walk, graph: Graph) -> bool:
    """One step from the present node, if there is one; each adds at least one event."""
    node = graph.nodes[walk.session.node_id]
    before = len(walk.events)
    _STEPS[type(node)](walk, graph, node)
    return len(walk.events) > before


def _leave_play(walk: Walk, graph: Graph, node: Play) -> None:
    """On when the prompt is over, however it ended: a sound that cannot be played stops nobody."""
    if not walk.session.prompt_is_on:
        _enter(walk, graph, node.next)


def _leave_branch(walk: Walk, graph: Graph, node: Branch) -> None:
    """The first waiting key counts, then the timer. Keys typed ahead that the menu does not know are passed over."""
    session = walk.session
    choices = {choice.key: choice for choice in node.choices}
    newest = session.handled
    for key in session.keys:
        newest = max(newest, key.seq)
        if choice := choices.get(key.digit):
            walk.add(_key(walk, node, key.digit, newest, branch=choice.name or choice.key))
            _enter(walk, graph, choice.next)
            return
        if not key.ahead:
            wrong = session.errors + 1
            walk.add(_key(walk, node, key.digit, newest, errors=wrong, play_id=_prompt_after(walk, node, wrong)))
            _stop_after_too_many(walk, node)
            return
    if walk.overdue:
        wrong = session.errors + 1
        play_id = _prompt_after(walk, node, wrong)
        walk.add(InputTimedOut(node_id=node.id, errors=wrong, play_id=play_id, handled=newest))
        _stop_after_too_many(walk, node)


def _key(walk: Walk, node: Branch, digit: str, handled: int, **more: Any) -> KeyPressed:
    errors = more.pop("errors", walk.session.errors)
    branch = more.pop("branch", "")
    return KeyPressed(node_id=node.id, label=node.label, key=digit, branch=branch, errors=errors, handled=handled, **more)


def _prompt_after(walk: Walk, node: Branch, errors: int) -> str:
    return walk.session.next_play_id if errors <= node.max_errors else ""


def _stop_after_too_many(walk: Walk, node: Branch) -> None:
    if walk.session.errors > node.max_errors:
        walk.end(Reason.MAX_ERRORS)


def _leave_transfer(walk: Walk, graph: Graph, node: TransferToAgent) -> None:
    session = walk.session
    if session.request_outcome is not None:
        _leave_queue(walk, graph, node, session.request_outcome)
    elif node.queue_prompts and not session.prompt_is_on and (session.due is None or walk.overdue):
        walk.add(PromptStarted(node_id=node.id, purpose="queue", play_id=session.next_play_id, handled=session.handled))


def _leave_queue(walk: Walk, graph: Graph, node: TransferToAgent, outcome: RequestOutcome) -> None:
    match outcome:
        case RequestOutcome.FAILED:
            _enter(walk, graph, node.failed)
        case RequestOutcome.STOPPED:
            walk.end(Reason.SUPERVISOR)
        case RequestOutcome.REDIRECTED:
            walk.end(Reason.NORMAL)
        case RequestOutcome.ABANDONED:
            if walk.session.request_reason is Reason.LEFT_BY_KEY:
                walk.end(Reason.LEFT_BY_KEY)
        case RequestOutcome.ANSWERED:
            walk.end(Reason.ANSWERED)


def _enter(walk: Walk, graph: Graph, node_id: str) -> None:
    """Go to a node; End ends the session there. The bound on `hops` is a second net: checked flows never reach it."""
    session = walk.session
    node = graph.nodes[node_id]
    if isinstance(node, Start):
        node = graph.nodes[node.next]
    if isinstance(node, End):
        walk.end(Reason.FLOW_ENDED, node.id)
        return
    if session.hops >= len(graph.nodes):
        walk.end(Reason.INTERNAL)
        return
    plays: Any = True
    barge_in, timeout_s = False, 0
    match node:
        case Play():
            barge_in = node.barge_in
        case Branch():
            barge_in, timeout_s = node.barge_in, node.timeout_s
        case TransferToAgent():
            plays = node.transferring_prompts or node.queue_prompts
    walk.add(
        NodeEntered(
            node_id=node.id,
            kind=kind_of(node),
            label=node.label,
            play_id=session.next_play_id if plays else "",
            barge_in=barge_in,
            timeout_s=timeout_s,
            handled=session.handled,
        )
    )
    if isinstance(node, TransferToAgent):
        walk.add(_request(session, node))


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
        trail=session.trail,
        connect_prompt=node.connect_prompts,
    )


_STEPS: dict[type, Callable[[Walk, Graph, Any], None]] = {
    Play: _leave_play,
    Branch: _leave_branch,
    TransferToAgent: _leave_transfer,
}
