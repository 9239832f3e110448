"""The story of a call: every event has a meaning, and the ladder shows who spoke to whom."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from callstream.contracts import call_events, control_events, queue_events
from callstream.contracts.envelope import EVENT_TYPES, Event, Recorded
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.outcomes import Party, Reason
from callstream_local.inside.ladder import ladder
from callstream_local.inside.meaning import _MEANINGS, meaning
from callstream_local.inside.tail import Filter, line_of

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def story(*events: tuple[float, Event]) -> list[Recorded]:
    return [
        Recorded(
            seq=seq, id=str(seq), tenant="main", aggregate=e.AGGREGATE, aggregate_id="C1", time=T0 + timedelta(seconds=s), event=e
        )
        for seq, (s, e) in enumerate(events, 1)
    ]


CALL = story(
    (0, call_events.CallArrived(caller="+8613900000001", called="+861055501234", trunk="t", gateway="g", leg_id="c")),
    (0.1, call_events.CallAnswered()),
    (1, call_events.DigitReceived(digit="1", leg_id="c")),
    (2, call_events.LegStarted(leg_id="a", role=LegRole.AGENT, offer_id="o", agent_id="1001")),
    (2.1, call_events.LegRinging(leg_id="a")),
    (3, call_events.OfferAnswered(offer_id="o", request_id="r", agent_id="1001", leg_id="a")),
    (3.1, call_events.CallBridged(offer_id="o", agent_id="1001", customer_leg_id="c", agent_leg_id="a")),
    (9, call_events.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.AGENT_HUNG_UP, agent_id="1001")),
    (9, call_events.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT)),
)


def test_every_event_of_the_contracts_has_a_meaning() -> None:
    assert {cls.TYPE for cls in _MEANINGS} == set(EVENT_TYPES)


def test_an_offer_says_why_this_agent_and_why_no_other() -> None:
    decision = queue_events.Decision(
        rule="longest-idle",
        rule_version=1,
        group_id="sales",
        waited_ms=1500,
        ahead=0,
        eligible=2,
        candidates=(
            queue_events.Candidate(agent_id="1001", idle_ms=60_000, rank=1),
            queue_events.Candidate(agent_id="1002", idle_ms=3_000, rank=2),
            queue_events.Candidate(agent_id="1003", why_not="state:wrap-up"),
        ),
    )
    offer = queue_events.OfferMade(offer_id="o", call_id="C1", gateway="g", agent_id="1001", ring_deadline=T0, decision=decision)
    assert meaning(offer) == (
        "offered to agent 1001 by longest-idle, idle for 60.0 s, waited 1.5 s; not: 1002 (rank 2), 1003 (state:wrap-up)"
    )


def test_the_ladder_shows_each_partys_column_and_the_direction() -> None:
    lines = ladder(CALL)
    assert lines[0].split() == ["+8613900000001", "callstream", "agent", "1001"]
    invite, ok, key, out, ringing, picked_up, talk, ended = lines[1:]
    assert "INVITE" in invite
    assert invite.index(">") > invite.index("INVITE")
    assert ok.index("<") < ok.index("200 OK")
    assert "key 1" in key
    assert out.index(">") > invite.index(">"), "to the agent's column"
    assert ringing.index("<") > ok.index("<")
    assert "200 OK" in picked_up
    assert "talk" in talk
    assert "ended: agent-hung-up" in ended
    assert ladder([]) == []


def test_an_invite_that_is_told_with_the_ring_stands_where_it_left() -> None:
    invited, ringing = CALL[3], CALL[4]
    assert isinstance(invited.event, call_events.LegStarted)
    assert isinstance(ringing.event, call_events.LegRinging)
    both = replace(ringing.event, started=replace(invited.event, at=invited.time))
    told = [*CALL[:3], replace(ringing, event=both), *CALL[5:]]
    assert ladder(told) == ladder(CALL)
    assert meaning(both) == "INVITE to agent 1001's phone; the phone rings"


OUT = story(
    (0, call_events.CallDialled(agent_id="1001", callee="+863", caller="+862", gateway="g", leg_id="c", agent_leg_id="a")),
    (0, call_events.LegStarted(leg_id="a", role=LegRole.AGENT, agent_id="1001", purpose=Purpose.OUTBOUND)),
    (2, control_events.LegAnswered(leg_id="a", role=LegRole.AGENT, agent_id="1001")),
    (2, call_events.LegStarted(leg_id="c", role=LegRole.CUSTOMER, number="+863", purpose=Purpose.OUTBOUND)),
    (5, control_events.LegAnswered(leg_id="c", role=LegRole.CUSTOMER, number="+863")),
    (9, control_events.CallHeld(agent_id="1001", leg_id="c", actor="1001")),
    (10, call_events.LegStarted(leg_id="b", role=LegRole.AGENT, offer_id="o", agent_id="1002")),
    (12, control_events.CallTransferred(agent_id="1001", how="consult", to_agent_id="1002")),
)


def test_the_ladder_of_a_dialled_call_begins_with_its_agent() -> None:
    lines = ladder(OUT)
    assert lines[0].split() == ["agent", "1001", "callstream", "+863", "agent", "1002"]
    assert [next(w for w in ("dials", "INVITE", "200 OK", "hold") if w in line) for line in lines[1:]] == [
        "dials",
        "INVITE",
        "200 OK",
        "INVITE",
        "200 OK",
        "hold",
        "INVITE",
    ]


def test_call_control_is_told_in_words() -> None:
    said = [meaning(recorded.event) for recorded in OUT]
    assert said[0] == "agent 1001 calls +863, showing +862"
    assert said[3] == "INVITE to customer +863"
    assert said[5] == "agent 1001 holds the call, by 1001"
    assert said[-1] == "agent 1002 serves the customer from now on instead of agent 1001 (consult)"


def test_several_facts_of_one_event_are_all_told_and_found() -> None:
    recording = call_events.RecordingStarted(recording_id="C1-r1", agent_id="1001")
    bridged = call_events.CallBridged(offer_id="o", agent_id="1001", customer_leg_id="c", agent_leg_id="a", recording=recording)
    legs = (
        call_events.LegEnded(
            leg_id="a", role=LegRole.AGENT, reason=Reason.AGENT_HUNG_UP, agent_id="1001", at=T0 + timedelta(seconds=8.9)
        ),
        call_events.LegEnded(leg_id="c", role=LegRole.CUSTOMER, reason=Reason.AGENT_HUNG_UP, packets_received=7),
    )
    ended = call_events.CallEnded(reason=Reason.AGENT_HUNG_UP, party=Party.AGENT, legs=legs)
    told = [*CALL[:-3], *story((3.1, bridged), (9, ended))]
    assert meaning(bridged) == "caller and agent 1001 hear each other; recording"
    assert meaning(ended) == (
        "the agent leg ended: agent-hung-up, 0 packets, 0 lost; the customer leg ended: agent-hung-up, 7 packets, 0 lost; "
        "the call ended: agent-hung-up, by agent"
    )
    assert [line[6:12] for line in ladder(told)[-3:]] == ["03.100", "08.900", "09.000"]
    wanted = Filter(name="leg-ended", agent="1001")
    assert wanted.subjects() == ["cs.*.*.*.leg-ended", "cs.*.*.*.ended"]
    assert [r.event.NAME for r in told if wanted.matches(r)] == ["ended"]
    assert not any(Filter(name="leg-ended", agent="1002").matches(r) for r in told)


def test_the_tail_filters_by_call_and_agent() -> None:
    by_agent = [r.event.NAME for r in CALL if Filter(agent="1001").matches(r)]
    assert by_agent == ["leg-started", "offer-answered", "bridged", "leg-ended"]
    assert not any(Filter(call="C2").matches(r) for r in CALL)
    assert all(Filter(call="C1").matches(r) for r in CALL)
    assert Filter(aggregate="queue", name="offer-made").subjects() == ["cs.*.queue.*.offer-made"]
    assert Filter().subjects() == ["cs.*.*.*.*"]
    assert "call.ended" in line_of(CALL[-1])
