"""Calls that agents begin: by hand, from a business system, and to one another; from which states, and what is refused."""

from typing import Any

import pytest

from callstream_local.demo.rehearsal import Rehearsal
from callstream_local.phones.plans import Answer
from callstream_local.phones.stories import Ending
from callstream_local.phones.tones import agent_tone

from .conftest import OpenCentre, agent
from .people import supervisor_of
from .test_call_control import Desk, desks
from .test_outbound import BEIJING, outside
from .test_supervision import ended_record, get, in_state, post, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_HOME = Answer(after_s=0.2)


async def chosen(centre: Rehearsal, agent_id: str, state: str) -> None:
    reason = {"reason": "meal"} if state == "break" else {}
    await post(centre, f"/v1/agents/{agent_id}/state", {"state": state, **reason})


async def once_known(desk: Desk, body: dict[str, Any]) -> str:
    """A dial's call id, as soon as the gateway knows the numbers that may be shown."""

    async def accepted() -> str:
        status, answered = await desk.do("/v1/calls", body)
        return answered["call_id"] if status == 200 else ""

    call_id: str = await until(accepted)
    return call_id


async def refused(desk: Desk, path: str, body: dict[str, Any]) -> tuple[int, str]:
    status, answered = await desk.do(path, body)
    return status, answered.get("reason", "")


@pytest.mark.feature("F137")
async def test_an_agent_dials_by_hand_from_idle_busy_set_and_break(open_centre: OpenCentre) -> None:
    customer = "+8675599990137"
    async with (
        open_centre([], [agent(0)]) as centre,
        desks(centre, "1001") as (one,),
        outside(centre, customer, agent_tone(6), AT_HOME) as phone,
    ):
        await once_known(one, {"number": "0755 9999 0137"})
        assert await one.becomes("talking")
        assert await refused(one, "/v1/calls", {"number": customer}) == (409, "illegal-state")
        await one.done("hang-up")
        await in_state(centre, "1001", "idle")
        for state in ("idle", "busy-set", "break"):
            await chosen(centre, "1001", state)
            status, begun = await one.do("/v1/calls", {"number": "0755-9999 0137"})
            assert status == 200, (state, begun)
            await in_state(centre, "1001", "busy")
            assert await one.becomes("talking")
            await one.done("hang-up")
            record = await until(lambda call_id=begun["call_id"]: ended_record(centre, call_id))
            assert (record["call_type"], record["called"], record["agent_id"]) == ("outbound", customer, "1001"), state
            await in_state(centre, "1001", state)
        await chosen(centre, "1001", "idle")
        for number, answer in (("12", (422, "invalid")), ("call me", (422, "invalid")), ("+12125550100", (403, "forbidden"))):
            assert await refused(one, "/v1/calls", {"number": number}) == answer
            await in_state(centre, "1001", "idle")
        await post(centre, "/v1/agents/1001/sign-out")
        assert await refused(one, "/v1/calls", {"number": customer}) == (409, "not-signed-in")
        await post(centre, "/v1/agents/1001/sign-in")
    assert [story.ending for story in phone.stories] == [Ending.PEER_HUNG_UP] * 4


@pytest.mark.feature("F138")
async def test_a_business_system_dials_for_an_agent(open_centre: OpenCentre) -> None:
    """1002 serves sales alone, 1001 is another agent; the system has a supervisor's login."""
    customer = "+8675599990138"
    async with (
        open_centre([], [agent(0), agent(1)]) as centre,
        desks(centre, "1001", "1002") as (one, two),
        supervisor_of(centre, "sales") as system,
        supervisor_of(centre, "support") as stranger,
        outside(centre, customer, agent_tone(6), AT_HOME) as phone,
    ):
        wish = {"number": customer, "agent_id": "1002", "caller_id": BEIJING}

        async def accepted() -> str:
            status, answered = await system.ask("POST", "/v1/calls", wish)
            return answered["call_id"] if status == 200 else ""

        call_id = await until(accepted)
        assert await two.becomes("talking")
        status, answered = await system.ask("POST", "/v1/calls", wish)
        assert (status, answered["reason"]) == (409, "illegal-state"), "the agent is in a call"
        await two.done("hang-up")
        record = await until(lambda: ended_record(centre, call_id))
        assert (record["call_type"], record["caller"], record["called"]) == ("outbound", BEIJING, customer)
        assert (record["agent_id"], record["chosen_by"]) == ("1002", "hand")
        await in_state(centre, "1002", "idle")
        for state in ("busy-set", "break"):
            await chosen(centre, "1002", state)
            status, begun = await system.ask("POST", "/v1/calls", wish)
            assert status == 200, (state, begun)
            assert await two.becomes("talking")
            await two.done("hang-up")
            await in_state(centre, "1002", state)

        assert (await stranger.ask("POST", "/v1/calls", wish))[0] == 403
        assert await refused(one, "/v1/calls", wish) == (403, "forbidden")
        assert (await system.ask("POST", "/v1/calls", {**wish, "agent_id": ""}))[0] == 422
        assert (await system.ask("POST", "/v1/calls", {**wish, "caller_id": "+8613900000000"}))[0] == 403
        await post(centre, "/v1/agents/1002/sign-out")
        status, answered = await system.ask("POST", "/v1/calls", wish)
        assert (status, answered["reason"]) == (409, "not-signed-in")
        await post(centre, "/v1/agents/1002/sign-in")
        lines = await get(centre, "/v1/operations", limit=20)
    dials = [(line["actor"], line["id"]) for line in lines if line["action"] == "dial" and (line["after"] or {}).get("accepted")]
    assert dials == [(dials[0][0], "1002")] * 3, "whoever dials for another is named"
    assert [story.caller for story in phone.stories] == [BEIJING] * 3


@pytest.mark.feature("F056")
async def test_colleagues_call_each_other_and_an_absent_one_by_mobile(open_centre: OpenCentre) -> None:
    mobile = "+8613910750056"
    async with (
        open_centre([], [agent(0), agent(1)]) as centre,
        desks(centre, "1001", "1002") as (one, two),
        outside(centre, mobile, agent_tone(6), AT_HOME) as pocket,
    ):
        status, begun = await one.do("/v1/calls/internal", {"agent_id": "1002"})
        assert status == 200, begun
        assert await one.becomes("talking")
        assert await two.becomes("talking")
        lines = centre.network.lines
        await until(lambda: says(lines[agent_tone(0)], agent_tone(1)))
        await until(lambda: says(lines[agent_tone(1)], agent_tone(0)))
        await two.done("hang-up")
        record = await until(lambda: ended_record(centre, begun["call_id"]))
        assert (record["call_type"], record["caller"], record["called"]) == ("internal", "1001", "1002")
        await in_state(centre, "1001", "idle")
        await in_state(centre, "1002", "idle")

        for target, answer in (("1001", (422, "invalid")), ("1999", (404, "unknown-agent"))):
            assert await refused(one, "/v1/calls/internal", {"agent_id": target}) == answer
        await chosen(centre, "1002", "busy-set")
        assert await refused(one, "/v1/calls/internal", {"agent_id": "1002"}) == (409, "agent-busy")
        await post(centre, "/v1/agents/1002/sign-out")
        assert await refused(one, "/v1/calls/internal", {"agent_id": "1002"}) == (409, "not-signed-in"), "no mobile is bound"

        bound = {"mobile": mobile, "answer_on_mobile": "never"}
        assert (await two._client.put("/v1/agents/me/mobile", json=bound)).status_code == 200
        try:

            async def accepted() -> str:
                status, answered = await one.do("/v1/calls/internal", {"agent_id": "1002"})
                return answered["call_id"] if status == 200 else ""

            call_id = await until(accepted)
            assert await one.becomes("talking")
            await until(lambda: says(lines[agent_tone(0)], agent_tone(6)))
            await one.done("hang-up")
            record = await until(lambda: ended_record(centre, call_id))
            assert (record["called"], record["access_status"], record["agent_id"]) == (mobile, "answered", "1001")
            await in_state(centre, "1001", "idle")
            await post(centre, "/v1/agents/1001/sign-out")
            assert await refused(one, "/v1/calls/internal", {"agent_id": "1002"}) == (409, "not-signed-in"), "nor is the caller"
        finally:
            await two._client.put("/v1/agents/me/mobile", json={"mobile": None, "answer_on_mobile": "never"})
            for agent_id in ("1001", "1002"):
                await post(centre, f"/v1/agents/{agent_id}/sign-in")
    assert len(pocket.stories) == 1
    assert len(centre.network.phones["1002"].stories) == 1, "the desk phone was silent"


async def says(line: Any, tone_hz: int) -> bool:
    return bool(line.tone_now() == tone_hz)
