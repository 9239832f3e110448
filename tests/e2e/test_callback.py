"""A callback that keeps the place, through the whole system: calls in, a call back through a trunk, and what the books say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from callstream.contracts import call_events, queue_events
from callstream_local.demo.check_books import check_books
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.agent_phone import AgentPhone
from callstream_local.phones.caller import Caller
from callstream_local.phones.plans import Answer, Reaction, Reject
from callstream_local.phones.stories import Ending
from callstream_local.phones.tones import agent_tone

from .conftest import OpenCentre, agent, caller
from .test_call_control import finished, told
from .test_outbound import BEIJING, CUSTOMER, SHENZHEN, outside
from .test_supervision import ended_record, get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINE = "+861055550170"
NODES = [
    {"kind": "start", "id": "start", "next": "wait"},
    {
        "kind": "transfer-to-agent",
        "id": "wait",
        "group_id": "sales",
        "failed": "bye",
        "queue_prompts": [{"kind": "tts", "text": "Please wait for an agent. We are busy at the moment. " * 3}],
        "offer_callback": {
            "after_s": 1,
            "prompts": [{"kind": "tts", "text": "Press one to be called back without losing your place."}],
            "next": "soon",
        },
    },
    {"kind": "play", "id": "soon", "prompts": [{"kind": "tts", "text": "We shall call you."}], "next": "bye"},
    {"kind": "end", "id": "bye"},
]


@asynccontextmanager
async def callbacks(centre: Rehearsal, tone_hz: int, *reactions: Reaction) -> AsyncIterator[AgentPhone]:
    """A line whose callers are offered it after a second, and a customer outside; who is busy is called again after ten.

    Documents reach the gateway in their order: when it knows the trunk, it knows the line."""
    sales = {"id": "sales", "name": "Sales", "callback": {"attempts": 2, "retry_s": 10}}
    flow, line = {"id": "back", "name": "Back", "nodes": NODES}, {"number": LINE, "flow": "back"}
    await post(centre, "/v1/apply", {"groups": [sales], "flows": [flow], "numbers": [line]})
    try:
        async with outside(centre, CUSTOMER, tone_hz, *reactions) as phone:
            yield phone
    finally:
        url = f"{centre.api.url('console')}/v1/config/number/{LINE[1:]}"
        (await asyncio.to_thread(centre.api._client.delete, url)).raise_for_status()


async def waiting(centre: Rehearsal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await get(centre, "/v1/requests")
    return found


async def test_who_asked_is_called_back_in_their_place_until_they_answer(open_centre: OpenCentre) -> None:
    """The customer is busy at first; who came later is served meanwhile, and nobody is called twice."""
    asks = caller(caller=CUSTOMER, called=LINE, keys=("1",), listen_ms=(4500,), talk_s=None)
    later = caller(talk_s=None)
    async with (
        open_centre([asks], [agent(0, Answer(after_s=0.2, talk_s=1.5))]) as centre,
        callbacks(centre, asks.tone_hz, Reject(after_s=0.2), Answer(after_s=0.3)) as phone,
    ):
        await post(centre, "/v1/agents/1001/state", {"state": "busy-set"})
        calling = asyncio.create_task(centre.perform())
        await finished(calling)
        assert centre.callers[0].story.ending is Ending.PEER_HUNG_UP
        (back,) = await until(lambda: waiting(centre))
        assert (back["callback"], back["ahead"], back["attempts"]) == (CUSTOMER, 0, 0)
        asked_in = back["call_id"]
        record = await until(lambda: ended_record(centre, asked_in))
        assert (record["access_status"], record["reason"]) == ("redirected", "flow-ended")
        (first,) = [r.event for r in centre.events if isinstance(r.event, queue_events.ContactQueued) and not r.event.callback]
        assert back["enqueued_at"][:23] == first.enqueued_at.isoformat(timespec="milliseconds")[:23]

        second: Caller = centre.network.caller(later)
        centre.callers.append(second)
        also = asyncio.create_task(second.call())
        await until(lambda: _two(centre))
        await post(centre, "/v1/agents/1001/state", {"state": "idle"})
        await told(centre, queue_events.CallbackTried)
        await finished(also)
        (tried,) = [r.event for r in centre.events if isinstance(r.event, queue_events.CallbackTried)]
        assert (tried.reason, tried.attempts) == ("busy", 1)
        offers = [r.aggregate_id for r in centre.events if isinstance(r.event, queue_events.OfferMade)]
        assert offers[0] == back["request_id"], "the callback stood before who came later"
        await told(centre, call_events.CallBridged, 2)
        await in_state(centre, "1001", "wrap-up", "idle")
        served = await until(lambda: _served(centre, asked_in))
        evidence = await centre.settle()
    assert list(check_books(evidence)) == []
    attempts = [r.event for r in centre.events if isinstance(r.event, call_events.CallDialled)]
    assert [(each.callee, each.callback_of, each.request_id) for each in attempts] == [
        (CUSTOMER, asked_in, back["request_id"])
    ] * 2
    story = phone.stories[-1]
    assert (story.caller in (BEIJING, SHENZHEN), story.ending) == (True, Ending.PEER_HUNG_UP)
    assert story.heard.tone_hz == agent_tone(0), "the agent's voice"
    assert served == {"outcome": "answered", "attempts": 1}


async def _two(centre: Rehearsal) -> bool:
    return len(await waiting(centre)) == 2


async def _served(centre: Rehearsal, call_id: str) -> dict[str, Any] | None:
    record = await get(centre, f"/v1/records/{call_id}", "reporting")
    if record["callback_outcome"] is None:
        return None
    return {"outcome": record["callback_outcome"], "attempts": record["callback_attempts"]}


async def test_who_calls_again_has_the_place_and_a_supervisor_ends_what_is_not_wanted(open_centre: OpenCentre) -> None:
    plan = {"called": LINE, "keys": ("1",), "listen_ms": (4500,), "talk_s": None}
    asks = caller(**plan)
    async with open_centre([asks], [agent(0)]) as centre, callbacks(centre, asks.tone_hz, Answer()):
        await post(centre, "/v1/agents/1001/state", {"state": "busy-set"})
        await finished(asyncio.create_task(centre.perform()))
        (first,) = await until(lambda: waiting(centre))
        assert first["callback"] == asks.caller

        again: Caller = centre.network.caller(asks)
        centre.callers.append(again)
        calling = asyncio.create_task(again.call())
        await until(lambda: _served(centre, first["call_id"]))
        (live,) = await waiting(centre)
        assert (live["callback"], live["enqueued_at"]) == ("", first["enqueued_at"]), "on the line, in the old place"
        await finished(calling)

        (second,) = await until(lambda: waiting(centre))
        assert (second["callback"], second["enqueued_at"]) == (asks.caller, first["enqueued_at"])
        await post(centre, f"/v1/requests/{second['request_id']}/stop")
        stopped = await until(lambda: _served(centre, second["call_id"]))
        assert await waiting(centre) == []
        evidence = await centre.settle()
        merged = await _served(centre, first["call_id"])
    assert list(check_books(evidence)) == []
    assert [record.access_status for record in evidence.records] == ["redirected", "redirected"]
    assert merged == {"outcome": "redirected", "attempts": 0}
    assert stopped == {"outcome": "stopped", "attempts": 0}
    left = [r.event.reason for r in evidence.events if isinstance(r.event, queue_events.ContactLeft)]
    assert left == ["callback", "called-again", "callback", "supervisor"]
