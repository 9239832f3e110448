"""Who served a call when: calls that agents begin, transfers, holds, consultations. Times are seconds since the beginning."""

from datetime import UTC, datetime, timedelta

import pytest

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.outcome import CallSummary, fold, fold_all
from callstream.contracts.states import Direction, LegRole, Purpose
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Happening = tuple[float, Event] | tuple[float, Event, str]

ARRIVED = call.CallArrived(caller="+861", called="+862", trunk="t", gateway="g", leg_id="CUST")
DIALLED = call.CallDialled(
    agent_id="1001", callee="+863", caller="+862", gateway="g", leg_id="CUST", agent_leg_id="LEG-1001", chosen_by="city"
)
CALLED = call.CallDialled(
    agent_id="1001", callee="1002", caller="", gateway="g", purpose=Purpose.INTERNAL, agent_leg_id="LEG-1001"
)
CUSTOMER_RINGS = call.LegStarted(leg_id="CUST", role=LegRole.CUSTOMER, number="+863", purpose=Purpose.OUTBOUND)
REACHED = control.LegAnswered(leg_id="CUST", role=LegRole.CUSTOMER, number="+863")
PHONE_UP = control.LegAnswered(leg_id="LEG-1001", role=LegRole.AGENT, agent_id="1001")
CUSTOMER_GONE = call.LegEnded(leg_id="CUST", role=LegRole.CUSTOMER, reason=Reason.CALLER_HUNG_UP)
REQUESTED = ivr.AgentRequested(
    request_id="R", call_id="C", group_id="sales", caller="", called="", gateway="g", customer_leg_id="CUST", handled=0
)
LEFT = call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER)
STOP = queue.RequestStopAsked(call_id="C", actor="boss")
STOPPED = queue.ContactLeft(call_id="C", outcome=RequestOutcome.STOPPED, reason=Reason.SUPERVISOR, waited_ms=0)


def offered(agent: str, request: str = "R", group: str = "sales") -> tuple[Event, str]:
    decision = queue.Decision(
        rule="longest-idle", rule_version=1, group_id=group, waited_ms=0, ahead=0, eligible=1, candidates=()
    )
    made = queue.OfferMade(offer_id=f"O-{agent}", call_id="C", gateway="g", agent_id=agent, ring_deadline=T0, decision=decision)
    return made, request


def answered(agent: str, request: str = "R") -> Event:
    return call.OfferAnswered(offer_id=f"O-{agent}", request_id=request, agent_id=agent, leg_id=f"LEG-{agent}")


def bridged(agent: str) -> Event:
    return call.CallBridged(offer_id=f"O-{agent}", agent_id=agent, customer_leg_id="CUST", agent_leg_id=f"LEG-{agent}")


def over(agent: str) -> Event:
    return call.LegEnded(leg_id=f"LEG-{agent}", role=LegRole.AGENT, reason=Reason.NORMAL, agent_id=agent)


def given_to(request: str, agent: str = "", group: str = "") -> Event:
    return call.TransferStarted(
        request_id=request,
        agent_id="1001",
        target_agent_id=agent,
        group_id=group,
        actor="1001",
        caller="",
        gateway="g",
        customer_leg_id="CUST",
    )


def log(*story: Happening) -> list[Recorded]:
    return [
        Recorded(
            seq=seq,
            id=f"E{seq}",
            tenant="acme",
            aggregate=one[1].AGGREGATE,
            aggregate_id=one[2] if len(one) == 3 else "C",
            time=T0 + timedelta(seconds=one[0]),
            event=one[1],
            correlation_id="C",
        )
        for seq, one in enumerate(story, 1)
    ]


def told(*story: Happening) -> CallSummary:
    events = log(*story)
    summary = fold_all(events)
    assert summary is not None
    for recorded in events:
        assert fold(summary, recorded) is summary, "what is told again changes nothing"
    return summary


def parts(summary: CallSummary) -> list[str]:
    """`who how talked held` of each service."""
    return [f"{s.agent_id or s.number} {s.how} {s.talk_ms} {s.held_ms}" for s in summary.segments]


TALKING: tuple[Happening, ...] = (
    (0, ARRIVED),
    (1, REQUESTED),
    (2, *offered("1001")),
    (5, answered("1001")),
    (5, bridged("1001")),
)


def test_an_outbound_call_counts_from_its_customers_answer() -> None:
    summary = told((0, DIALLED), (3, PHONE_UP), (4, CUSTOMER_RINGS), (10, REACHED), (40, over("1001")), (40, LEFT))
    assert (summary.direction, summary.outcome) == (Direction.OUTBOUND, CallOutcome.ANSWERED)
    assert (summary.caller, summary.called, summary.agent_id, summary.chosen_by) == ("+862", "+863", "1001", "city")
    assert (summary.ring_ms, summary.talk_ms, summary.wait_ms, summary.duration_ms) == (6000, 30_000, None, 40_000)
    assert parts(summary) == ["1001 dialled 30000 0"]


def test_the_trunk_of_an_outbound_call_is_the_one_that_reached_the_customer() -> None:
    agent_rings = call.LegRinging(leg_id="LEG-1001", trunk="mobile-out")
    customer_rings = call.LegRinging(leg_id="CUST", trunk="second")
    summary = told((0, DIALLED), (1, agent_rings), (2, customer_rings), (3, call.LegRinging(leg_id="CUST")))
    assert summary.trunk == "second"
    assert told((0, ARRIVED), (1, call.LegRinging(leg_id="LEG-1001", trunk="mobile-out"))).trunk == "t", "it came in by another"


@pytest.mark.parametrize(
    "end",
    [
        call.CallEnded(reason=Reason.RING_TIMEOUT, party=Party.SYSTEM),
        call.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT),
        call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM),
    ],
)
def test_a_call_that_reached_nobody_is_unanswered(end: Event) -> None:
    summary = told((0, DIALLED), (3, PHONE_UP), (4, CUSTOMER_RINGS), (20, over("1001")), (20, end))
    assert (summary.outcome, summary.talk_ms, summary.ring_ms) == (CallOutcome.UNANSWERED, None, 16_000)
    assert summary.segments == ()


def test_an_internal_call_is_answered_by_the_other_agent() -> None:
    wanted = control.AgentWanted(
        request_id="W", purpose=Purpose.INTERNAL, agent_id="1001", target_agent_id="1002", actor="1001", caller="", gateway="g"
    )
    story: list[Happening] = [(0, CALLED), (2, PHONE_UP), (2, wanted), (3, *offered("1002", "W", ""))]
    summary = told(*story, (6, answered("1002", "W")), (16, over("1002")), (16, over("1001")), (16, LEFT))
    assert (summary.direction, summary.outcome) == (Direction.INTERNAL, CallOutcome.ANSWERED)
    assert (summary.caller, summary.called, summary.ring_ms, summary.talk_ms) == ("1001", "1002", 3000, 10_000)
    assert parts(summary) == ["1001 dialled 10000 0", "1002 internal 10000 0"]
    nobody = queue.ContactLeft(call_id="C", outcome=RequestOutcome.FAILED, reason=Reason.AGENT_BUSY, waited_ms=0)
    assert told(*story[:3], (3, nobody, "W"), (4, LEFT)).outcome is CallOutcome.UNANSWERED


def test_hold_time_is_the_sum_of_its_periods() -> None:
    held, back = control.CallHeld(agent_id="1001", leg_id="CUST"), control.CallRetrieved(agent_id="1001", leg_id="CUST")
    summary = told(*TALKING, (10, held), (11, held), (15, back), (16, back), (20, held), (50, CUSTOMER_GONE), (50, LEFT))
    assert (summary.hold_ms, summary.holds, summary.talk_ms) == (35_000, 2, 45_000)


def test_each_agent_of_a_blind_transfer_has_their_service() -> None:
    summary = told(
        *TALKING,
        (20, given_to("T", group="tech")),
        (20, over("1001")),
        (21, *offered("1002", "T", "tech")),
        (30, answered("1002", "T")),
        (30, bridged("1002")),
        (30, control.CallTransferred(agent_id="1001", how="blind", to_agent_id="1002")),
        (50, over("1002")),
        (50, LEFT),
    )
    assert parts(summary) == ["1001 queue 15000 0", "1002 blind 20000 0"]
    assert [segment.group_id for segment in summary.segments] == ["sales", "tech"]
    assert (summary.agent_id, summary.transfers, summary.talk_ms, summary.outcome) == ("1001", 1, 45_000, CallOutcome.ANSWERED)


def test_a_customer_who_hangs_up_between_two_agents_was_in_talk_until_then() -> None:
    summary = told(*TALKING, (20, given_to("T", agent="1002")), (20, over("1001")), (33, CUSTOMER_GONE), (33, LEFT))
    assert (parts(summary), summary.talk_ms, summary.transfers) == (["1001 queue 15000 0"], 28_000, 0)


@pytest.mark.parametrize("gone_first", [True, False])
def test_a_consulted_agent_serves_from_the_completion_on(gone_first: bool) -> None:
    done = control.CallTransferred(agent_id="1001", how="consult", to_agent_id="1002")
    ends: list[Happening] = [(30, over("1001")), (30, done)] if gone_first else [(30, done), (30, over("1001"))]
    summary = told(
        *TALKING,
        (10, control.CallHeld(agent_id="1001", leg_id="CUST")),
        (10, control.ConsultStarted(consult_id="W", agent_id="1001", target_agent_id="1002")),
        (15, answered("1002", "W")),
        *ends,
        (40, over("1002")),
        (41, CUSTOMER_GONE),
        (41, LEFT),
    )
    assert parts(summary) == ["1001 queue 25000 20000", "1002 consult 10000 0"]
    assert (summary.consults, summary.transfers, summary.talk_ms) == (1, 1, 35_000)


def test_a_consulted_agent_who_never_served_has_no_service() -> None:
    summary = told(*TALKING, (15, answered("1002", "W")), (20, over("1002")), (30, over("1001")), (30, LEFT))
    assert (parts(summary), summary.talk_ms) == (["1001 queue 25000 0"], 25_000)


def test_an_outside_party_has_a_service_and_a_talk_of_three_is_noted() -> None:
    summary = told(
        *TALKING,
        (10, control.PartyJoined(leg_id="X", role=LegRole.EXTERNAL, number="+869")),
        (20, control.CallTransferred(agent_id="1001", how="left", to_number="+869")),
        (20, over("1001")),
        (60, CUSTOMER_GONE),
        (60, LEFT),
    )
    assert parts(summary) == ["1001 queue 15000 0", "+869 left 40000 0"]
    assert (summary.conference, summary.talk_ms) == (True, 55_000)


def test_a_supervisor_who_hears_is_no_talk_of_three() -> None:
    summary = told(*TALKING, (10, control.PartyJoined(leg_id="S", role=LegRole.SUPERVISOR)))
    assert not summary.conference


def test_the_survey_is_no_talk() -> None:
    summary = told(
        *TALKING,
        (20, control.SurveyStarted(agent_id="1001", actor="1001")),
        (20, over("1001")),
        (28, control.CallRated(agent_id="1001", rating=5)),
        (29, CUSTOMER_GONE),
        (29, LEFT),
    )
    assert (summary.rating, summary.talk_ms, parts(summary)) == (5, 15_000, ["1001 queue 15000 0"])


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        ([(3, STOP, "R"), (3, LEFT), (3, STOPPED, "R")], CallOutcome.STOPPED),
        ([(3, LEFT), (3, STOP, "R")], CallOutcome.QUEUE_ABANDONED),
        ([(3, STOP, "R"), (3, answered("1001")), (3, STOPPED, "R"), (9, LEFT)], CallOutcome.ANSWERED),
    ],
)
def test_a_stop_counts_from_where_it_stands_in_the_log(story: list[Happening], outcome: CallOutcome) -> None:
    """As routing tells it: callstream_routing.domain.evolve."""
    assert told(*TALKING[:3], *story).outcome is outcome


def test_a_request_past_the_flow_that_comes_to_nothing_was_none() -> None:
    """The flow begins as if nothing had been asked; answered, it counts as a request for an agent (appendix 2)."""
    direct = ivr.AgentRequested(
        request_id="D",
        call_id="C",
        group_id="",
        caller="",
        called="",
        gateway="g",
        customer_leg_id="CUST",
        handled=0,
        only_agent="1001",
    )
    failed = queue.ContactLeft(call_id="C", outcome=RequestOutcome.FAILED, reason=Reason.AGENT_BUSY, waited_ms=0)
    summary = told((0, ARRIVED), (1, direct), (2, failed, "D"), (9, LEFT))
    assert (summary.outcome, summary.requested_at, summary.wait_ms) == (CallOutcome.IVR_ABANDONED, None, None)
    summary = told((0, ARRIVED), (1, direct), (2, *offered("1001", "D", "")), (4, answered("1001", "D")), (9, LEFT))
    assert (summary.outcome, summary.wait_ms, parts(summary)) == (CallOutcome.ANSWERED, 3000, ["1001 queue 5000 0"])
