"""What supervisors may see and do over HTTP: their own groups only, and each action leaves a line with its actor."""

from typing import Any

import msgspec
import pytest

from callstream.contracts.commands import (
    AgentView,
    AssignAgent,
    Command,
    ForceOffline,
    GetAgent,
    Heartbeat,
    ListAgents,
    ListWaiting,
    Reply,
    SetState,
    SignIn,
    StopRequest,
    TearDown,
    TransferCall,
    WaitingView,
)
from callstream.contracts.roles import Role
from callstream.contracts.states import AgentState
from callstream.kernel.outcomes import Reason

from .test_api import House, house  # noqa: F401


def agent(number: str, *groups: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": number,
        "email": f"a{number}@example.com",
        "phone": {"user": number, "password": "very secret"},
        "groups": groups,
    }


CENTRE = {
    "groups": [{"id": "sales", "name": "Sales"}, {"id": "help", "name": "Help"}],
    "agents": [agent("1001", "sales"), agent("1002", "sales", "help"), agent("2001", "help")],
}


def waiting(request_id: str, group: str, *more: str) -> WaitingView:
    return WaitingView(
        request_id=request_id, call_id=f"c-{request_id}", group_id=group, enqueued_at="", ahead=0, groups=(group, *more)
    )


def view(agent_id: str, state: str, **more: str) -> AgentView:
    return AgentView(agent_id=agent_id, state=AgentState(state), since="", **more)  # type: ignore[arg-type]


class Desk:
    """A supervisor of `sales` at work."""

    def __init__(self, house: House, headers: dict[str, str]) -> None:  # noqa: F811
        self.house, self.headers = house, headers

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        response = await self.house.client.post(path, json=body, headers=headers or self.headers)
        return response.status_code, response.json()

    def sent(self, kind: type[Command]) -> list[tuple[Any, str]]:
        return [(command, scope) for command, scope in self.house.commands.sent if isinstance(command, kind)]

    def answers(self, **more: Any) -> None:
        self.house.commands.replies |= {
            ListWaiting: [waiting("r1", "sales"), waiting("r2", "help"), waiting("r3", "help", "sales")],
            GetAgent: view("1001", "busy", call_id="c9", gateway="gw-1"),
        }


@pytest.fixture
async def desk(house: House) -> Desk:  # noqa: F811
    made = await house.client.post("/v1/apply", json=CENTRE, headers=await house.token("admin@example.com"))
    assert made.status_code == 200, made.text
    made_desk = Desk(house, await house.token("supervisor@example.com"))
    made_desk.answers()
    return made_desk


async def operations(desk: Desk) -> list[dict[str, Any]]:
    headers = await desk.house.token("admin@example.com")
    lines: list[dict[str, Any]] = (await desk.house.client.get("/v1/operations", headers=headers)).json()
    return lines


@pytest.mark.feature("F208", "F226")
async def test_a_supervisor_sees_requests_and_agents_of_their_own_groups(desk: Desk) -> None:
    seen = await desk.house.client.get("/v1/requests", headers=desk.headers)
    assert [each["request_id"] for each in seen.json()] == ["r1", "r3"]
    desk.house.commands.replies[ListAgents] = [view("1001", "idle"), view("1002", "idle"), view("2001", "idle")]
    agents = await desk.house.client.get("/v1/agents", headers=desk.headers)
    assert [each["agent_id"] for each in agents.json()] == ["1001", "1002"]
    everybody = await desk.house.client.get("/v1/agents", headers=await desk.house.token("admin@example.com"))
    assert len(everybody.json()) == 3
    ann = await desk.house.token("agent@example.com")
    assert (await desk.house.client.get("/v1/requests", headers=ann)).status_code == 403


@pytest.mark.feature("F226")
async def test_a_supervisor_without_groups_sees_nobody(desk: Desk) -> None:
    await desk.house.add("new@example.com", Role.SUPERVISOR)
    headers = await desk.house.token("new@example.com")
    assert (await desk.house.client.get("/v1/requests", headers=headers)).json() == []
    assert (await desk.post("/v1/agents/1001/state", {"state": "idle"}, headers))[0] == 403


@pytest.mark.feature("F226")
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/requests/r2/stop", None, 404),
        ("/v1/requests/r2/assign", {"agent_id": "1001"}, 404),
        ("/v1/requests/r1/assign", {"agent_id": "2001"}, 403),
        ("/v1/agents/2001/tear-down", None, 403),
        ("/v1/agents/2001/transfer", {"agent_id": "1001"}, 403),
        ("/v1/agents/1001/transfer", {"agent_id": "2001"}, 403),
        ("/v1/agents/2001/state", {"state": "idle"}, 403),
        ("/v1/agents/2001/sign-out", None, 403),
        ("/v1/agents/9999/tear-down", None, 404),
        ("/v1/requests/none/stop", None, 404),
    ],
)
async def test_other_groups_are_out_of_reach(desk: Desk, path: str, body: Any, status: int) -> None:
    assert (await desk.post(path, body))[0] == status
    changing = [c for c, _ in desk.house.commands.sent if not isinstance(c, ListWaiting | GetAgent | ListAgents)]
    assert changing == []


@pytest.mark.feature("F211")
async def test_stopping_a_request_names_the_actor_and_leaves_a_line(desk: Desk) -> None:
    assert (await desk.post("/v1/requests/r1/stop"))[0] == 200
    ((command, scope),) = desk.sent(StopRequest)
    assert (command.request_id, command.actor, scope) == ("r1", "supervisor@example.com", "main")
    line = (await operations(desk))[0]
    assert (line["actor"], line["action"], line["kind"], line["id"]) == (
        "supervisor@example.com",
        "stop-request",
        "request",
        "r1",
    )
    assert line["after"] == {"accepted": True}


@pytest.mark.feature("F212")
async def test_assigning_that_is_refused_is_409_with_the_reason_and_leaves_a_line(desk: Desk) -> None:
    desk.house.commands.reply = Reply(
        accepted=False, reason=Reason.ILLEGAL_STATE, message="agent 1001 cannot take a call now: state:break", field="agent_id"
    )
    status, body = await desk.post("/v1/requests/r1/assign", {"agent_id": "1001"})
    assert (status, body["reason"], body["field"]) == (409, "illegal-state", "agent_id")
    assert len(desk.sent(AssignAgent)) == 1
    assert (await operations(desk))[0]["after"]["message"] == "agent 1001 cannot take a call now: state:break"


@pytest.mark.feature("F213")
async def test_tearing_down_goes_to_the_gateway_that_holds_the_call(desk: Desk) -> None:
    assert (await desk.post("/v1/agents/1001/tear-down"))[0] == 200
    ((command, scope),) = desk.sent(TearDown)
    assert (command.call_id, command.agent_id, command.actor, scope) == ("c9", "1001", "supervisor@example.com", "gw-1")


@pytest.mark.feature("F213", "F214")
@pytest.mark.parametrize("state", ["offline", "idle", "busy-set", "break", "ringing", "wrap-up"])
async def test_an_agent_without_a_service_has_none_to_end_or_move(desk: Desk, state: str) -> None:
    desk.house.commands.replies[GetAgent] = view("1001", state)
    for path, body in (("tear-down", None), ("transfer", {"agent_id": "1002"})):
        status, answer = await desk.post(f"/v1/agents/1001/{path}", body)
        assert (status, answer["reason"]) == (409, "illegal-state")
    assert desk.sent(TearDown) == desk.sent(TransferCall) == []


@pytest.mark.feature("F214")
async def test_a_transfer_needs_an_idle_target(desk: Desk) -> None:
    """The fake answers for both agents alike: here the target is busy too."""
    status, answer = await desk.post("/v1/agents/1001/transfer", {"agent_id": "1002"})
    assert (status, answer["reason"], "not idle" in answer["message"]) == (409, "illegal-state", True)
    assert desk.sent(TransferCall) == []


@pytest.mark.feature("F214")
async def test_a_transfer_goes_to_the_gateway_with_both_agents(desk: Desk) -> None:
    commands = desk.house.commands
    views = {"1001": view("1001", "busy", call_id="c9", gateway="gw-1"), "1002": view("1002", "idle")}
    plain = commands.send

    async def send(command: Command, scope: str, **more: Any) -> Reply:
        if isinstance(command, GetAgent):
            return Reply(accepted=True, result=msgspec.Raw(msgspec.json.encode(views[command.agent_id])))
        return await plain(command, scope)

    commands.send = send  # type: ignore[method-assign, assignment]
    assert (await desk.post("/v1/agents/1001/transfer", {"agent_id": "1002"}))[0] == 200
    ((command, scope),) = desk.sent(TransferCall)
    assert (command.call_id, command.agent_id, command.target_agent_id, scope) == ("c9", "1001", "1002", "gw-1")


@pytest.mark.feature("F164")
async def test_forcing_offline_is_for_administrators(desk: Desk) -> None:
    assert (await desk.post("/v1/agents/1001/force-offline"))[0] == 403
    admin = await desk.house.token("admin@example.com")
    assert (await desk.post("/v1/agents/1001/force-offline", None, admin))[0] == 200
    ((command, _),) = desk.sent(ForceOffline)
    assert (command.agent_id, command.actor) == ("1001", "admin@example.com")
    assert (await operations(desk))[0]["action"] == "force-offline"


async def test_a_session_goes_with_the_agents_own_commands(desk: Desk) -> None:
    ann = await desk.house.token("agent@example.com")
    assert (await desk.post("/v1/agents/me/sign-in", {"session_id": "tab-1", "terminal": "browser"}, ann))[0] == 200
    assert (await desk.post("/v1/agents/me/heartbeat", {"session_id": "tab-1"}, ann))[0] == 200
    assert (await desk.post("/v1/agents/me/state", {"state": "idle", "session_id": "tab-1"}, ann))[0] == 200
    (signed_in, _), (beat, _), (chosen, _) = desk.sent(SignIn)[0], desk.sent(Heartbeat)[0], desk.sent(SetState)[0]
    assert (signed_in.session_id, signed_in.terminal) == ("tab-1", "browser")
    assert (beat.session_id, chosen.session_id, chosen.forced) == ("tab-1", "tab-1", False)
    desk.house.commands.reply = Reply(accepted=False, reason=Reason.SESSION_TAKEN_OVER, message="elsewhere", field="session_id")
    assert (await desk.post("/v1/agents/me/heartbeat", {"session_id": "tab-1"}, ann))[0] == 409
    assert (await desk.post("/v1/agents/me/heartbeat", {}, ann))[0] == 422
    assert (await desk.post("/v1/agents/1002/heartbeat", {"session_id": "tab-1"}, ann))[0] == 403


@pytest.mark.feature("F047")
async def test_agents_bind_their_own_mobile_number(desk: Desk) -> None:
    ann = await desk.house.token("agent@example.com")
    client = desk.house.client

    async def bind(body: dict[str, Any], agent_id: str = "me") -> tuple[int, Any]:
        response = await client.put(f"/v1/agents/{agent_id}/mobile", json=body, headers=ann)
        return response.status_code, response.json()

    status, bound = await bind({"mobile": "+8613900000001", "answer_on_mobile": "when-offline"})
    assert (status, bound["mobile"], bound["answer_on_mobile"]) == (200, "+8613900000001", "when-offline")
    for wrong in ({"mobile": "13900000001"}, {"mobile": None, "answer_on_mobile": "always"}, {"mobile": "+86", "x": 1}):
        status, refused = await bind(wrong)
        assert (status, refused["reason"]) == (422, "invalid")
    assert (await bind({"mobile": "+8613900000001"}, "1002"))[0] == 403
    again = await client.post("/v1/apply", json=CENTRE, headers=await desk.house.token("admin@example.com"))
    assert again.json()["changed"] == [], "a manifest without a number keeps the one that the agent has bound"


@pytest.mark.feature("F048")
async def test_no_manifest_sets_the_limit_of_voice(desk: Desk) -> None:
    admin = await desk.house.token("admin@example.com")
    for body in ({"settings": {"capacity": {"voice": 2}}}, {"agents": [{**agent("1001", "sales"), "capacity": {"voice": 2}}]}):
        status, refused = await desk.post("/v1/apply", body, admin)
        assert (status, "F048" in refused["message"]) == (422, True)


@pytest.mark.feature("F226")
async def test_a_manifest_gives_a_supervisor_groups_that_exist(desk: Desk) -> None:
    admin = await desk.house.token("admin@example.com")
    boss = {"email": "b@example.com", "role": "supervisor", "password": "correct horse"}
    status, refused = await desk.post("/v1/apply", {"people": [{**boss, "groups": ["nowhere"]}]}, admin)
    assert (status, refused["field"]) == (422, "people[0].groups[0]")
    assert (await desk.post("/v1/apply", {"people": [{**boss, "groups": ["help"]}]}, admin))[0] == 200
    headers = await desk.house.token("b@example.com")
    seen = await desk.house.client.get("/v1/requests", headers=headers)
    assert [each["request_id"] for each in seen.json()] == ["r2", "r3"]
