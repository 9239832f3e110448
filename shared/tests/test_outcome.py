"""The outcome of a call from its events: stories in log order, one line an event, `@` the seconds since its arrival."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.outcome import CallSummary, call_of, fold, fold_all
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Happening = tuple[float, Event | tuple[Event, str]]
"""Seconds since the arrival, and an event of the call or (event, request id) of its queue."""

ARRIVED = call.CallArrived(
    caller="+8613800000001", called="+861055550100", trunk="t1", gateway="g1", leg_id="CUST", region="Beijing"
)
ANSWERED_BY_SYSTEM = call.CallAnswered()
IN_MENU = ivr.NodeEntered(node_id="menu", kind="branch", label="Menu", handled=1)
AT_END = ivr.IvrEnded(reason=Reason.FLOW_ENDED, node_id="bye", handled=1)
KEY = ivr.KeyPressed(node_id="menu", label="Menu", key="2", branch="After sales", errors=0, handled=3)
LEFT = call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)
FLOW_ENDED = call.CallEnded(reason=Reason.FLOW_ENDED, party=Party.SYSTEM)
AGENT_LEFT = call.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT)
MAX_ERRORS = call.CallEnded(reason=Reason.MAX_ERRORS, party=Party.SYSTEM)
GATEWAY_LOST = call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM)
DECISION = queue.Decision(rule="longest-idle", rule_version=1, group_id="sales", waited_ms=0, ahead=0, eligible=1, candidates=())


def requested(number: int = 1, group: str = "sales") -> Event:
    return ivr.AgentRequested(
        request_id=f"R{number}",
        call_id="C",
        group_id=group,
        caller="",
        called="",
        gateway="g1",
        customer_leg_id="CUST",
        handled=1,
    )


def offered(offer: str = "O1", agent: str = "1001", request: str = "R1") -> tuple[Event, str]:
    made = queue.OfferMade(
        offer_id=offer, call_id="C", gateway="g1", agent_id=agent, ring_deadline=T0 + timedelta(seconds=30), decision=DECISION
    )
    return made, request


def withdrawn(offer: str = "O1", reason: Reason = Reason.RING_TIMEOUT, request: str = "R1") -> tuple[Event, str]:
    return queue.OfferWithdrawn(offer_id=offer, call_id="C", agent_id="1001", reason=reason), request


def picked_up(offer: str = "O1", agent: str = "1001") -> Event:
    return call.OfferAnswered(offer_id=offer, request_id="R1", agent_id=agent, leg_id=f"LEG-{agent}")


def bridged(agent: str = "1001") -> Event:
    return call.CallBridged(offer_id="O1", agent_id=agent, customer_leg_id="CUST", agent_leg_id=f"LEG-{agent}")


def leg_over(leg: str, role: LegRole = LegRole.AGENT) -> Event:
    return call.LegEnded(leg_id=leg, role=role, reason=Reason.NORMAL)


def left_queue(outcome: RequestOutcome, reason: Reason, request: str = "R1") -> tuple[Event, str]:
    return queue.ContactLeft(call_id="C", outcome=outcome, reason=reason, waited_ms=0), request


def ended_session(reason: Reason) -> Event:
    return ivr.IvrEnded(reason=reason, handled=1)


def log(*story: Happening) -> list[Recorded]:
    """The story as the log holds it: an arrival, then what happened."""
    events: list[Happening] = [(0, ARRIVED), *story]
    recorded = []
    for seq, (seconds, item) in enumerate(events, start=1):
        event, aggregate_id = item if isinstance(item, tuple) else (item, "C")
        recorded.append(
            Recorded(
                seq=seq,
                id=f"E{seq}",
                tenant="acme",
                aggregate=event.AGGREGATE,
                aggregate_id=aggregate_id,
                time=T0 + timedelta(seconds=seconds),
                event=event,
                correlation_id="C",
            )
        )
    return recorded


def told(*story: Happening) -> CallSummary:
    summary = fold_all(log(*story))
    assert summary is not None
    return summary


ABANDONED = left_queue(RequestOutcome.ABANDONED, Reason.CALLER_HUNG_UP)
TIMED_OUT = left_queue(RequestOutcome.FAILED, Reason.QUEUE_TIMEOUT)
NO_AGENT = left_queue(RequestOutcome.FAILED, Reason.NO_AGENT_ONLINE)

ENDINGS: dict[str, tuple[list[Happening], CallOutcome]] = {
    "leaves before the first prompt": ([(1, LEFT)], CallOutcome.IVR_ABANDONED),
    "leaves in the menu": ([(0, ANSWERED_BY_SYSTEM), (1, IN_MENU), (4, LEFT)], CallOutcome.IVR_ABANDONED),
    "the flow reaches End": ([(1, IN_MENU), (2, AT_END), (2, FLOW_ENDED)], CallOutcome.IVR_ENDED),
    "End stands before the caller's hang-up": ([(1, AT_END), (1, LEFT)], CallOutcome.IVR_ENDED),
    "the caller's hang-up stands before End": ([(1, LEFT), (1, AT_END)], CallOutcome.IVR_ABANDONED),
    "too many wrong keys": ([(1, IN_MENU), (9, ended_session(Reason.MAX_ERRORS)), (9, MAX_ERRORS)], CallOutcome.IVR_ENDED),
    "thrown out, but hangs up first on the line": (
        [(1, IN_MENU), (9, ended_session(Reason.MAX_ERRORS)), (9, LEFT)],
        CallOutcome.IVR_ENDED,
    ),
    "session closed because its caller left": (
        [(1, IN_MENU), (2, LEFT), (2, ended_session(Reason.CALLER_HUNG_UP))],
        CallOutcome.IVR_ABANDONED,
    ),
    "blacklisted": ([(0, call.CallEnded(reason=Reason.BLACKLISTED, party=Party.SYSTEM))], CallOutcome.BLOCKED),
    "gateway lost in the menu": ([(1, IN_MENU), (9, GATEWAY_LOST)], CallOutcome.IVR_ENDED),
    "answered": ([(1, requested()), (1, offered()), (4, picked_up()), (5, bridged()), (65, AGENT_LEFT)], CallOutcome.ANSWERED),
    "answered, then the gateway is lost": (
        [(1, requested()), (1, offered()), (4, picked_up()), (9, GATEWAY_LOST)],
        CallOutcome.ANSWERED,
    ),
    "leaves while waiting": ([(1, requested()), (9, LEFT), (9, ABANDONED)], CallOutcome.QUEUE_ABANDONED),
    "leaves while an offer rings": (
        [(1, requested()), (2, offered()), (9, LEFT), (9, withdrawn(reason=Reason.CALLER_HUNG_UP)), (9, ABANDONED)],
        CallOutcome.QUEUE_ABANDONED,
    ),
    "leaves the queue by key": (
        [
            (1, requested()),
            (9, left_queue(RequestOutcome.ABANDONED, Reason.LEFT_BY_KEY)),
            (9, call.CallEnded(reason=Reason.LEFT_BY_KEY, party=Party.SYSTEM)),
        ],
        CallOutcome.QUEUE_ABANDONED,
    ),
    "no agent online, then the flow's end": ([(1, requested()), (2, NO_AGENT), (6, FLOW_ENDED)], CallOutcome.FAILED),
    "no agent online, leaves in the failure prompt": ([(1, requested()), (2, NO_AGENT), (4, LEFT)], CallOutcome.FAILED),
    "redirected": (
        [(1, requested()), (2, left_queue(RequestOutcome.REDIRECTED, Reason.NORMAL)), (60, LEFT)],
        CallOutcome.REDIRECTED,
    ),
    "stopped by a supervisor": (
        [(1, requested()), (2, call.CallEnded(reason=Reason.SUPERVISOR, party=Party.SUPERVISOR))],
        CallOutcome.STOPPED,
    ),
    "gateway lost while waiting": ([(1, requested()), (9, GATEWAY_LOST)], CallOutcome.FAILED),
    "second group answers after the first failed": (
        [
            (1, requested()),
            (2, NO_AGENT),
            (5, requested(2, "reserve")),
            (6, offered("O2", request="R2")),
            (8, picked_up("O2")),
            (60, LEFT),
        ],
        CallOutcome.ANSWERED,
    ),
    "second group: leaves waiting": (
        [(1, requested()), (2, NO_AGENT), (5, requested(2, "reserve")), (60, LEFT)],
        CallOutcome.QUEUE_ABANDONED,
    ),
}


@pytest.mark.feature("F015")
@pytest.mark.parametrize("name", ENDINGS)
def test_every_ending_has_one_outcome(name: str) -> None:
    story, outcome = ENDINGS[name]
    summary = told(*story)
    end = next(event for _, event in story if isinstance(event, call.CallEnded))
    assert (summary.outcome, summary.reason, summary.party) == (outcome, end.reason, end.party)


RACES: dict[str, tuple[list[Happening], dict[str, object]]] = {
    "answer behind the ring timeout": (
        [(1, requested()), (1, offered()), (31, withdrawn()), (31, picked_up()), (40, LEFT)],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "agent_id": "", "ring_timeouts": 1, "talk_ms": None, "wait_ms": 39_000},
    ),
    "ring timeout behind the answer": (
        [(1, requested()), (1, offered()), (31, picked_up()), (31, withdrawn()), (31, bridged()), (40, LEFT)],
        {"outcome": CallOutcome.ANSWERED, "agent_id": "1001", "ring_timeouts": 0, "talk_ms": 9_000, "wait_ms": 30_000},
    ),
    "first agent's late answer while the second rings": (
        [
            (1, requested()),
            (1, offered()),
            (31, withdrawn()),
            (31, offered("O2", "1002")),
            (31, picked_up()),
            (35, picked_up("O2", "1002")),
        ],
        {"agent_id": "1002", "ring_timeouts": 1, "offers": 2, "wait_ms": 34_000},
    ),
    "request behind the end": (
        [(1, IN_MENU), (2, LEFT), (2, requested()), (2, ABANDONED)],
        {"outcome": CallOutcome.IVR_ABANDONED, "requested_at": None, "wait_ms": None, "group_id": ""},
    ),
    "offer behind the end": (
        [(1, requested()), (2, LEFT), (2, offered()), (2, withdrawn(reason=Reason.CALLER_HUNG_UP))],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "offers": 0, "ring_abandoned": False},
    ),
    "answer behind the end": (
        [(1, requested()), (1, offered()), (9, LEFT), (9, picked_up())],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "agent_id": "", "ring_abandoned": True, "agent_answered_at": None},
    ),
    "end behind the answer, before the bridge": (
        [(1, requested()), (1, offered()), (9, picked_up()), (10, LEFT)],
        {"outcome": CallOutcome.ANSWERED, "bridged_at": None, "talk_ms": 1_000, "ring_abandoned": False},
    ),
    "ring timeout behind the end": (
        [(1, requested()), (1, offered()), (31, LEFT), (31, withdrawn())],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "ring_timeouts": 0, "ring_abandoned": True},
    ),
    "no agent online behind the end": (
        [(1, requested()), (2, LEFT), (2, NO_AGENT)],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "wait_ms": 1_000},
    ),
    "answer behind the queue's refusal": (
        [
            (1, requested()),
            (1, offered()),
            (9, TIMED_OUT),
            (9, picked_up()),
            (12, FLOW_ENDED),
        ],
        {"outcome": CallOutcome.FAILED, "agent_id": "", "wait_ms": 8_000},
    ),
    "queue's refusal behind the answer": (
        [
            (1, requested()),
            (1, offered()),
            (9, picked_up()),
            (9, TIMED_OUT),
            (12, LEFT),
        ],
        {"outcome": CallOutcome.ANSWERED, "agent_id": "1001", "wait_ms": 8_000},
    ),
    "second end": (
        [(1, requested()), (2, LEFT), (3, GATEWAY_LOST)],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "reason": Reason.CALLER_HUNG_UP, "party": Party.CUSTOMER},
    ),
    "queue events of an earlier request": (
        [(1, requested()), (2, NO_AGENT), (3, requested(2)), (4, ABANDONED), (5, withdrawn()), (9, LEFT)],
        {"outcome": CallOutcome.QUEUE_ABANDONED, "request_id": "R2", "wait_ms": 8_000, "ring_timeouts": 0},
    ),
}


@pytest.mark.parametrize("name", RACES)
def test_the_logs_order_decides_races(name: str) -> None:
    story, expected = RACES[name]
    summary = told(*story)
    assert {field: getattr(summary, field) for field in expected} == expected


WHOLE_CALL = log(
    (0.2, ivr.IvrStarted(flow_id="main", flow_version=3, number="+861055550100", handled=1)),
    (0.3, ANSWERED_BY_SYSTEM),
    (0.3, IN_MENU),
    (3, KEY),
    (3, requested()),
    (3.1, offered()),
    (33.1, withdrawn()),
    (33.2, offered("O2", "1002")),
    (36, picked_up("O2", "1002")),
    (36.5, bridged("1002")),
    (36.5, call.RecordingStarted(recording_id="REC", agent_id="1002")),
    (96.125, leg_over("LEG-1002")),
    (96.2, leg_over("CUST", LegRole.CUSTOMER)),
    (96.2, AGENT_LEFT),
    (98, call.RecordingReady(recording_id="REC", path="acme/C.mp3", duration_ms=59_600, size_bytes=1, sha256="")),
)


@pytest.mark.feature("F012", "F227")
def test_a_whole_call_is_told_in_one_summary() -> None:
    summary = fold_all(WHOLE_CALL)
    assert summary is not None
    assert summary.flow_version == 3
    assert summary.answered_at == T0 + timedelta(seconds=0.3)
    assert [(entry.label, entry.key, entry.branch, entry.time) for entry in summary.trail] == [
        ("Menu", "2", "After sales", "2026-03-02T09:00:03.000Z")
    ]
    assert (summary.group_id, summary.agent_id, summary.offers, summary.ring_timeouts) == ("sales", "1002", 2, 1)
    assert summary.wait_ms == 33_000
    assert summary.talk_ms == 60_125, "talk ends with the first leg, not with the call"
    assert summary.duration_ms == 96_200
    assert summary.bridged_at == T0 + timedelta(seconds=36.5)
    assert (summary.recording_path, summary.recording_ms) == ("acme/C.mp3", 59_600)
    assert (summary.outcome, summary.party) == (CallOutcome.ANSWERED, Party.AGENT)
    assert all(call_of(recorded) == "C" for recorded in WHOLE_CALL)


def test_a_redelivered_event_changes_nothing() -> None:
    once = fold_all(WHOLE_CALL)
    doubled = fold_all([again for recorded in WHOLE_CALL for again in (recorded, recorded)])
    rewound = fold_all(WHOLE_CALL[:9] + WHOLE_CALL[3:])
    assert once == doubled == rewound


def test_an_event_that_says_nothing_of_the_call_leaves_the_same_object() -> None:
    before = fold_all(WHOLE_CALL[:5])
    ringing = log((0, call.LegRinging(leg_id="LEG-1001")))[1]
    assert fold(before, ringing) is before


def test_a_call_whose_arrival_is_not_in_the_log_has_no_summary() -> None:
    assert fold_all(WHOLE_CALL[1:]) is None


def test_clocks_of_two_machines_make_no_negative_durations() -> None:
    summary = told((5, requested()), (5, offered()), (4.9, picked_up()), (4.8, LEFT))
    assert (summary.wait_ms, summary.talk_ms) == (0, 0)


@pytest.mark.feature("F129")
def test_a_blocked_call_is_one_event_and_neither_inbound_nor_abandoned() -> None:
    blocked = call.CallBlocked(caller="+8613900000002", called="+861055550100", trunk="t1", gateway="g1")
    recorded = Recorded(seq=7, id="e", tenant="acme", aggregate="call", aggregate_id="C", time=T0, event=blocked)
    summary = fold_all([recorded, recorded])
    assert summary is not None
    assert (summary.outcome, summary.reason, summary.party) == (CallOutcome.BLOCKED, Reason.BLACKLISTED, Party.SYSTEM)
    assert (summary.arrived_at, summary.ended_at, summary.caller) == (T0, T0, "+8613900000002")
    assert (summary.requested_at, summary.wait_ms, summary.flow_id) == (None, None, "")


@pytest.mark.feature("F136")
def test_overflow_adds_a_segment_not_an_outcome_and_the_call_counts_for_the_group_that_served() -> None:
    moved = queue.ContactMoved(call_id="C", reason=Reason.QUEUE_TIMEOUT, left=("sales",), groups=("back", "support"))
    story: list[Happening] = [(1, requested()), (21, (moved, "R1"))]
    assert (told(*story).group_id, told(*story).request_outcome) == ("back", None)
    made, request = offered()
    assert isinstance(made, queue.OfferMade)
    there = replace(made, decision=replace(made.decision, group_id="support"))
    summary = told(*story, (25, (there, request)), (26, picked_up()), (60, LEFT))
    assert (summary.group_id, summary.outcome, summary.wait_ms) == ("support", CallOutcome.ANSWERED, 25_000)


def test_a_transfer_adds_a_segment_and_the_talk_ends_with_the_customer() -> None:
    """F214: the first agent's leg ends while the customer goes on to another one."""
    moved = call.TransferStarted(
        request_id="C-t1", agent_id="1001", target_agent_id="1002", actor="boss", caller="", gateway="g1", customer_leg_id="CUST"
    )
    summary = fold_all(
        log(
            (1, ANSWERED_BY_SYSTEM),
            (2, requested()),
            (3, offered()),
            (4, picked_up()),
            (4.1, bridged()),
            (10, moved),
            (10.2, leg_over("LEG-1001")),
            (12, offered("O2", "1002", "C-t1")),
            (13, picked_up("O2", "1002")),
            (20, leg_over("LEG-1002")),
            (20, leg_over("CUST", LegRole.CUSTOMER)),
            (20, call.CallEnded(reason=Reason.SUPERVISOR, party=Party.SUPERVISOR)),
        )
    )
    assert summary is not None
    assert (summary.outcome, summary.agent_id, summary.offers) == (CallOutcome.ANSWERED, "1001", 1)
    assert (summary.wait_ms, summary.talk_ms) == (2000, 16_000)
