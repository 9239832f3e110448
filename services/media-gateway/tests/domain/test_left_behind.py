"""What a killed gateway left open is closed; what is settled is left alone."""

from datetime import UTC, datetime

import pytest

from callstream.contracts import call_events as call
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain.left_behind import fold_all


def arrived(gateway: str = "gw") -> call.CallArrived:
    return call.CallArrived(caller="", called="+8621", trunk="t", gateway=gateway, leg_id="c")


DIALS = call.CallDialled(agent_id="1001", callee="+8613900000001", caller="+8621", gateway="gw", leg_id="c", agent_leg_id="a")
OWN = call.LegStarted(leg_id="a", role=LegRole.AGENT, agent_id="1001")
CALLEE = call.LegStarted(leg_id="c", role=LegRole.CUSTOMER, number="+8613900000001")
RING = call.LegStarted(leg_id="a", role=LegRole.AGENT, offer_id="o", agent_id="1001")
RINGS = call.LegRinging(leg_id="a", started=RING)
RUNG = call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.RING_TIMEOUT)
OVER = [
    call.LegEnded(leg_id="c", role=LegRole.CUSTOMER, reason=Reason.CALLER_HUNG_UP),
    call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER),
]
RECORDS = call.RecordingStarted(recording_id="call-r1")
TALKS = call.CallBridged(offer_id="o", agent_id="1001", customer_leg_id="c", agent_leg_id="a", recording=RECORDS)
OVER_WITH_ITS_LEGS = call.CallEnded(
    reason=Reason.CALLER_HUNG_UP,
    party=Party.CUSTOMER,
    legs=(call.LegEnded(leg_id="c", role=LegRole.CUSTOMER, reason=Reason.CALLER_HUNG_UP),),
)
READY = call.RecordingReady(recording_id="call-r1", path="p", duration_ms=1, size_bytes=1, sha256="")

STORIES: list[tuple[str, list[Event], str | None, set[str]]] = [
    ("rings who dials", [DIALS], "", set()),
    ("rings who was dialled", [DIALS, OWN, CALLEE], "ac", set()),
    ("waits", [arrived()], "c", set()),
    ("rings an agent", [arrived(), RING], "ca", set()),
    ("rings an agent, told with the ring", [arrived(), RINGS], "ca", set()),
    ("rang an agent", [arrived(), RING, RUNG], "c", set()),
    ("in talk", [arrived(), RING, TALKS], "ca", {"call-r1"}),
    ("in talk, recorded later", [arrived(), RING, RECORDS], "ca", {"call-r1"}),
    ("over, recording open", [arrived(), TALKS, OVER_WITH_ITS_LEGS], "ended", {"call-r1"}),
    ("over by an older gateway, recording open", [arrived(), RECORDS, *OVER], "ended", {"call-r1"}),
    ("settled", [arrived(), TALKS, OVER_WITH_ITS_LEGS, READY], None, set()),
    ("settled by an older gateway", [arrived(), RECORDS, *OVER, READY], None, set()),
    ("another gateway's", [arrived("other"), RING], None, set()),
    ("beginning not in sight", [RING], None, set()),
]


@pytest.mark.parametrize(("_name", "events", "open_legs", "recordings"), STORIES, ids=[row[0] for row in STORIES])
def test_what_is_missing(_name: str, events: list[Event], open_legs: str | None, recordings: set[str]) -> None:
    """open_legs: one letter each, as `call.ended` is to tell them; `ended`: it has been told; None: nothing is missing."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    log = [
        Recorded(seq=n, id=str(n), tenant="acme", aggregate="call", aggregate_id="call", time=now, event=fact)
        for n, fact in enumerate(events, 1)
    ]
    left = fold_all(log, "gw").get(("acme", "call"))
    if open_legs is None:
        assert left is None
        return
    assert left is not None
    assert left.recordings == recordings
    closing = left.closing()
    if open_legs == "ended":
        assert closing is None
        return
    assert closing is not None
    key, ended = closing
    assert isinstance(ended, call.CallEnded)
    assert (key, ended.reason, ended.party) == ("lost", Reason.GATEWAY_LOST, Party.SYSTEM)
    assert "".join(leg.leg_id for leg in ended.legs) == open_legs
    assert {leg.reason for leg in ended.legs} <= {Reason.GATEWAY_LOST}
