"""Calls that leave through a trunk, in the whole system: agents who dial, and agents who answer on their mobiles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from typer.testing import CliRunner

from callstream.contracts import call_events
from callstream_local.cli import app
from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.agent_phone import AgentPhone
from callstream_local.phones.network import now_utc
from callstream_local.phones.plans import AgentPlan, Answer, Reaction
from callstream_local.phones.stories import Ending
from callstream_local.phones.tones import agent_tone

from .conftest import PASSWORDS, OpenCentre, agent, caller
from .test_call_control import call_of, desks, finished, told
from .test_supervision import ended_record, get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEIJING, SHENZHEN = "+861055550180", "+8675555550180"
CUSTOMER, MOBILE = "+8675599998888", "+8613910757777"


@asynccontextmanager
async def outside(centre: Rehearsal, number: str, tone_hz: int, *reactions: Reaction) -> AsyncIterator[AgentPhone]:
    """Somebody's phone in the network behind a trunk, and two numbers that may be shown there; all of it gone afterwards."""
    network = centre.network
    phone = network.phones[number] = AgentPhone(AgentPlan(number, "", tone_hz, reactions), network.new_line, now_utc)
    at = {"host": "127.0.0.1", "port": network.user_agent.local_addr[1], "options_every_s": 1}
    numbers = [{"number": each, "flow": "hotline", "trunks": ["away"], "all_agents": True} for each in (BEIJING, SHENZHEN)]
    await post(centre, "/v1/apply", {"trunks": [{"id": "away", "outgoing": at}], "numbers": numbers})
    await until(lambda: takes_calls(centre))
    try:
        yield phone
    finally:
        for path in (f"number/{BEIJING[1:]}", f"number/{SHENZHEN[1:]}", "trunk/away"):
            url = f"{centre.api.url('console')}/v1/config/{path}"
            (await asyncio.to_thread(centre.api._client.delete, url)).raise_for_status()
        await until(lambda: is_gone(centre))
        del network.phones[number]


async def takes_calls(centre: Rehearsal) -> bool:
    return any(view["trunk"] == "away" and view["takes_calls"] for view in await get(centre, "/v1/trunks"))


async def is_gone(centre: Rehearsal) -> bool:
    return all(view["trunk"] != "away" for view in await get(centre, "/v1/trunks"))


@pytest.mark.feature("F142")
async def test_an_agent_dials_a_customer(open_centre: OpenCentre) -> None:
    """By nothing but HTTP with the agent's token, as an app on a phone does."""
    async with (
        open_centre([], [agent(0)]) as centre,
        desks(centre, "1001") as (one,),
        outside(centre, CUSTOMER, agent_tone(5), Answer(after_s=0.3)) as customer,
    ):

        async def accepted() -> str:
            """Once the gateway knows the numbers too."""
            status, answered = await one.do("/v1/calls", {"number": "0755 9999 8888"})
            return answered["call_id"] if status == 200 else ""

        call_id = await until(accepted)
        nobody = await asyncio.to_thread(httpx.post, f"{centre.api.url('console')}/v1/calls", json={"number": CUSTOMER})
        assert nobody.status_code == 401, "whoever has no token dials nothing"
        assert await one.becomes("talking")
        await in_state(centre, "1001", "busy")
        status, refused = await one.do("/v1/calls", {"number": "+12125550100"})
        assert status in (403, 409), refused
        status_command = ["status", "--data", str(centre._stack.folder.root)]
        shown = await asyncio.to_thread(CliRunner().invoke, app, status_command)
        assert "trunk away: takes calls, 1 out, 0 in" in shown.output, shown.output
        await one.done("hang-up")
        record = await until(lambda: ended_record(centre, call_id))
        await in_state(centre, "1001", "wrap-up", "idle")
    (story,) = customer.stories
    assert (story.caller, story.ending) == (SHENZHEN, Ending.PEER_HUNG_UP)
    assert (record["call_type"], record["caller"], record["called"]) == ("outbound", SHENZHEN, CUSTOMER)
    assert (record["chosen_by"], record["access_status"], record["hang_up_party"]) == ("city", "answered", "agent")
    (dialled,) = [r.event for r in centre.events if isinstance(r.event, call_events.CallDialled)]
    assert (dialled.region, dialled.drawn_from) == ("Guangdong/Shenzhen", (SHENZHEN,))
    assert "away" in [r.event.trunk for r in centre.events if isinstance(r.event, call_events.LegRinging)]


@pytest.mark.feature("F061")
async def test_an_agent_whose_number_is_outside_serves_a_caller_there(open_centre: OpenCentre) -> None:
    async with (
        open_centre([caller(talk_s=None)], [agent(0)]) as centre,
        outside(centre, MOBILE, agent_tone(6), Answer(after_s=0.3, talk_s=1.5)) as mobile,
    ):
        (document,) = [each for each in await get(centre, "/v1/config/agent") if each["id"] == "1001"]
        entry = {name: document[name] for name in ("id", "name", "email", "groups")}
        desk = {**entry, "phone": {"user": "1001", "password": PASSWORDS["1001"]}}
        await post(centre, "/v1/apply", {"agents": [{**desk, "terminal": "mobile", "mobile": MOBILE}]})
        await post(centre, "/v1/agents/1001/sign-out")
        try:
            await post(centre, "/v1/agents/1001/sign-in", {"terminal": "mobile"})
            calling = asyncio.create_task(centre.perform())
            await told(centre, call_events.CallBridged)
            await in_state(centre, "1001", "busy")
            await finished(calling)
            call_id = await call_of(centre, call_events.CallEnded)
            record = await until(lambda: ended_record(centre, call_id))
            await in_state(centre, "1001", "wrap-up", "idle")
        finally:
            await post(centre, "/v1/apply", {"agents": [desk]})
    (story,) = mobile.stories
    assert (story.caller in (BEIJING, SHENZHEN), story.ending) == (True, Ending.HUNG_UP)
    assert centre.network.phones["1001"].stories == [], "the desk phone was silent"
    heard = centre.callers[0].story
    assert heard.ending is Ending.PEER_HUNG_UP
    assert (record["agent_id"], record["access_status"], record["hang_up_party"]) == ("1001", "answered", "agent")
