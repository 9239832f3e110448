"""Call control through the whole system: an agent's HTTP requests, real phones, what everybody hears and the records say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from callstream.contracts import call_events, control_events
from callstream.contracts.envelope import Event
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.plans import AgentPlan, Answer
from callstream_local.phones.stories import Ending
from callstream_local.phones.tones import agent_tone
from callstream_media_gateway.sip.errors import RegistrationError

from .conftest import PASSWORDS, OpenCentre, agent, caller
from .test_supervision import WITHIN_S, ended_record, get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Desk:
    """An agent's own session."""

    def __init__(self, client: httpx.AsyncClient, agent_id: str) -> None:
        self._client, self.agent_id = client, agent_id

    async def do(self, path: str, body: Any = None) -> tuple[int, Any]:
        response = await self._client.post(path, json=body)
        return response.status_code, response.json()

    async def done(self, control: str, body: Any = None) -> None:
        """A control of one's own call that must succeed."""
        status, answered = await self.do(f"/v1/me/call/{control}", body)
        assert status == 200, (control, answered)

    async def situation(self) -> str:
        response = await self._client.get("/v1/me/call")
        found: str = response.json().get("situation", "")
        return found

    async def becomes(self, situation: str) -> bool:
        async def look() -> bool:
            return await self.situation() == situation

        return bool(await until(look))


@asynccontextmanager
async def desks(centre: Rehearsal, *agent_ids: str) -> AsyncIterator[list[Desk]]:
    """Logins for agents of the centre."""
    documents = {each["id"]: each for each in await get(centre, "/v1/config/agent")}
    entries = [
        {
            **{name: documents[agent_id][name] for name in ("id", "name", "email", "groups")},
            "phone": {"user": agent_id, "password": PASSWORDS[agent_id]},
            "password": f"login of {agent_id}",
        }
        for agent_id in agent_ids
    ]
    await post(centre, "/v1/apply", {"agents": entries})
    base = centre.api.url("console")
    made: list[Desk] = []
    async with httpx.AsyncClient() as log_in:
        for entry in entries:
            login = {"email": entry["email"], "password": entry["password"]}
            token = (await log_in.post(f"{base}/v1/login", json=login)).json()["access_token"]
            client = httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=10)
            made.append(Desk(client, entry["id"]))
    try:
        yield made
    finally:
        for desk in made:
            await desk._client.aclose()


async def told(centre: Rehearsal, kind: type[Event], number: int = 1) -> None:
    """Until so many events of a kind stand in the log."""

    async def look() -> bool:
        return sum(isinstance(recorded.event, kind) for recorded in centre.events) >= number

    await until(look)


async def call_of(centre: Rehearsal, kind: type[Event]) -> str:
    await told(centre, kind)
    return next(recorded.aggregate_id for recorded in centre.events if isinstance(recorded.event, kind))


async def caller_hears(centre: Rehearsal, tone_hz: int | None) -> None:
    """Until the caller hears that agent; None: nobody's voice."""

    async def look() -> bool:
        return centre.callers[0].hears() == tone_hz

    await until(look)


async def finished(calling: "asyncio.Task[None]") -> None:
    await asyncio.wait_for(calling, WITHIN_S)


async def alone_idle(centre: Rehearsal, *agent_ids: str, but: str) -> None:
    """Only `but` can be offered the next call."""
    for agent_id in agent_ids:
        if agent_id != but:
            await post(centre, f"/v1/agents/{agent_id}/state", {"state": "busy-set"})


async def test_hold_consult_and_complete(open_centre: OpenCentre) -> None:
    async with open_centre([caller(talk_s=None)], [agent(0), agent(1)]) as centre, desks(centre, "1001", "1002") as (one, two):
        await alone_idle(centre, "1001", "1002", but="1001")
        assert (await one.do("/v1/me/call/hold"))[0] == 404
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        assert await one.becomes("talking")
        status, refused = await one.do("/v1/me/call/complete")
        assert (status, refused["reason"]) == (409, "illegal-state")

        await caller_hears(centre, agent_tone(0))
        await one.done("hold")
        assert await one.becomes("held")
        await caller_hears(centre, None)
        await one.done("retrieve")
        await caller_hears(centre, agent_tone(0))
        await one.done("mute")
        await caller_hears(centre, None)
        await one.done("unmute")
        await caller_hears(centre, agent_tone(0))

        status, refused = await one.do("/v1/me/call/consult", {"agent_id": "1002"})
        assert (status, refused["reason"]) == (409, "agent-busy")
        await post(centre, "/v1/agents/1002/state", {"state": "idle"})
        await one.done("consult", {"agent_id": "1002"})
        assert await one.becomes("consulting")
        assert await two.situation() == "consulted"
        await one.done("complete")
        await in_state(centre, "1001", "wrap-up", "idle")
        assert await two.becomes("talking")
        assert (await one.do("/v1/me/call/hold"))[0] == 404
        await caller_hears(centre, agent_tone(1))
        await two.done("hang-up")
        await finished(calling)
        call_id = await call_of(centre, call_events.CallEnded)
        record = await until(lambda: ended_record(centre, call_id))
        await in_state(centre, "1002", "wrap-up", "idle")
    assert centre.callers[0].story.ending is Ending.PEER_HUNG_UP
    assert (record["access_status"], record["hang_up_party"], record["reason"]) == ("answered", "agent", "agent-hung-up")
    assert (record["holds"], record["consults"], record["transfers"]) == (2, 1, 1)
    assert [(s["agent_id"], s["how"]) for s in record["services"]] == [("1001", "queue"), ("1002", "consult")]
    assert record["hold_ms"] > 0


async def test_a_blind_transfer_to_a_group(open_centre: OpenCentre) -> None:
    """1001 serves sales and support, 1004 support alone."""
    plans = [agent(0), agent(1), agent(2), agent(3)]
    async with open_centre([caller(talk_s=None)], plans) as centre, desks(centre, "1001", "1004") as (one, four):
        await alone_idle(centre, "1001", "1002", "1003", "1004", but="1001")
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        assert await one.becomes("talking")
        await one.done("transfer", {"group_id": "support"})
        await in_state(centre, "1001", "wrap-up", "idle")
        await post(centre, "/v1/agents/1004/state", {"state": "idle"})
        await told(centre, call_events.CallBridged, 2)
        served = [r.event for r in centre.events if isinstance(r.event, control_events.CallTransferred)]
        assert [(s.agent_id, s.how, s.to_agent_id) for s in served] == [("1001", "blind", "1004")]
        assert await four.becomes("talking")
        await caller_hears(centre, agent_tone(3))
        await four.done("hang-up")
        await finished(calling)
        call_id = await call_of(centre, call_events.CallEnded)
        record = await until(lambda: ended_record(centre, call_id))
    found = [(s["agent_id"], s["how"], s["group_id"]) for s in record["services"]]
    assert found == [("1001", "queue", "sales"), ("1004", "blind", "support")]
    assert (record["access_status"], record["transfers"]) == ("answered", 1)


async def test_a_colleague_is_called(open_centre: OpenCentre) -> None:
    async with open_centre([], [agent(0), agent(1)]) as centre, desks(centre, "1001", "1002") as (one, two):
        await post(centre, "/v1/agents/1001/state", {"state": "busy-set"})
        status, begun = await one.do("/v1/calls/internal", {"agent_id": "1002"})
        assert status == 200, begun
        await in_state(centre, "1001", "busy")
        assert await two.becomes("talking")
        status, refused = await one.do("/v1/calls/internal", {"agent_id": "1002"})
        assert (status, refused["reason"]) == (409, "agent-busy")
        await one.done("hang-up")
        record = await until(lambda: ended_record(centre, begun["call_id"]))
        assert (record["call_type"], record["caller"], record["called"]) == ("internal", "1001", "1002")
        assert record["access_status"] == "answered"
        await in_state(centre, "1002", "wrap-up", "idle")
        await in_state(centre, "1001", "wrap-up", "busy-set")


async def test_a_call_that_no_trunk_takes_is_refused_and_the_agent_is_free_again(open_centre: OpenCentre) -> None:
    async with open_centre([], [agent(0)]) as centre, desks(centre, "1001") as (one,):
        status, refused = await one.do("/v1/calls", {"number": "010 5555 0199"})
        assert status in (403, 409), refused
        assert refused["reason"] in ("forbidden", "no-trunk")
        await in_state(centre, "1001", "idle")


@pytest.mark.feature("F062")
async def test_an_agent_answers_at_the_desk_where_they_signed_in(open_centre: OpenCentre) -> None:
    """The workplace of this address has phone 9001: it rings for 1001, whose own phone stays silent."""
    place = {"id": "desk", "networks": ["127.0.0.1"], "phone": {"user": "9001", "password": "secret-9001"}}
    desk_phone = AgentPlan("9001", "secret-9001", agent_tone(5), (Answer(after_s=0.2),))
    async with open_centre([caller(talk_s=1)], [agent(0), agent(1)]) as centre, desks(centre, "1001", "1002") as (one, two):
        await alone_idle(centre, "1001", "1002", but="1001")
        await post(centre, "/v1/apply", {"workplaces": [place]})
        try:
            await until_registered(centre, desk_phone)
            await post(centre, "/v1/agents/1001/sign-out")
            assert (await one.do("/v1/agents/me/sign-in"))[0] == 200
            assert (await in_state(centre, "1001", "idle"))["extension"] == "9001"
            await post(centre, "/v1/agents/1002/sign-out")
            status, refused = await two.do("/v1/agents/me/sign-in")
            assert (status, refused["reason"], refused["field"]) == (409, "conflict", "extension")
            await centre.perform()
            call_id = await call_of(centre, call_events.CallEnded)
            record = await until(lambda: ended_record(centre, call_id))
            assert (record["access_status"], record["agent_id"]) == ("answered", "1001")
            rung = {user: len(phone.stories) for user, phone in centre.network.phones.items()}
            assert rung == {"1001": 0, "1002": 0, "9001": 1}
            await in_state(centre, "1001", "idle")
            await post(centre, "/v1/agents/1001/sign-out")
            assert (await two.do("/v1/agents/me/sign-in"))[0] == 200, "the extension is free again"
        finally:
            await centre.network.unregister()
            await asyncio.to_thread(centre.api.delete, "console", "/v1/config/workplace/desk")


async def until_registered(centre: Rehearsal, plan: AgentPlan) -> None:
    """The gateway hears of a new phone a moment after it was configured."""

    async def register() -> bool:
        try:
            await centre.network.agent_phone(plan)
        except RegistrationError:
            return False
        return True

    await until(register)


CONFIRM = {
    "id": "confirm",
    "name": "Confirm",
    "nodes": [
        {"kind": "start", "id": "start", "next": "say"},
        {"kind": "play", "id": "say", "prompts": [{"kind": "tts", "text": "Your order is confirmed."}], "next": "done"},
        {"kind": "end", "id": "done"},
    ],
}


@pytest.mark.feature("F027")
async def test_a_customer_goes_through_a_flow_and_comes_back(open_centre: OpenCentre) -> None:
    """By itself at the flow's end, or when the agent takes them back."""
    async with open_centre([caller(talk_s=None)], [agent(0)]) as centre, desks(centre, "1001") as (one,):
        await post(centre, "/v1/apply", {"flows": [CONFIRM]})
        calling = asyncio.create_task(centre.perform())
        await told(centre, call_events.CallBridged)
        assert await one.becomes("talking")
        unknown = await one.do("/v1/me/call/flow", {"flow_id": "confirm", "flow_version": 99})
        assert unknown[1]["reason"] == "unknown-flow"

        await one.done("flow", {"flow_id": "confirm", "flow_version": 1})
        assert (await one.do("/v1/me/call/hold"))[1]["reason"] == "illegal-state"
        await told(centre, control_events.FlowLeft)
        await caller_hears(centre, agent_tone(0))

        await one.done("flow", {"flow_id": "confirm", "flow_version": 1})
        assert await one.becomes("in-flow")
        await one.done("resume")
        await told(centre, control_events.FlowLeft, 2)
        await caller_hears(centre, agent_tone(0))
        await one.done("hang-up")
        await finished(calling)
    left = [(r.event.how, r.event.node_id) for r in centre.events if isinstance(r.event, control_events.FlowLeft)]
    assert left == [("ended", "done"), ("resumed", "")]
    assert centre.callers[0].story.ending is Ending.PEER_HUNG_UP
