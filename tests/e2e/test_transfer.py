"""Blind transfers through the whole system: to a colleague, and to a number outside; what moves along with the customer."""

import asyncio
from typing import Any

import pytest

from callstream.contracts import call_events, control_events, ivr_events
from callstream.contracts.facts import facts_in
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.plans import Answer
from callstream_local.phones.stories import Ending
from callstream_local.phones.tones import agent_tone

from .conftest import OpenCentre, agent, caller
from .test_call_control import Desk, alone_idle, call_of, caller_hears, desks, finished, told
from .test_outbound import BEIJING, outside
from .test_supervision import ended_record, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def marked_for_transfers(centre: Rehearsal, number: str) -> None:
    """No agent may dial with it; it is what outside parties see of customers who are handed to them."""
    document = {"number": number, "flow": "hotline", "trunks": ["away"], "transfer_out": True}
    await post(centre, "/v1/apply", {"numbers": [document]})


def keys_of(centre: Rehearsal, call_id: str) -> list[tuple[str, str]]:
    """What the customer pressed, as the record's timeline tells it."""
    facts = [fact for recorded in centre.api.timeline(call_id) for fact in facts_in(recorded.event)]
    return [(fact.key, fact.branch) for fact in facts if isinstance(fact, ivr_events.KeyPressed)]


async def on_screen(desk: Desk) -> dict[str, Any]:
    """What the agent sees of their call; empty when they are in none."""
    response = await desk._client.get("/v1/me/call/data")
    data: dict[str, Any] = response.json().get("data", {})
    return data


async def remark(centre: Rehearsal, desk: Desk, call_id: str, text: str) -> int:
    """Write it to the call; the answer's status."""
    url = f"{centre.api.url('reporting')}/v1/records/{call_id}/remark"
    return (await desk._client.put(url, json={"text": text})).status_code


@pytest.mark.feature("F020")
async def test_a_customer_is_handed_to_a_number_outside(open_centre: OpenCentre) -> None:
    expert = "+8675599990020"
    plan = caller(talk_s=None)
    async with (
        open_centre([plan], [agent(0)]) as centre,
        desks(centre, "1001") as (one,),
        outside(centre, expert, agent_tone(7), Answer(after_s=0.3)) as phone,
    ):
        await marked_for_transfers(centre, BEIJING)
        wish = {"number": "0755 9999 0020"}
        assert (await one.do("/v1/me/call/transfer", wish))[0] == 404, "in no call"
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        assert await one.becomes("talking")
        await caller_hears(centre, agent_tone(0))
        for body, answer in (
            ({"number": "+12125550100"}, (403, "forbidden")),
            ({**wish, "group_id": "sales"}, (422, "invalid")),
            ({}, (422, "invalid")),
        ):
            status, refused = await one.do("/v1/me/call/transfer", body)
            assert (status, refused["reason"]) == answer, body
        await caller_hears(centre, agent_tone(0))

        await one.done("transfer", wish)
        await in_state(centre, "1001", "wrap-up", "idle")
        await told(centre, control_events.CallTransferred)
        await caller_hears(centre, agent_tone(7))
        line = centre.network.lines[agent_tone(7)]

        async def heard() -> bool:
            return line.tone_now() == plan.tone_hz

        await until(heard)
        assert (await one.do("/v1/me/call/hold"))[0] == 404, "it is no service of ours any more"
        line.hang_up()
        await finished(calling)
        call_id = await call_of(centre, call_events.CallEnded)
        record = await until(lambda: ended_record(centre, call_id))
        keys = keys_of(centre, call_id)
    (story,) = phone.stories
    assert (story.caller, story.ending) == (BEIJING, Ending.HUNG_UP), "not the city's own number: the marked one"
    assert centre.callers[0].story.ending is Ending.PEER_HUNG_UP
    assert (record["caller"], record["called"], record["transfers"]) == (plan.caller, plan.called, 1)
    assert (record["agent_id"], record["group_id"], record["access_status"]) == ("1001", "sales", "answered")
    assert [(s["agent_id"], s["party"], s["how"]) for s in record["services"]] == [
        ("1001", None, "queue"),
        (None, expert, "blind"),
    ]
    assert keys == [("1", "Sales")]


@pytest.mark.feature("F018")
async def test_a_customer_is_handed_to_a_colleague(open_centre: OpenCentre) -> None:
    plan = caller(talk_s=None)
    rings_long = Answer(after_s=2.0)
    async with open_centre([plan], [agent(0), agent(1, rings_long)]) as centre, desks(centre, "1001", "1002") as (one, two):
        await alone_idle(centre, "1001", "1002", but="1001")
        wish = {"agent_id": "1002"}
        assert (await one.do("/v1/me/call/transfer", wish))[0] == 404, "in no call"
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        assert await one.becomes("talking")
        for body, answer in (
            (wish, (409, "agent-busy")),
            ({"agent_id": "1001"}, (422, "invalid")),
            ({"agent_id": "1999"}, (404, "unknown-agent")),
        ):
            status, refused = await one.do("/v1/me/call/transfer", body)
            assert (status, refused["reason"]) == answer, body
        await caller_hears(centre, agent_tone(0))
        call_id = await call_of(centre, call_events.CallBridged)
        assert await remark(centre, two, call_id, "mine") == 404
        assert await remark(centre, one, call_id, "Asks for the invoice of May.") == 200
        before = await on_screen(one)
        assert before["remark"] == "Asks for the invoice of May."
        assert (before["caller"], before["called"], before["group_id"]) == (plan.caller, plan.called, "sales")
        assert [(key["label"], key["key"], key["branch"]) for key in before["trail"]] == [("Main menu", "1", "Sales")]
        assert await on_screen(two) == {}, "not their call"
        await post(centre, "/v1/agents/1002/state", {"state": "idle"})
        await one.done("transfer", wish)
        await in_state(centre, "1001", "wrap-up", "idle")
        await in_state(centre, "1002", "ringing")
        rings = await on_screen(two)
        assert {**rings, "services": ()} == {**before, "services": ()}, "the same from the ring on"
        assert [served["agent_id"] for served in rings["services"]] == ["1001"]
        assert await on_screen(one) == {}, "not theirs any more"
        assert await two.becomes("talking")

        async def both_served() -> bool:
            return [(each["agent_id"], each["how"]) for each in (await on_screen(two))["services"]] == [
                ("1001", "queue"),
                ("1002", "blind"),
            ]

        await until(both_served)
        await caller_hears(centre, agent_tone(1))
        await two.done("hang-up")
        await finished(calling)
        assert await remark(centre, two, call_id, "Invoice sent.") == 200
        record = await until(lambda: ended_record(centre, call_id))
    assert record["remark"] == "Invoice sent."
    assert [(s["agent_id"], s["how"]) for s in record["services"]] == [("1001", "queue"), ("1002", "blind")]
    assert (record["agent_id"], record["transfers"], record["caller"]) == ("1001", 1, plan.caller)
