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
RUNG = call.LegEnded(leg_id="a", role=LegRole.AGENT, reason=Reason.RING_TIMEOUT)
OVER = [
    call.LegEnded(leg_id="c", role=LegRole.CUSTOMER, reason=Reason.CALLER_HUNG_UP),
    call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER),
]
RECORDS = call.RecordingStarted(recording_id="call-r1")
READY = call.RecordingReady(recording_id="call-r1", path="p", duration_ms=1, size_bytes=1, sha256="")

STORIES: list[tuple[str, list[Event], list[str] | None, set[str]]] = [
    ("rings who dials", [DIALS], ["lost"], set()),
    ("rings who was dialled", [DIALS, OWN, CALLEE], ["lost-a", "lost-c", "lost"], set()),
    ("waits", [arrived()], ["lost-c", "lost"], set()),
    ("rings an agent", [arrived(), RING], ["lost-c", "lost-a", "lost"], set()),
    ("rang an agent", [arrived(), RING, RUNG], ["lost-c", "lost"], set()),
    ("in talk", [arrived(), RING, RECORDS], ["lost-c", "lost-a", "lost"], {"call-r1"}),
    ("over, recording open", [arrived(), RECORDS, *OVER], [], {"call-r1"}),
    ("settled", [arrived(), RECORDS, *OVER, READY], None, set()),
    ("another gateway's", [arrived("other"), RING], None, set()),
    ("beginning not in sight", [RING], None, set()),
]


@pytest.mark.parametrize(("_name", "events", "closing", "recordings"), STORIES, ids=[row[0] for row in STORIES])
def test_what_is_missing(_name: str, events: list[Event], closing: list[str] | None, recordings: set[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    log = [
        Recorded(seq=n, id=str(n), tenant="acme", aggregate="call", aggregate_id="call", time=now, event=fact)
        for n, fact in enumerate(events, 1)
    ]
    left = fold_all(log, "gw").get(("acme", "call"))
    if closing is None:
        assert left is None
        return
    assert left is not None
    facts = left.closing()
    assert [key for key, _ in facts] == closing
    assert left.recordings == recordings
    if facts:
        assert facts[-1][1] == call.CallEnded(reason=Reason.GATEWAY_LOST, party=Party.SYSTEM)
