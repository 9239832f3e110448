"""The fold of one session: one function an event, the same for the live log and for a replay.

Facts of others are only noted; the session's place in its flow moves by its own events alone. Keys are the one input that
must be answered exactly once: they wait here until an own event's `handled` has passed them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.outcome import trail_entry
from callstream.kernel.outcomes import RequestOutcome
from callstream_ivr.domain.session import MAX_WAITING_KEYS, Key, Session
from callstream_ivr.domain.wanted import CALLBACK, MESSAGE

BIND_GRACE = timedelta(seconds=2)
"""A number may have been published a moment ago and be on its way to us: so long a call to an unknown one waits."""
SHORTEST_ROUND = timedelta(seconds=1)
ROUND_AFTER_FAILURE = timedelta(seconds=5)
"""Queue prompts start again at most so often after their last start: a broken or empty sound must not turn the loop hot."""

PLAYS_TO_THE_WAITING = "transfer-to-agent"
WAITS_FOR_KEYS = "branch"


def opened(recorded: Recorded, arrived: call.CallArrived, recalled: str = "") -> Session:
    """The session of a call that has just arrived; nothing has been decided yet."""
    return Session(
        tenant=recorded.tenant,
        call_id=recorded.aggregate_id,
        caller=arrived.caller,
        called=arrived.called,
        gateway=arrived.gateway,
        leg_id=arrived.leg_id,
        arrived_seq=recorded.seq,
        arrived_at=recorded.time,
        recalled=recalled,
        trace=recorded.trace,
        cause=recorded.id,
        handled=recorded.seq,
        due=recorded.time + BIND_GRACE,
    )


def opened_run(recorded: Recorded, started: control.FlowStarted) -> Session:
    """The session of a flow in the middle of a call (F027): answered, and on a flow that an agent has named."""
    return Session(
        tenant=recorded.tenant,
        call_id=started.run_id,
        of_call=recorded.aggregate_id,
        caller=started.caller,
        called=started.called,
        gateway=started.gateway,
        leg_id=started.customer_leg_id,
        arrived_seq=recorded.seq,
        arrived_at=recorded.time,
        trace=recorded.trace,
        cause=recorded.id,
        handled=recorded.seq,
        flow_id=started.flow_id,
        flow_version=started.flow_version,
        answered=True,
    )


def evolve(session: Session, event: Event, at: datetime, seq: int) -> None:
    """Fold one event into the session. `seq` is its log position."""
    if type(event) in _OWN:
        session.version = seq
        _answer_keys(session, event.handled)  # type: ignore[attr-defined]  # every event of ours has it
        for told in facts_in(event):
            _OWN[type(told)](session, told, at)
        return
    fact = _FACTS.get(type(event))
    if fact is not None and session.call_ended is None:
        fact(session, event, at, seq)


def _answer_keys(session: Session, handled: int) -> None:
    session.handled = handled
    if session.keys:
        session.keys = tuple(key for key in session.keys if key.seq > handled)


# The session's own events


def _started(session: Session, event: ivr.IvrStarted, _: datetime) -> None:
    session.flow_id, session.flow_version = event.flow_id, event.flow_version
    session.due = None


def _entered(session: Session, event: ivr.NodeEntered, at: datetime) -> None:
    _reach(session, event.node_id, event.kind, event.play_id, at)
    _forget_callback(session)
    session.barge_in, session.timeout_s, session.request_id = event.barge_in, event.timeout_s, ""
    session.direct = False
    session.keys = tuple(replace(key, ahead=True) for key in session.keys) if event.barge_in else ()


def _pressed(session: Session, event: ivr.KeyPressed, at: datetime) -> None:
    session.trail = (*session.trail, trail_entry(event, at))
    session.errors, session.due = event.errors, None
    if event.branch:
        session.chosen, session.hops = event.key, 0
    else:
        _play_again(session, event.play_id, "error", at)


def _timed_out(session: Session, event: ivr.InputTimedOut, at: datetime) -> None:
    session.errors, session.due = event.errors, None
    _play_again(session, event.play_id, "timeout", at)


def _prompt_started(session: Session, event: ivr.PromptStarted, at: datetime) -> None:
    _start_play(session, event.play_id, event.purpose, at)
    if event.purpose == MESSAGE:
        session.barge_in, session.keys = False, ()
    elif event.purpose == CALLBACK:
        session.barge_in, session.callback_key, session.callback_due = True, event.key, None
    elif session.kind == PLAYS_TO_THE_WAITING:
        session.barge_in = False


def _prompt_failed(session: Session, event: ivr.PromptFailed, at: datetime) -> None:
    _play_over(session, event.play_id, "failed", at)


def _requested(session: Session, event: ivr.AgentRequested, at: datetime) -> None:
    _reach(session, event.node_id, PLAYS_TO_THE_WAITING, event.play_id, at)
    session.barge_in, session.timeout_s, session.keys = False, 0, ()
    session.requests += 1
    session.request_id, session.direct = event.request_id, bool(event.only_agent)
    session.request_outcome = session.request_reason = None
    session.open_offer = ""
    _forget_callback(session)
    session.callback_due = at + timedelta(seconds=event.callback_after_s) if event.callback_after_s else None


def _callback_asked(session: Session, _: ivr.CallbackAsked, __: datetime) -> None:
    session.callback_asked, session.hops, session.keys = True, 0, ()


def _forget_callback(session: Session) -> None:
    session.callback_due, session.callback_key, session.callback_asked = None, "", False


def _ended(session: Session, event: ivr.IvrEnded, _: datetime) -> None:
    session.ended, session.due, session.keys = event.reason, None, ()
    _forget_callback(session)


# What media-gateway and routing tell


def _answered(session: Session, _: call.CallAnswered, __: datetime, ___: int) -> None:
    session.answered = True


def _playback_finished(session: Session, event: call.PlaybackFinished, at: datetime, _: int) -> None:
    _play_over(session, event.play_id, event.how, at)


def _digit(session: Session, event: call.DigitReceived, _: datetime, seq: int) -> None:
    deaf = session.prompt_is_on and not session.barge_in
    if session.kind == PLAYS_TO_THE_WAITING:  # one key means something to who waits, whatever they hear: see callback_key
        deaf = event.digit != session.callback_key or session.callback_asked
    if deaf or session.ended or len(session.keys) >= MAX_WAITING_KEYS:
        return
    session.keys = (*session.keys, Key(seq, event.digit))


def _offer_made(session: Session, event: queue.OfferMade, _: datetime, __: int) -> None:
    if session.request_id and session.request_outcome is None:
        session.open_offer = event.offer_id


def _offer_withdrawn(session: Session, event: queue.OfferWithdrawn, _: datetime, __: int) -> None:
    if event.offer_id == session.open_offer:
        session.open_offer = ""


def _offer_answered(session: Session, event: call.OfferAnswered, _: datetime, __: int) -> None:
    if session.open_offer and event.offer_id == session.open_offer:
        session.agent_answered, session.due = True, None
        _forget_callback(session)


def _left_queue(session: Session, event: queue.ContactLeft, _: datetime, __: int) -> None:
    if session.agent_answered:
        return
    session.open_offer, session.due = "", None
    _forget_callback(session)
    session.request_outcome, session.request_reason = event.outcome, event.reason
    session.agent_answered = event.outcome is RequestOutcome.ANSWERED


def _taken_back(session: Session, event: control.FlowLeft, _: datetime, __: int) -> None:
    """For a run this is what the call's end is for others."""
    if event.run_id == session.call_id:
        session.call_ended, session.due, session.keys = event.reason, None, ()
        _forget_callback(session)


def _call_ended(session: Session, event: call.CallEnded, _: datetime, __: int) -> None:
    session.call_ended, session.due, session.keys = event.reason, None, ()
    _forget_callback(session)


# Nodes and playbacks


def _reach(session: Session, node_id: str, kind: str, play_id: str, at: datetime) -> None:
    session.node_id, session.kind = node_id, kind
    session.errors, session.chosen = 0, ""
    session.hops += 1
    _start_play(session, play_id, "entry", at)


def _start_play(session: Session, play_id: str, purpose: str, at: datetime) -> None:
    session.stale_play = session.play_id if session.prompt_is_on and not play_id else ""
    session.play_id, session.purpose, session.play_over, session.due = play_id, purpose, "", None
    if play_id:
        session.plays += 1
        session.play_started = at


def _play_again(session: Session, play_id: str, purpose: str, at: datetime) -> None:
    """A further prompt of the same node; without one there were too many errors, and the session ends."""
    if not play_id:
        return
    _start_play(session, play_id, purpose, at)
    if not session.barge_in:
        session.keys = ()


def _play_over(session: Session, play_id: str, how: str, at: datetime) -> None:
    if play_id == session.stale_play:
        session.stale_play = ""
    if play_id != session.play_id or session.play_over:
        return
    session.play_over = how
    if session.kind == WAITS_FOR_KEYS:
        session.due = at + timedelta(seconds=session.timeout_s)
    elif session.kind == PLAYS_TO_THE_WAITING and session.play_started:
        pause = ROUND_AFTER_FAILURE if how == "failed" else SHORTEST_ROUND
        session.due = max(at, session.play_started + pause)


_OWN: dict[type[Event], Callable[[Session, Any, datetime], None]] = {
    ivr.IvrStarted: _started,
    ivr.NodeEntered: _entered,
    ivr.KeyPressed: _pressed,
    ivr.InputTimedOut: _timed_out,
    ivr.PromptStarted: _prompt_started,
    ivr.PromptFailed: _prompt_failed,
    ivr.AgentRequested: _requested,
    ivr.CallbackAsked: _callback_asked,
    ivr.IvrEnded: _ended,
}

_FACTS: dict[type[Event], Callable[[Session, Any, datetime, int], None]] = {
    call.CallAnswered: _answered,
    call.PlaybackFinished: _playback_finished,
    call.DigitReceived: _digit,
    call.OfferAnswered: _offer_answered,
    call.CallEnded: _call_ended,
    control.FlowLeft: _taken_back,
    queue.OfferMade: _offer_made,
    queue.OfferWithdrawn: _offer_withdrawn,
    queue.ContactLeft: _left_queue,
}
