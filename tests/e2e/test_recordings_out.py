"""Messages and blacklisted callers through the whole system: real phones in, HTTP out."""

import asyncio
from typing import Any

import pytest

from callstream.contracts import call_events
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.stories import Ending

from .conftest import OpenCentre, agent, caller
from .test_call_control import call_of, desks, finished, told
from .test_supervision import get, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAILBOX_NUMBER = "+861055550177"
NIGHT = {
    "id": "night",
    "name": "Night",
    "nodes": [
        {"kind": "start", "id": "start", "next": "box"},
        {
            "kind": "voicemail",
            "id": "box",
            "prompts": [{"kind": "tts", "text": "Please speak."}],
            "group_id": "sales",
            "next": "thanks",
        },
        {"kind": "play", "id": "thanks", "prompts": [{"kind": "tts", "text": "Thank you."}], "next": "done"},
        {"kind": "end", "id": "done"},
    ],
}


async def messages(centre: Rehearsal, number: str) -> list[dict[str, Any]]:
    found = (await get(centre, "/v1/voicemail", service="reporting"))["messages"]
    return [message for message in found if message["caller"] == number]


@pytest.mark.feature("F205")
async def test_a_caller_leaves_a_message_that_is_listed_and_played(open_centre: OpenCentre) -> None:
    plan = caller(called=MAILBOX_NUMBER, keys=(), listen_ms=(), leaves_prompt_s=6.0)
    async with open_centre() as centre:
        await post(centre, "/v1/apply", {"flows": [NIGHT], "numbers": [{"number": MAILBOX_NUMBER, "flow": "night"}]})
    for _ in range(5):  # the gateway hears of a new number a moment after it was configured, and refuses calls until then
        async with open_centre([plan]) as centre:
            await finished(asyncio.create_task(centre.perform()))
            if centre.callers[0].story.ending is Ending.REFUSED:
                continue
            call_id = await call_of(centre, call_events.CallEnded)
            await plays(centre, plan.caller, call_id)
            break
    assert centre.callers[0].story.ending is Ending.HUNG_UP


async def plays(centre: Rehearsal, number: str, call_id: str) -> None:
    (message,) = await until(lambda: messages(centre, number))
    assert (message["call_id"], message["mailbox"], message["heard_at"]) == (call_id, "group:sales", None)
    assert message["duration_ms"] >= 1000
    path = f"/v1/voicemail/{message['message_id']}/recording"
    sound = await asyncio.to_thread(centre.api.download, "reporting", path)
    assert len(sound) > message["duration_ms"], "32 kbit/s are 4 bytes a millisecond"
    listed = await get(centre, "/v1/recording-accesses", service="reporting", call_id=call_id)
    assert [each["how"] for each in listed] == ["sound"]


@pytest.mark.feature("F031")
async def test_an_agent_blacklists_a_caller_who_is_refused_from_then_on(open_centre: OpenCentre) -> None:
    plan = caller(talk_s=None)
    async with open_centre([plan], [agent(0)]) as centre, desks(centre, "1001", "1002") as (one, two):
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        call_id = await call_of(centre, call_events.CallBridged)

        async def listed() -> bool:
            """As soon as reporting knows who serves."""
            return (await one.do(f"/v1/calls/{call_id}/blacklist", {"reason": "swears"}))[0] == 200

        await until(listed)
        status, refused = await two.do(f"/v1/calls/{call_id}/blacklist", {"reason": "x"})
        assert (status, refused["reason"]) == (404, "unknown-call")
        await one.done("hang-up")
        await finished(calling)
        lines = await get(centre, "/v1/operations", limit=20)
        (line,) = [line for line in lines if line["kind"] == "blocked" and line["id"] == plan.caller.lstrip("+")]
        assert (line["action"], line["after"]["reason"]) == ("create", "swears")
    try:
        async with open_centre([caller(caller=plan.caller)], [agent(0)]) as centre:
            await finished(asyncio.create_task(centre.perform()))
            await told(centre, call_events.CallBlocked)
        story = centre.callers[0].story
        assert (story.ending, story.sip_status) == (Ending.REFUSED, 603)
    finally:
        await asyncio.to_thread(centre.api.delete, "console", f"/v1/config/blocked/{plan.caller.lstrip('+')}")
