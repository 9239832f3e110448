"""Several facts in one event mean what they meant as events of their own."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.facts import facts_in
from callstream.contracts.outcome import CallSummary, call_of, fold_all
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason
from callstream.testing.apart import all_apart, apart

ZERO = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
STARTED = ivr.IvrStarted(flow_id="hotline", flow_version=3, number="+8621", handled=1)
RECORDED = call.RecordingStarted(recording_id="c-r1", agent_id="1001")
INVITED = call.LegStarted(leg_id="a", role=LegRole.AGENT, offer_id="o", agent_id="1001", at=ZERO)
RINGS = call.LegRinging(leg_id="a", started=INVITED)
AGENT = call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.AGENT_HUNG_UP, agent_id="1001", offer_id="o", mos=4.2)
CUSTOMER = call.LegEnded(leg_id="c", role=LegRole.CUSTOMER, reason=Reason.AGENT_HUNG_UP, packets_received=9)
BRIDGED = call.CallBridged(offer_id="o", agent_id="1001", customer_leg_id="c", agent_leg_id="a", recording=RECORDED)
ENDED = call.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT, legs=(AGENT, CUSTOMER))
REQUESTED = ivr.AgentRequested(
    request_id="r",
    call_id="c",
    group_id="sales",
    caller="+86138",
    called="+8621",
    gateway="gw",
    customer_leg_id="c",
    handled=1,
    node_id="queue",
    started=STARTED,
)
KEY = ivr.KeyPressed(node_id="menu", label="Menu", key="1", branch="Sales", errors=0, handled=5)
CHOSEN = replace(REQUESTED, started=None, pressed=KEY)
ENTERED = ivr.NodeEntered(node_id="welcome", kind="play", label="Welcome", handled=1, started=STARTED)
DECISION = queue.Decision(rule="longest-idle", rule_version=1, group_id="sales", waited_ms=0, ahead=0, eligible=1, candidates=())


def log(*events: tuple[float, Event]) -> list[Recorded]:
    return [
        Recorded(
            seq=seq,
            id=str(seq),
            tenant="acme",
            aggregate=event.AGGREGATE,
            aggregate_id="r" if event.AGGREGATE == "queue" else "c",
            time=ZERO + timedelta(seconds=seconds),
            event=event,
            correlation_id="c",
        )
        for seq, (seconds, event) in enumerate(events, 1)
    ]


def renumbered(events: list[Recorded]) -> list[Recorded]:
    """As an older log holds them: one position each."""
    return [
        Recorded(
            seq=seq,
            id=str(seq),
            tenant=one.tenant,
            aggregate=one.aggregate,
            aggregate_id=one.aggregate_id,
            time=one.time,
            event=one.event,
            correlation_id=one.correlation_id,
        )
        for seq, one in enumerate(events, 1)
    ]


def answered(end: call.CallEnded, *steps: tuple[float, Event]) -> list[Recorded]:
    offer = queue.OfferMade(
        offer_id="o", call_id="c", gateway="gw", agent_id="1001", ring_deadline=ZERO + timedelta(seconds=20), decision=DECISION
    )
    return log(
        (0, call.CallArrived(caller="+86138", called="+8621", trunk="t", gateway="gw", leg_id="c")),
        *(steps or ((0.01, REQUESTED),)),
        (1, offer),
        (3, call.OfferAnswered(offer_id="o", request_id="r", agent_id="1001", leg_id="a")),
        (4, BRIDGED),
        (9, end),
    )


def summaries(events: list[Recorded]) -> tuple[CallSummary, CallSummary]:
    """As the log is, and as it would have been with an event for each fact; the position is another one."""
    assert {call_of(one) for one in events} == {"c"}
    one, other = fold_all(events), fold_all(renumbered(all_apart(events)))
    assert one is not None
    assert other is not None
    return one, CallSummary(**{name: getattr(other, name) for name in other.__struct_fields__} | {"seq": one.seq})


def test_a_calls_summary_is_the_same_either_way() -> None:
    one, other = summaries(answered(ENDED))
    assert one == other
    assert (one.flow_id, one.flow_version, one.recording_id) == ("hotline", 3, "c-r1")
    assert one.talk_ended_at == one.ended_at == ZERO + timedelta(seconds=9)


def test_a_key_is_in_the_trail_either_way() -> None:
    one, other = summaries(answered(ENDED, (0.01, ENTERED), (0.5, CHOSEN)))
    assert one == other
    assert [(entry.key, entry.branch) for entry in one.trail] == [("1", "Sales")]
    assert (one.flow_id, one.node_id, one.group_id) == ("hotline", "queue", "sales")


def test_a_leg_that_was_over_before_the_call_keeps_its_moment() -> None:
    early = ZERO + timedelta(seconds=8.4)
    legs = (call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.AGENT_HUNG_UP, agent_id="1001", at=early), CUSTOMER)
    one, other = summaries(answered(call.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT, legs=legs)))
    assert one == other
    assert (one.talk_ended_at, one.ended_at) == (early, ZERO + timedelta(seconds=9))
    assert one.segments[0].ended_at == early


def test_the_facts_stand_in_the_order_in_which_they_happened() -> None:
    assert [fact.NAME for fact in facts_in(ENDED)] == ["leg-ended", "leg-ended", "ended"]
    assert [fact.NAME for fact in facts_in(BRIDGED)] == ["bridged", "recording-started"]
    assert [fact.NAME for fact in facts_in(RINGS)] == ["leg-started", "leg-ringing"]
    assert [fact.NAME for fact in facts_in(ENTERED)] == ["started", "node-entered"]
    assert [fact.NAME for fact in facts_in(REQUESTED)] == ["started", "agent-requested"]
    assert [fact.NAME for fact in facts_in(CHOSEN)] == ["key-pressed", "agent-requested"]
    assert facts_in(STARTED) == (STARTED,)
    assert all(
        facts_in(fact) == (fact,) for event in (ENDED, BRIDGED, RINGS, ENTERED, REQUESTED, CHOSEN) for fact in apart(event)
    )
