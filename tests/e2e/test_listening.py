"""A supervisor finds a call that goes on, listens, and leaves; what everybody hears meanwhile."""

import asyncio
from typing import Any

import numpy as np
import pytest

from callstream.contracts import call_events, control_events
from callstream_local.phones.line import Line
from callstream_local.phones.stories import Ending
from callstream_local.phones.tones import ALL_TONES, agent_tone

from .conftest import OpenCentre, agent, caller
from .people import Login, supervisor_of
from .test_call_control import alone_idle, caller_hears, finished, told
from .test_supervision import ended_record, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECOND = 8000


def voices(line: Line) -> set[int]:
    """All tones in the last 300 ms, those of several people at once too."""
    samples = np.asarray(line.audio.heard(300), dtype=np.float64)
    if len(samples) < SECOND // 10:
        return set()
    spectrum = np.abs(np.fft.rfft(samples[-SECOND // 10 :]))
    loud = {int(place) * 10 for place in np.flatnonzero(spectrum > spectrum.max() / 4)}
    return loud & set(ALL_TONES)


async def hears(line: Line, *tones_hz: int) -> None:
    """Until exactly these are heard."""

    async def look() -> bool:
        return voices(line) == set(tones_hz)

    await until(look)


async def going_on(boss: Login) -> list[dict[str, Any]]:
    """The calls that go on now and are answered, as the supervisor sees them."""
    status, page = await boss.ask("GET", "/v1/records?live=true", service="reporting")
    assert status == 200, page
    return [record for record in page["records"] if record["agent_id"]]


@pytest.mark.feature("F216")
async def test_a_supervisor_lists_calls_listens_unheard_and_leaves(open_centre: OpenCentre) -> None:
    """1002 serves sales alone; the supervisor borrows the phone of 1003, who is at a break, so to say."""
    plan = caller(talk_s=None)
    async with (
        open_centre([plan], [agent(0), agent(1), agent(2)]) as centre,
        supervisor_of(centre, "sales") as boss,
        supervisor_of(centre, "support") as stranger,
    ):
        await alone_idle(centre, "1001", "1002", "1003", but="1002")
        assert await going_on(boss) == []
        status, refused = await boss.ask("POST", "/v1/agents/1002/listen", {"agent_id": "1003"})
        assert (status, refused["reason"]) == (409, "illegal-state"), "nobody talks"
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        await in_state(centre, "1002", "busy")

        (call,) = await until(lambda: going_on(boss))
        assert (call["caller"], call["agent_id"], call["group_id"]) == (plan.caller, "1002", "sales")
        assert await going_on(stranger) == []
        for path, body in (("listen", {"agent_id": "1001"}), ("supervision", None)):
            method = "POST" if body else "DELETE"
            assert (await stranger.ask(method, f"/v1/agents/1002/{path}", body))[0] == 403
        status, refused = await boss.ask("POST", "/v1/agents/1002/listen", {"agent_id": "1002"})
        assert (status, refused["field"]) == (422, "agent_id"), "nobody hears themselves"

        await caller_hears(centre, agent_tone(1))
        status, answered = await boss.ask("POST", "/v1/agents/1002/listen", {"agent_id": "1003"})
        assert status == 200, answered
        await told(centre, control_events.SupervisionStarted)
        lines = centre.network.lines
        await hears(lines[agent_tone(2)], plan.tone_hz, agent_tone(1))
        await hears(lines[plan.tone_hz], agent_tone(1))
        await hears(lines[agent_tone(1)], plan.tone_hz)
        await in_state(centre, "1003", "busy")

        assert (await boss.ask("DELETE", "/v1/agents/1002/supervision"))[0] == 200
        await told(centre, control_events.SupervisionEnded)
        await in_state(centre, "1003", "busy-set")
        (listened,) = centre.network.phones["1003"].stories
        await until(lambda: ended(listened))
        assert listened.ending is Ending.PEER_HUNG_UP
        await hears(lines[plan.tone_hz], agent_tone(1))
        await hears(lines[agent_tone(1)], plan.tone_hz)
        assert [each["call_id"] for each in await going_on(boss)] == [call["call_id"]]

        await post(centre, "/v1/agents/1002/tear-down")
        await finished(calling)
        record = await until(lambda: ended_record(centre, call["call_id"]))
        assert await going_on(boss) == []
    assert [service["agent_id"] for service in record["services"]] == ["1002"], "who hears does not serve"


async def ended(story: Any) -> bool:
    return story.ended_at is not None
