"""sipp as the trunk's caller: another implementation of SIP than ours must be able to use every room of the house."""

from pathlib import Path

import pytest

from callstream.contracts.call_events import DigitReceived
from callstream_local.demo.manifest import NUMBER
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.plans import Answer
from callstream_local.phones.stories import Ending
from callstream_local.stack import Stack

from .conftest import OpenCentre, agent
from .figures import gateway_figures
from .sipp import needs_raw_sockets, needs_sipp, sipp, write_tone

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_sipp]

TONE_HZ = 1730


def keys(centre: Rehearsal) -> list[tuple[str, str]]:
    """(digit, way) of every key that arrived."""
    return [(e.event.digit, e.event.method) for e in centre.events if isinstance(e.event, DigitReceived)]


@needs_raw_sockets
@pytest.mark.feature("F175", "F198")
async def test_sipp_presses_a_key_as_rtp_event_and_talks_to_an_agent(
    stack: Stack, open_centre: OpenCentre, tmp_path: Path
) -> None:
    tone = write_tone(tmp_path / "tone.ul", TONE_HZ)
    async with open_centre(agents=[agent(0, Answer(after_s=0.2, talk_s=1.5))]) as centre:
        await sipp("talk", stack.sip_addr, NUMBER, tmp_path, caller="+8613700000001", tone=str(tone))
        evidence = await centre.settle(calls=1)
    (record,), (offer,) = evidence.records, evidence.offers
    assert keys(centre) == [("1", "rfc4733")]
    assert (record.caller, record.access_status, record.hang_up_party) == ("+8613700000001", "answered", "agent")
    assert (offer.caller, offer.heard.tone_hz, offer.ending) == ("+8613700000001", TONE_HZ, Ending.HUNG_UP)
    recording = evidence.recordings[record.call_id]
    assert (recording.problem, recording.left.tone_hz, recording.right.tone_hz) == ("", TONE_HZ, offer.tone_hz)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_sipp_presses_a_key_by_info_and_hangs_up(stack: Stack, open_centre: OpenCentre, tmp_path: Path, tcp: bool) -> None:
    async with open_centre(agents=[agent(0)]) as centre:
        await sipp("info", stack.sip_addr, NUMBER, tmp_path, tcp=tcp, caller="+8613700000002")
        evidence = await centre.settle(calls=1)
    (record,) = evidence.records
    assert keys(centre) == [("1", "info")]
    assert (record.access_status, record.agent_id, record.hang_up_party) == ("answered", "1001", "customer")
    assert evidence.agents == {"1001": "idle"}


REFUSALS = [
    ("an unknown number", "+861055559999", "127.0.0.1", "404"),
    ("no number at all", "reception", "127.0.0.1", "404"),
    ("an unknown peer", NUMBER, "127.0.0.2", "403"),
]


@pytest.mark.feature("F175")
@pytest.mark.parametrize(("who", "number", "source", "status"), REFUSALS, ids=[row[0] for row in REFUSALS])
async def test_who_may_not_call_is_refused_and_leaves_no_trace_but_a_count(
    stack: Stack, open_centre: OpenCentre, tmp_path: Path, who: str, number: str, source: str, status: str
) -> None:
    async with open_centre() as centre:
        before = await gateway_figures(stack)
        await sipp("refused", stack.sip_addr, number, tmp_path, source=source, caller="+8613700000003", status=status)
        after = await gateway_figures(stack)
    assert centre.events == []
    assert after["calls_refused_total"] == before["calls_refused_total"] + 1
    assert (after["calls_active"], after["legs_active"]) == (0, 0)
