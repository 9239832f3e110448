"""Whom an agent finds by what they type, called and handed a customer to, through the whole system."""

import asyncio
from typing import Any

import pytest

from callstream.contracts import call_events, control_events
from callstream_local.phones.plans import Answer
from callstream_local.phones.tones import agent_tone

from .conftest import OpenCentre, agent, caller
from .test_call_control import Desk, alone_idle, caller_hears, desks, finished, told
from .test_dialling import once_known
from .test_outbound import outside
from .test_supervision import ended_record, get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXPERT = "+8675599990140"


async def found(desk: Desk, query: str) -> dict[str, Any]:
    response = await desk._client.get("/v1/directory", params={"q": query})
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.feature("F140")
async def test_an_agent_dials_whom_they_have_found(open_centre: OpenCentre) -> None:
    async with (
        open_centre([], [agent(0), agent(1)]) as centre,
        desks(centre, "1001", "1002") as (one, two),
        outside(centre, EXPERT, agent_tone(6), Answer(after_s=0.2)) as phone,
    ):
        status, own = await one.do("/v1/contacts", {"name": "李白师傅", "number": EXPERT, "own": True})
        assert status == 200, own
        try:
            assert (await found(two, "lbs"))["contacts"] == [], "it is 1001's own"
            for query in ("lbs", "libaishifu", "李白", "0755 9999 0140", "0140"):
                assert [each["number"] for each in (await found(one, query))["contacts"]] == [EXPERT], query
            (contact,) = (await found(one, "lbs"))["contacts"]
            call_id = await once_known(one, {"number": contact["number"]})
            assert await one.becomes("talking")
            await one.done("hang-up")
            record = await until(lambda: ended_record(centre, call_id))
            assert (record["called"], record["access_status"]) == (EXPERT, "answered")
            await in_state(centre, "1001", "idle")
            (colleague,) = (await found(one, "1002"))["agents"]
            assert (colleague["agent_id"], colleague["reached_by"]) == ("1002", "phone")
            status, begun = await one.do("/v1/calls/internal", {"agent_id": colleague["agent_id"]})
            assert status == 200, begun
            assert await two.becomes("talking")
            await one.done("hang-up")
            await until(lambda: ended_record(centre, begun["call_id"]))
        finally:
            await one._client.delete(f"/v1/contacts/{own['id']}")
        assert (await found(one, "lbs"))["contacts"] == []
    assert len(phone.stories) == 1


async def test_a_customer_is_handed_to_whom_the_agent_has_found(open_centre: OpenCentre) -> None:
    """The server's side of F023: what starts the transfer is the page's."""
    async with (
        open_centre([caller(talk_s=None)], [agent(0), agent(1)]) as centre,
        desks(centre, "1001") as (one,),
        outside(centre, EXPERT, agent_tone(7), Answer(after_s=0.2)),
    ):
        await alone_idle(centre, "1001", "1002", but="1001")
        shared = await post(centre, "/v1/contacts", {"name": "李白师傅", "number": EXPERT, "company": "Depot"})
        try:
            calling = asyncio.create_task(centre.perform())
            await told(centre, call_events.CallBridged)
            assert await one.becomes("talking")
            answer = await found(one, "depot")
            assert (answer["agents"], answer["groups"]) == ([], [])
            await one.done("transfer", {"number": answer["contacts"][0]["number"]})
            await told(centre, control_events.CallTransferred)
            await caller_hears(centre, agent_tone(7))
            centre.network.lines[agent_tone(7)].hang_up()
            await finished(calling)
        finally:
            await asyncio.to_thread(centre.api.delete, "console", f"/v1/contacts/{shared['id']}")
        tree = {team["group_id"]: team["agents"] for team in (await get(centre, "/v1/directory", limit=1000))["groups"]}
    assert {"1001", "1002"} <= set(tree["sales"])
    assert "1002" not in tree["support"]
