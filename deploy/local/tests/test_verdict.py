"""The demo's verdict: a run in which all is well, and what is said when one thing of it is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from callstream.contracts import agent_events as agent
from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.outcome import fold_all
from callstream.contracts.states import AgentState, LegRole
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream_local.demo.evidence import Evidence, Record, RecordingHeard
from callstream_local.demo.verdict import judge
from callstream_local.phones.ear import Heard
from callstream_local.phones.stories import CallerStory, Ending, OfferStory

T0 = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
ANN, BOB, EVE = "+8613800000001", "+8613800000002", "+8613800000003"
DECISION = queue.Decision(
    rule="longest-idle", rule_version=1, group_id="sales", waited_ms=100, ahead=0, eligible=1, candidates=()
)


class Log:
    """Events in log order, half a second apart."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []

    def add(self, aggregate_id: str, event: Event, call_id: str = "") -> None:
        seq = len(self.events) + 1
        self.events.append(
            Recorded(
                seq=seq,
                id=f"e{seq}",
                tenant="main",
                aggregate=event.AGGREGATE,
                aggregate_id=aggregate_id,
                time=T0 + timedelta(milliseconds=500 * seq),
                event=event,
                correlation_id=call_id,
            )
        )

    def arrives(self, call_id: str, caller: str) -> None:
        event = call.CallArrived(caller=caller, called="+861055550100", trunk="t", gateway="g", leg_id=f"{call_id}-c")
        self.add(call_id, event)
        self.add(call_id, call.CallAnswered())

    def ends(self, call_id: str, reason: Reason, party: Party, agent_id: str = "") -> None:
        if agent_id:
            leg = call.LegEnded(leg_id=f"{call_id}-a", role=LegRole.AGENT, reason=reason, agent_id=agent_id)
            self.add(call_id, leg)
        self.add(call_id, call.LegEnded(leg_id=f"{call_id}-c", role=LegRole.CUSTOMER, reason=reason))
        self.add(call_id, call.CallEnded(reason=reason, party=party))

    def asks(self, call_id: str) -> None:
        asks = ivr.AgentRequested(
            request_id=f"{call_id}-q",
            call_id=call_id,
            group_id="sales",
            caller="",
            called="",
            gateway="g",
            customer_leg_id="",
            handled=0,
        )
        self.add(call_id, asks)
        queued = queue.ContactQueued(call_id=call_id, group_id="sales", priority=0, enqueued_at=T0, ahead=0)
        self.add(f"{call_id}-q", queued)

    def offers(self, call_id: str, agent_id: str, offer_id: str) -> None:
        rings = agent.AgentStateChanged(
            state=AgentState.RINGING,
            previous=AgentState.IDLE,
            cause="reserved",
            actor="system",
            offer_id=offer_id,
            call_id=call_id,
        )
        self.add(agent_id, rings)
        made = queue.OfferMade(
            offer_id=offer_id, call_id=call_id, gateway="g", agent_id=agent_id, ring_deadline=T0, decision=DECISION
        )
        self.add(f"{call_id}-q", made)

    def leaves(self, call_id: str, outcome: RequestOutcome, reason: Reason, agent_id: str = "", offer_id: str = "") -> None:
        left = queue.ContactLeft(
            call_id=call_id, outcome=outcome, reason=reason, waited_ms=1, agent_id=agent_id, offer_id=offer_id
        )
        self.add(f"{call_id}-q", left)


def log_of_the_day() -> list[Recorded]:
    """Ann talks to agent 1001, who hangs up; Bob leaves the queue; Eve never presses a key."""
    log = Log()
    log.arrives("A", ANN)
    log.asks("A")
    log.offers("A", "1001", "o1")
    log.add("A", call.LegStarted(leg_id="A-a", role=LegRole.AGENT, offer_id="o1", agent_id="1001"))
    log.add("A", call.OfferAnswered(offer_id="o1", request_id="A-q", agent_id="1001", leg_id="A-a"))
    log.leaves("A", RequestOutcome.ANSWERED, Reason.ANSWERED, "1001", "o1")
    bridged = call.CallBridged(offer_id="o1", agent_id="1001", customer_leg_id="A-c", agent_leg_id="A-a")
    log.add("A", bridged)
    log.add("A", call.RecordingStarted(recording_id="r1", agent_id="1001"))
    log.arrives("B", BOB)
    log.asks("B")
    log.ends("B", Reason.CALLER_HUNG_UP, Party.CUSTOMER)
    log.leaves("B", RequestOutcome.ABANDONED, Reason.CALLER_HUNG_UP)
    log.arrives("C", EVE)
    log.add("C", ivr.IvrEnded(reason=Reason.MAX_ERRORS, handled=0))
    log.ends("C", Reason.MAX_ERRORS, Party.SYSTEM)
    log.ends("A", Reason.AGENT_HUNG_UP, Party.AGENT, "1001")
    log.add("A", call.RecordingReady(recording_id="r1", path="main/r1.mp3", duration_ms=900, size_bytes=9, sha256=""))
    return log.events


def record_of(events: list[Recorded], call_id: str) -> Record:
    summary = fold_all(e for e in events if e.aggregate_id == call_id or getattr(e.event, "call_id", "") == call_id)
    assert summary is not None
    return Record(
        call_id=call_id,
        arrived_at=summary.arrived_at,
        caller=summary.caller,
        called=summary.called,
        access_status=summary.outcome,
        reason=summary.reason,
        wait_ms=summary.wait_ms,
        talk_ms=summary.talk_ms,
        agent_id=summary.agent_id or None,
        group_id=summary.group_id or None,
        hang_up_party=summary.party,
        ended_at=summary.ended_at,
        recording_id=summary.recording_id or None,
        recording_path=summary.recording_path or None,
        recording_ms=summary.recording_ms or None,
    )


def good() -> Evidence:
    events = log_of_the_day()
    ann = CallerStory(
        ANN,
        1000,
        T0,
        answered_at=T0,
        keys="1",
        prompts_ms=900,
        heard=Heard(400, 2000),
        ending=Ending.PEER_HUNG_UP,
        ended_at=T0,
    )
    bob = CallerStory(BOB, 1010, T0, answered_at=T0, keys="1", prompts_ms=900, ending=Ending.HUNG_UP, ended_at=T0)
    eve = CallerStory(EVE, 1020, T0, answered_at=T0, prompts_ms=900, ending=Ending.PEER_HUNG_UP, ended_at=T0)
    desk = OfferStory("1001", 400, ANN, T0, answered_at=T0, heard=Heard(1000, 2000), ending=Ending.HUNG_UP, ended_at=T0)
    return Evidence(
        callers=[ann, bob, eve],
        offers=[desk],
        events=events,
        records=[record_of(events, call_id) for call_id in "ABC"],
        recordings={"A": RecordingHeard(Heard(1000, 2000), Heard(400, 2000))},
        agents={"1001": "idle"},
        agent_of_tone={400: "1001", 410: "1002"},
        group_of_key={"1": "sales", "2": "support"},
        seconds=7.04,
    )


def test_a_good_day_has_no_problems_and_its_figures_add_up() -> None:
    verdict = judge(good())
    assert verdict.problems == []
    assert msgspec.to_builtins(verdict.report) == {
        "calls_placed": 3,
        "answered": 1,
        "abandoned": 1,
        "ivr_ended": 1,
        "records": 3,
        "recordings": 1,
        "audio_ok": 1,
        "stuck_agents": 0,
        "books_balance": True,
        "seconds": 7.0,
    }


def record(index: int, **changes: Any) -> Callable[[Evidence], None]:
    """One field of a record is another."""

    def change(evidence: Evidence) -> None:
        evidence.records[index] = msgspec.structs.replace(evidence.records[index], **changes)

    return change


def story(index: int, **changes: Any) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        evidence.callers[index] = replace(evidence.callers[index], **changes)

    return change


def desk(**changes: Any) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        evidence.offers[0] = replace(evidence.offers[0], **changes)

    return change


def recording(**changes: Any) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        evidence.recordings["A"] = replace(evidence.recordings["A"], **changes)

    return change


def without(kind: type[Event]) -> Callable[[Evidence], None]:
    """The log lost an event."""

    def change(evidence: Evidence) -> None:
        first = next(e for e in evidence.events if isinstance(e.event, kind))
        evidence.events.remove(first)

    return change


def doubled(kind: type[Event], new_id: str = "") -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        first = next(e for e in evidence.events if isinstance(e.event, kind))
        evidence.events.append(msgspec.structs.replace(first, id=new_id or first.id))

    return change


def second_offer(evidence: Evidence) -> None:
    made = next(e for e in evidence.events if isinstance(e.event, queue.OfferMade))
    assert isinstance(made.event, queue.OfferMade)
    other = msgspec.structs.replace(made.event, offer_id="o2", call_id="B")
    evidence.events.insert(evidence.events.index(made) + 1, msgspec.structs.replace(made, id="x", event=other))


def lost_record(evidence: Evidence) -> None:
    del evidence.records[1]


def strange_record(evidence: Evidence) -> None:
    evidence.records.append(msgspec.structs.replace(evidence.records[1], call_id="Z", caller="+8613900000000"))


def no_recording(evidence: Evidence) -> None:
    evidence.recordings.clear()


def stuck(evidence: Evidence) -> None:
    evidence.agents["1001"] = "busy"


WRONG = [
    ("a record is missing", lost_record, "called once and has 0 records"),
    ("a record of nobody's call", strange_record, "who never called"),
    ("a record twice", lambda e: e.records.append(e.records[1]), "has 2 records"),
    ("a call goes on in its record", record(0, ended_at=None), "goes on in its record"),
    ("recorded with another agent", record(0, agent_id="1002"), "recorded with agent 1002"),
    ("talked, but recorded as abandoned", record(0, access_status="queue-abandoned"), "recorded as queue-abandoned"),
    (
        "the wrong party hung up",
        record(0, hang_up_party="customer"),
        "ended by the agent and is recorded as ended by the customer",
    ),
    ("the caller's hang-up is the system's", record(1, hang_up_party="system"), "ended by the customer"),
    ("another group than the key's", record(1, group_id="support"), "asked for group support"),
    ("another wait than the log's", record(0, wait_ms=1), "the record says wait 1"),
    ("another talk time than the log's", record(0, talk_ms=None), "the record says talk None"),
    ("recorded as answered, heard nobody", story(0, heard=Heard()), "its caller heard nobody"),
    ("the caller heard another agent", story(0, heard=Heard(410, 2000)), "talked to agent 1002"),
    ("the agent heard another caller", desk(heard=Heard(1010, 2000)), "heard by nobody instead of agent 1001"),
    ("the agent heard too little", desk(heard=Heard(1000, 200)), "heard by 1001 for 200 ms"),
    ("hung up on while waiting", story(1, ending=Ending.PEER_HUNG_UP), "hung up on before anybody talked"),
    ("the caller gave up waiting for ever", story(1, ending=Ending.GAVE_UP), "ended for its caller as 'gave-up'"),
    ("refused", story(2, ending=Ending.REFUSED, sip_status=503), "SIP status 503"),
    ("no prompt was heard", story(2, prompts_ms=0), "heard no prompt"),
    ("two calls on one phone", desk(while_busy=True), "during another call"),
    ("the phone's call was never ended", desk(ending=Ending.GAVE_UP), "ended as 'gave-up'"),
    ("an agent without an answered call has a record", desk(answered_at=None), "answered 0 calls and has 1 records"),
    ("channels exchanged", recording(left=Heard(400, 9), right=Heard(1000, 9)), "400 Hz left and 1000 Hz right"),
    ("a recording that cannot be read", recording(problem="no MP3"), "cannot be used: no MP3"),
    ("no recording", no_recording, "there is no recording"),
    ("a stuck agent", stuck, "agent 1001 is stuck in state busy"),
    ("an event twice", doubled(call.CallBridged), "stands 2 times in the log"),
    ("a call that ended twice", doubled(call.CallEnded, "new"), "has 2 x call.ended.v1"),
    ("a call that never ended", without(call.CallEnded), "has 0 x call.ended.v1"),
    ("a leg that never ended", without(call.LegEnded), "has legs that never ended"),
    ("a leg that ended twice", doubled(call.LegEnded, "new"), "ended twice"),
    ("a recording that never got ready", without(call.RecordingReady), "1 recordings begun and 0 ready"),
    ("a request that never left", without(queue.ContactLeft), "was queued 1 times and left 0 times"),
    ("an offer to a busy agent", second_offer, "was offered o2 while o1 was open"),
    ("an offer without a reservation", without(agent.AgentStateChanged), "without a reservation"),
    ("an arrival that is not in the log", without(call.CallArrived), "3 calls were placed, 2 arrived"),
    ("a request that is not in the log", without(ivr.AgentRequested), "requests for an agent"),
]


@pytest.mark.parametrize(("what", "change", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_named(what: str, change: Callable[[Evidence], None], said: str) -> None:
    evidence = good()
    change(evidence)
    problems = judge(evidence).problems
    assert any(said in problem for problem in problems), problems


def test_the_figures_say_so_too() -> None:
    evidence = good()
    record(0, hang_up_party="customer")(evidence)
    stuck(evidence)
    no_recording(evidence)
    report = judge(evidence).report
    assert (report.books_balance, report.stuck_agents, report.audio_ok, report.recordings) == (False, 1, 0, 0)


def test_a_caller_who_left_before_the_bridge_missed_no_audio() -> None:
    evidence = good()
    evidence.events = [
        e for e in evidence.events if not isinstance(e.event, (call.CallBridged, call.RecordingStarted, call.RecordingReady))
    ]
    evidence.events = [
        msgspec.structs.replace(e, event=call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER))
        if isinstance(e.event, call.CallEnded) and e.aggregate_id == "A"
        else e
        for e in evidence.events
    ]
    evidence.records[0] = record_of(evidence.events, "A")
    evidence.recordings.clear()
    story(0, heard=Heard(), ending=Ending.HUNG_UP)(evidence)
    desk(heard=Heard(), ending=Ending.PEER_HUNG_UP)(evidence)
    verdict = judge(evidence)
    assert (verdict.problems, verdict.report.answered, verdict.report.audio_ok) == ([], 1, 0)
