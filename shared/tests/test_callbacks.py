"""Callbacks in the outcome of calls: the call in which one was asked for, and the calls that attempt it."""

from datetime import UTC, datetime, timedelta

import pytest

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.outcome import CallSummary, call_of, fold_all
from callstream.contracts.states import Direction, LegRole, Purpose
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NUMBER = "+8613800000001"
DECISION = queue.Decision(rule="longest-idle", rule_version=1, group_id="sales", waited_ms=0, ahead=0, eligible=1, candidates=())

ARRIVED = call.CallArrived(caller=NUMBER, called="+861055550100", trunk="t", gateway="g", leg_id="CUST")
REQUESTED = ivr.AgentRequested(
    request_id="R", call_id="C", group_id="sales", caller=NUMBER, called="", gateway="g", customer_leg_id="CUST", handled=1
)
ASKED = ivr.CallbackAsked(request_id="R", number=NUMBER, node_id="q", label="", key="1", handled=1)
STOP = queue.RequestStopAsked(call_id="C", actor="boss"), "R"
LEFT_FOR_IT = queue.ContactLeft(call_id="C", outcome=RequestOutcome.REDIRECTED, reason=Reason.CALLBACK, waited_ms=9), "R"
QUEUED = (
    queue.ContactQueued(
        call_id="C",
        group_id="sales",
        priority=0,
        enqueued_at=T0,
        ahead=0,
        callback=queue.QueuedCallback(of="R", number=NUMBER, asked_at=T0, expires_at=T0 + timedelta(days=1)),
    ),
    "R-back",
)
TRIED = (
    queue.CallbackTried(
        call_id="C", attempt_call_id="D", agent_id="1001", number=NUMBER, reason=Reason.BUSY, attempts=1, next_at=T0
    ),
    "R-back",
)
SERVED = queue.ContactLeft(call_id="C", outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, waited_ms=9), "R-back"
HUNG_UP = call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)
FLOW_ENDED = call.CallEnded(reason=Reason.FLOW_ENDED, party=Party.SYSTEM)
OFFER = (
    queue.OfferMade(offer_id="O", call_id="C", gateway="g", agent_id="1001", ring_deadline=T0, decision=DECISION),
    "R",
)
PICKED_UP = call.OfferAnswered(offer_id="O", request_id="R", agent_id="1001", leg_id="LEG")
OVER = ivr.IvrEnded(reason=Reason.FLOW_ENDED, handled=1)

Told = Event | tuple[Event, str]


def told(*story: Told, call_id: str = "C") -> CallSummary:
    """One event a second."""
    summary = fold_all(
        Recorded(
            seq=seq,
            id=f"E{seq}",
            tenant="acme",
            aggregate=(item[0] if isinstance(item, tuple) else item).AGGREGATE,
            aggregate_id=item[1] if isinstance(item, tuple) else call_id,
            time=T0 + timedelta(seconds=seq - 1),
            event=item[0] if isinstance(item, tuple) else item,
            correlation_id=call_id,
        )
        for seq, item in enumerate(story, start=1)
    )
    assert summary is not None
    return summary


ENDINGS: dict[str, tuple[list[Told], CallOutcome]] = {
    "left for it": ([ASKED, LEFT_FOR_IT, OVER, FLOW_ENDED], CallOutcome.REDIRECTED),
    "hung up at once": ([ASKED, HUNG_UP, LEFT_FOR_IT], CallOutcome.REDIRECTED),
    "hung up before": ([HUNG_UP, ASKED], CallOutcome.QUEUE_ABANDONED),
    "answered between": ([OFFER, ASKED, PICKED_UP, HUNG_UP], CallOutcome.ANSWERED),
    "stopped before": ([STOP, ASKED, HUNG_UP], CallOutcome.STOPPED),
    "stopped behind": ([ASKED, STOP, HUNG_UP], CallOutcome.REDIRECTED),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_call_in_which_it_was_asked_for_has_one_outcome(name: str) -> None:
    story, outcome = ENDINGS[name]
    assert told(ARRIVED, REQUESTED, *story).outcome is outcome


def test_what_becomes_of_it_is_told_behind_the_end_of_the_call() -> None:
    ended = [ARRIVED, REQUESTED, ASKED, LEFT_FOR_IT, OVER, FLOW_ENDED]
    waits = told(*ended, QUEUED)
    assert waits.callback is not None
    assert (waits.callback.request_id, waits.callback.number, waits.callback.outcome) == ("R-back", NUMBER, None)
    again = told(*ended, QUEUED, TRIED).callback
    assert again is not None
    assert (again.attempts, again.reason, again.outcome) == (1, Reason.BUSY, None)
    served = told(*ended, QUEUED, TRIED, SERVED)
    assert served.callback is not None
    assert (served.callback.attempts, served.callback.outcome) == (1, RequestOutcome.ANSWERED)
    assert (served.outcome, served.ended_at) == (CallOutcome.REDIRECTED, waits.ended_at)
    assert all(call_of(recorded) == "C" for recorded in [_recorded(item) for item in (QUEUED, TRIED, SERVED)])


DIALLED = call.CallDialled(
    agent_id="1001",
    callee=NUMBER,
    caller="+861055550100",
    gateway="g",
    purpose=Purpose.CALLBACK,
    leg_id="CUST",
    agent_leg_id="LEG",
    request_id="R-back",
    callback_of="C",
)
OFFERED = (
    queue.OfferMade(offer_id="O", call_id="D", gateway="g", agent_id="1001", ring_deadline=T0, decision=DECISION),
    "R-back",
)
RUNG = call.LegStarted(leg_id="CUST", role=LegRole.CUSTOMER, number=NUMBER, purpose=Purpose.CALLBACK)
REACHED = LegAnswered(leg_id="CUST", role=LegRole.CUSTOMER, number=NUMBER)
BUSY = call.CallEnded(reason=Reason.BUSY, party=Party.CUSTOMER)


def test_an_attempt_is_answered_when_the_customer_is() -> None:
    summary = told(DIALLED, OFFERED, PICKED_UP, RUNG, REACHED, HUNG_UP, call_id="D")
    assert (summary.direction, summary.outcome, summary.callback_of) == (Direction.OUTBOUND, CallOutcome.ANSWERED, "C")
    assert (summary.agent_id, summary.group_id, summary.offers) == ("1001", "sales", 1)
    assert (summary.talk_ms, summary.ring_ms) == (1000, 1000)
    (segment,) = summary.segments
    assert (segment.how, segment.agent_id, segment.group_id) == ("callback", "1001", "sales")


@pytest.mark.parametrize("story", [[OFFERED, PICKED_UP, RUNG, BUSY], [OFFERED, BUSY], [BUSY]])
def test_an_attempt_in_vain_is_unanswered(story: list[Told]) -> None:
    summary = told(DIALLED, *story, call_id="D")
    assert (summary.outcome, summary.segments, summary.agent_answered_at) == (CallOutcome.UNANSWERED, (), None)


def _recorded(item: tuple[Event, str]) -> Recorded:
    event, aggregate_id = item
    return Recorded(
        seq=1, id="E", tenant="acme", aggregate="queue", aggregate_id=aggregate_id, time=T0, event=event, correlation_id="D"
    )
