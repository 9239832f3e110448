"""Which commands a session wants carried out now, derived from its state alone.

A wish stands until the log shows its effect, so after a restart the same wishes come up again under the same ids, and the
receiver recognises them. Prompts still hold `${WaitNo}`; who sends them fills it in.
"""

from collections.abc import Callable
from typing import Any

from callstream.contracts.commands import AnswerCall, Command, HangUpCall, PlayPrompts, StopPlayback, TakeMessage
from callstream.contracts.config import Speech
from callstream.contracts.flow import Branch, Play, Prompts, TransferToAgent, Voicemail
from callstream.kernel.outcomes import Party, Reason
from callstream_ivr.domain.graph import Catalogue
from callstream_ivr.domain.session import Session

HANGS_UP = {
    Reason.FLOW_ENDED: Party.SYSTEM,
    Reason.MAX_ERRORS: Party.SYSTEM,
    Reason.UNKNOWN_NUMBER: Party.SYSTEM,
    Reason.UNKNOWN_FLOW: Party.SYSTEM,
    Reason.INTERNAL: Party.SYSTEM,
    Reason.LEFT_BY_KEY: Party.CUSTOMER,
    Reason.SUPERVISOR: Party.SUPERVISOR,
}
"""Endings of a session that end the call too, and who is said to have ended it."""

MESSAGE = "message"
"""Purpose of what a voicemail node does behind its prompts: the beep, and the caller's message (F205)."""
CALLBACK = "callback"
"""Purpose of the offer to be called back."""
STOPPED = "stopped"
"""Purpose of the playback that tells a caller that their request was stopped (F211)."""
PLEASE_HOLD: Prompts = (Speech(text="Please hold the line. You are being connected."),)
QUEUE_REPEAT = 10
"""Rounds of queue prompts asked for at once when they speak no number: fewer events while callers wait."""


def wanted(session: Session, catalogue: Catalogue) -> Command | None:
    """The one command that the session waits for, or None."""
    if session.call_ended is not None:
        return None
    if session.ended is not None:
        party = HANGS_UP.get(session.ended)
        if party is None or session.of_call:
            return None
        return HangUpCall(command_id=f"{session.call_id}-hang-up", call_id=session.call_id, reason=session.ended, party=party)
    if session.agent_answered:
        return None
    if not session.answered and (session.play_id or session.request_id):
        return AnswerCall(command_id=f"{session.call_id}-answer", call_id=session.call_id)
    if session.prompt_is_on:
        return _take_message(session, catalogue) if session.purpose == MESSAGE else _play(session, catalogue)
    if session.stale_play:
        play_id = session.stale_play
        return StopPlayback(command_id=f"{play_id}-stop", call_id=session.call, play_id=play_id)
    return None


def speaks_position(prompts: Prompts) -> bool:
    """Whether a prompt says how many callers are ahead (F072)."""
    return any(WAIT_NO in getattr(prompt, "text", "") for prompt in prompts)


WAIT_NO = "${WaitNo}"


def _play(session: Session, catalogue: Catalogue) -> PlayPrompts | None:
    found = _prompts(session, catalogue)
    if found is None:
        return None
    prompts, repeat = found
    return PlayPrompts(
        command_id=session.play_id,
        call_id=session.call,
        play_id=session.play_id,
        prompts=prompts,
        repeat=repeat,
        barge_in=session.barge_in,
    )


def _take_message(session: Session, catalogue: Catalogue) -> TakeMessage | None:
    graph = catalogue.graph(session.tenant, session.flow_id, session.flow_version)
    node = graph.nodes[session.node_id] if graph is not None else None
    if not isinstance(node, Voicemail):
        return None
    return TakeMessage(
        command_id=session.play_id,
        call_id=session.call,
        play_id=session.play_id,
        mailbox=f"agent:{node.agent_id}" if node.agent_id else f"group:{node.group_id}",
        max_s=node.max_s,
        silence_s=node.silence_s,
    )


def _prompts(session: Session, catalogue: Catalogue) -> tuple[Prompts, int] | None:
    """What is to be played, and how often; None: the flow is not known."""
    if session.purpose == STOPPED:
        return catalogue.settings(session.tenant).stopped_prompts, 1
    if session.direct:
        return catalogue.settings(session.tenant).transfer_prompts or PLEASE_HOLD, QUEUE_REPEAT
    graph = catalogue.graph(session.tenant, session.flow_id, session.flow_version)
    if graph is None:
        return None
    node = graph.nodes[session.node_id]
    return _PROMPTS[type(node)](node, session.purpose)


def _of_play(node: Play, _: str) -> tuple[Prompts, int]:
    return node.prompts, node.repeat


def _of_voicemail(node: Voicemail, _: str) -> tuple[Prompts, int]:
    return node.prompts, 1


def _of_branch(node: Branch, purpose: str) -> tuple[Prompts, int]:
    special = {"error": node.error_prompts, "timeout": node.timeout_prompts}.get(purpose, ())
    return special or node.prompts, 1


def _of_transfer(node: TransferToAgent, purpose: str) -> tuple[Prompts, int]:
    if purpose == CALLBACK and node.offer_callback is not None:
        return node.offer_callback.prompts, 1
    if purpose == "entry" and node.transferring_prompts:
        return node.transferring_prompts, 1
    return node.queue_prompts, 1 if speaks_position(node.queue_prompts) else QUEUE_REPEAT


_PROMPTS: dict[type, Callable[[Any, str], tuple[Prompts, int]]] = {
    Play: _of_play,
    Branch: _of_branch,
    TransferToAgent: _of_transfer,
    Voicemail: _of_voicemail,
}
