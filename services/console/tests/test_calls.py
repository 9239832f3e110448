"""What agents do to their calls over HTTP, and supervisors to the calls of their agents: what is sent where, what is refused."""

from typing import Any

import msgspec
import pytest

from callstream.contracts import call_commands as calls
from callstream.contracts.commands import AgentView, Command, GetAgent, ReleaseAgent, Reply, Reservation, StopPlayback
from callstream.contracts.config import Audio, AudioFile, Speech
from callstream.contracts.roles import Role
from callstream.contracts.states import Purpose, Supervision, Terminal
from callstream.kernel.outcomes import Reason

from .test_api import House, house  # noqa: F401
from .test_supervision import CENTRE, view

STATES = {
    "1001": view("1001", "busy", call_id="c9", gateway="gw-1"),
    "1002": view("1002", "idle"),
    "2001": view("2001", "busy", call_id="c8", gateway="gw-2"),
    "2002": view("2002", "offline"),
    "2003": view("2003", "offline"),
}


def refused(reason: Reason, message: str = "no") -> Reply:
    return Reply(accepted=False, reason=reason, message=message, field="number")


class Desk:
    """Agent 1001 in call c9, and supervisor of `sales` 1002."""

    def __init__(self, house: House) -> None:  # noqa: F811
        self.house, self.states = house, dict(STATES)
        self.agent: dict[str, str] = {}
        self.boss: dict[str, str] = {}
        house.commands.replies[GetAgent] = lambda command: self.states[command.agent_id]
        house.commands.replies[calls.SeizeAgent] = Reservation(terminal=Terminal.MOBILE, address="+8613700000001")

    async def do(self, path: str, body: Any = None, method: str = "POST", who: dict[str, str] | None = None) -> tuple[int, Any]:
        response = await self.house.client.request(method, path, json=body, headers=who or self.agent)
        return response.status_code, response.json()

    def sent(self) -> list[tuple[Command, str]]:
        """All that changes something."""
        return [(command, scope) for command, scope in self.house.commands.sent if not isinstance(command, GetAgent)]

    def names(self) -> list[str]:
        return [command.NAME for command, _ in self.sent()]

    async def operations(self) -> list[dict[str, Any]]:
        headers = await self.house.token("admin@example.com")
        lines: list[dict[str, Any]] = (await self.house.client.get("/v1/operations", headers=headers)).json()
        return lines


@pytest.fixture
async def desk(house: House) -> Desk:  # noqa: F811
    agents = [
        *CENTRE["agents"],
        {**CENTRE["agents"][2], "id": "2002", "email": "x@example.com", "phone": {"user": "2002", "password": "very secret"}},
        {
            **CENTRE["agents"][2],
            "id": "2003",
            "email": "y@example.com",
            "phone": {"user": "2003", "password": "very secret"},
            "mobile": "+8613700000003",
        },
    ]
    made = await house.client.post("/v1/apply", json={**CENTRE, "agents": agents}, headers=await house.token("admin@example.com"))
    assert made.status_code == 200, made.text
    await house.add("boss@example.com", Role.SUPERVISOR, agent_id="1002", groups=("sales",))
    made_desk = Desk(house)
    made_desk.agent, made_desk.boss = await house.token("agent@example.com"), await house.token("boss@example.com")
    return made_desk


# one's own call


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("hold", calls.Hold),
        ("retrieve", calls.Retrieve),
        ("mute", calls.Mute),
        ("unmute", calls.Unmute),
        ("complete", calls.CompleteTransfer),
        ("cancel", calls.CancelConsult),
        ("join", calls.Join),
        ("leave", calls.Leave),
        ("drop", calls.DropParty),
        ("survey", calls.StartSurvey),
        ("resume", calls.ResumeCall),
        ("hang-up", calls.HangUpAgent),
        ("pause-recording", calls.PauseRecording),
        ("resume-recording", calls.ResumeRecording),
    ],
)
async def test_a_control_goes_to_the_gateway_that_holds_the_agents_call(desk: Desk, path: str, kind: Any) -> None:
    assert (await desk.do(f"/v1/me/call/{path}"))[0] == 200
    ((command, scope),) = desk.sent()
    assert isinstance(command, kind)
    assert (command.call_id, command.agent_id, command.actor, scope) == ("c9", "1001", "agent@example.com", "gw-1")
    assert kind.NAME not in [line["action"] for line in await desk.operations()], "it stands in the event log"


async def test_a_flow_is_named_with_its_version(desk: Desk) -> None:
    assert (await desk.do("/v1/me/call/flow", {"flow_id": "confirm", "flow_version": 3}))[0] == 200
    ((command, scope),) = desk.sent()
    assert isinstance(command, calls.RunFlow)
    assert (command.flow_id, command.flow_version, command.agent_id, scope) == ("confirm", 3, "1001", "gw-1")
    assert (await desk.do("/v1/me/call/flow", {"flow_id": "confirm"}))[0] == 422


async def test_what_the_gateway_refuses_is_409_with_its_reason(desk: Desk) -> None:
    desk.house.commands.reply = refused(Reason.ILLEGAL_STATE, "hold is not possible while consulting")
    status, body = await desk.do("/v1/me/call/hold")
    assert (status, body["reason"], body["message"]) == (409, "illegal-state", "hold is not possible while consulting")


@pytest.mark.parametrize("state", ["idle", "offline", "wrap-up", "break"])
async def test_who_is_in_no_call_gets_404(desk: Desk, state: str) -> None:
    desk.states["1001"] = view("1001", state, call_id="c9" if state == "wrap-up" else "", gateway="gw-1")
    for method, path in (("GET", ""), ("POST", "/hold"), ("POST", "/hang-up")):
        assert (await desk.do(f"/v1/me/call{path}", method=method))[0] == 404
    assert desk.sent() == []


async def test_a_seized_agent_whose_call_has_not_begun_is_in_none(desk: Desk) -> None:
    desk.states["1001"] = view("1001", "busy", call_id="c9")
    assert (await desk.do("/v1/me/call/hold"))[0] == 404


async def test_the_view_is_the_gateways(desk: Desk) -> None:
    desk.house.commands.replies[calls.GetCallView] = calls.CallView(
        call_id="c9", situation="talking", parties=(), controls=("hold", "consult")
    )
    status, body = await desk.do("/v1/me/call", method="GET")
    assert (status, body["situation"], body["controls"]) == (200, "talking", ["hold", "consult"])


async def test_a_login_without_an_agent_has_no_call(desk: Desk) -> None:
    for who in ("admin", "analyst", "reviewer"):
        assert (await desk.do("/v1/me/call/hold", who=await desk.house.token(f"{who}@example.com")))[0] == 403


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("transfer", {"agent_id": "1002"}, {"target_agent_id": "1002", "group_id": "", "number": ""}),
        ("transfer", {"group_id": "help"}, {"target_agent_id": "", "group_id": "help", "number": ""}),
        ("transfer", {"number": "010 5555 0100"}, {"target_agent_id": "", "group_id": "", "number": "010 5555 0100"}),
        ("transfer", {"agent_id": "2003"}, {"target_agent_id": "", "group_id": "", "number": "+8613700000003"}),
        ("consult", {"agent_id": "1002"}, {"target_agent_id": "1002", "number": ""}),
        ("consult", {"agent_id": "2003"}, {"target_agent_id": "", "number": "+8613700000003"}),
        ("consult", {"number": "13800000000"}, {"target_agent_id": "", "number": "13800000000"}),
        ("digits", {"digits": "12#*A"}, {"digits": "12#*A"}),
        ("play", {"text": "One moment."}, {"prompts": (Speech(text="One moment."),)}),
        ("collect", {"template_id": "id-card"}, {"template_id": "id-card"}),
    ],
)
async def test_what_says_more_is_passed_on(desk: Desk, path: str, body: Any, expected: dict[str, Any]) -> None:
    assert (await desk.do(f"/v1/me/call/{path}", body))[0] == 200
    ((command, scope),) = desk.sent()
    assert {name: getattr(command, name) for name in expected} == expected
    assert scope == "gw-1"


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("transfer", {}, 422, "agent_id"),
        ("transfer", {"agent_id": "1002", "number": "1"}, 422, "agent_id"),
        ("transfer", {"agent_id": "1001"}, 422, "agent_id"),
        ("transfer", {"agent_id": "9999"}, 404, "agent_id"),
        ("transfer", {"agent_id": "2001"}, 409, "agent_id"),
        ("transfer", {"agent_id": "2002"}, 409, "agent_id"),
        ("consult", {"agent_id": "2001"}, 409, "agent_id"),
        ("consult", {"group_id": "help"}, 422, ""),
        ("digits", {"digits": "12x"}, 422, "digits"),
        ("play", {"audio_id": "nothing"}, 422, "audio_id"),
        ("play", {}, 422, "audio_id"),
        ("collect", {}, 422, ""),
    ],
)
async def test_what_makes_no_sense_is_refused_and_reaches_no_call(
    desk: Desk, path: str, body: Any, status: int, field: str
) -> None:
    got, answered = await desk.do(f"/v1/me/call/{path}", body)
    assert (got, answered["field"]) == (status, field)
    assert desk.sent() == []


async def test_an_approved_file_is_played_and_stopped(desk: Desk) -> None:
    audio = AudioFile(id="terms", name="Terms", path="x.wav", sha256="0" * 64)
    async with desk.house.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "insert into document (tenant, kind, id, revision, body, updated_by)"
            " values ('main', 'audio', 'terms', 1, $1, 'boss')",
            msgspec.json.encode(audio).decode(),
        )
    status, body = await desk.do("/v1/me/call/play", {"audio_id": "terms"})
    command = desk.sent()[0][0]
    assert isinstance(command, calls.PlayToCustomer)
    assert (status, command.prompts, body) == (200, (Audio(audio_id="terms"),), {"play_id": command.play_id})
    assert (await desk.do(f"/v1/me/call/play/{body['play_id']}", method="DELETE"))[0] == 200
    stop = desk.sent()[1][0]
    assert isinstance(stop, StopPlayback)
    assert (stop.call_id, stop.play_id) == ("c9", body["play_id"])


# beginning one


async def test_an_agent_is_seized_and_then_the_number_is_dialled_for_the_same_call(desk: Desk) -> None:
    status, body = await desk.do("/v1/calls", {"number": "010-5555 0100", "caller_id": "+861055501234"})
    (seize, tenant), (dial, scope) = desk.sent()
    assert isinstance(seize, calls.SeizeAgent)
    assert isinstance(dial, calls.Dial)
    assert (seize.agent_id, seize.purpose, tenant) == ("1001", Purpose.OUTBOUND, "main")
    assert (dial.tenant, dial.agent_id, dial.number, dial.caller_id) == ("main", "1001", "010-5555 0100", "+861055501234")
    assert (dial.terminal, dial.address, dial.role, scope) == (Terminal.MOBILE, "+8613700000001", "agent", "any")
    assert (status, body, seize.call_id) == (200, {"call_id": dial.call_id}, dial.call_id)


@pytest.mark.parametrize("reason", [Reason.NOT_SIGNED_IN, Reason.ILLEGAL_STATE, Reason.AGENT_UNREACHABLE])
async def test_who_cannot_be_seized_dials_nothing(desk: Desk, reason: Reason) -> None:
    desk.house.commands.replies[calls.SeizeAgent] = refused(reason)
    status, body = await desk.do("/v1/calls", {"number": "1"})
    assert (status, body["reason"], desk.names()) == (409, reason, ["seize"])


@pytest.mark.parametrize(
    ("reason", "status"), [(Reason.FORBIDDEN, 403), (Reason.NO_TRUNK, 409), (Reason.AT_CAPACITY, 409), (Reason.UNAVAILABLE, 503)]
)
async def test_a_refused_call_gives_the_agent_back(desk: Desk, reason: Reason, status: int) -> None:
    desk.house.commands.replies[calls.Dial] = refused(reason)
    got, body = await desk.do("/v1/calls", {"number": "1"})
    assert (got, body["reason"]) == (status, reason)
    dial, release = desk.sent()[1][0], desk.sent()[2][0]
    assert isinstance(release, ReleaseAgent)
    assert isinstance(dial, calls.Dial)
    assert (release.agent_id, release.offer_id) == ("1001", dial.call_id)


async def test_a_call_whose_answer_was_lost_but_that_has_begun_stands(desk: Desk) -> None:
    desk.house.commands.replies |= {calls.Dial: refused(Reason.UNAVAILABLE), ReleaseAgent: refused(Reason.ILLEGAL_STATE)}
    status, body = await desk.do("/v1/calls", {"number": "1"})
    assert (status, list(body)) == (200, ["call_id"])


async def test_a_business_system_dials_for_agents_of_its_groups(desk: Desk) -> None:
    body = {"number": "1", "agent_id": "1001"}
    assert (await desk.do("/v1/calls", body, who=desk.boss))[0] == 200
    line = (await desk.operations())[0]
    assert (line["actor"], line["action"], line["id"]) == ("boss@example.com", "dial", "1001")
    assert (await desk.do("/v1/calls", {**body, "agent_id": "2001"}, who=desk.boss))[0] == 403
    assert (await desk.do("/v1/calls", {**body, "agent_id": "1002"}))[0] == 403


@pytest.mark.parametrize(
    ("target", "status", "sent"),
    [
        ("1002", 200, ["seize", "call-agent"]),
        ("2003", 200, ["seize", "dial"]),
        ("2002", 409, []),
        ("2001", 409, []),
        ("1001", 422, []),
        ("9999", 404, []),
    ],
)
async def test_a_colleague_is_called_and_an_absent_one_by_mobile(desk: Desk, target: str, status: int, sent: list[str]) -> None:
    assert (await desk.do("/v1/calls/internal", {"agent_id": target}))[0] == status
    assert desk.names() == sent
    if sent:
        command = desk.sent()[1][0]
        aimed = command.target_agent_id if isinstance(command, calls.CallAgent) else getattr(command, "number", "")
        assert aimed == {"1002": "1002", "2003": "+8613700000003"}[target]


# watching


@pytest.mark.parametrize("mode", list(Supervision))
async def test_a_supervisor_hears_on_their_own_phone_and_is_offered_nothing_meanwhile(desk: Desk, mode: Supervision) -> None:
    assert (await desk.do(f"/v1/agents/1001/{mode}", who=desk.boss))[0] == 200
    (seize, _), (watch, scope) = desk.sent()
    assert isinstance(seize, calls.SeizeAgent)
    assert isinstance(watch, calls.Supervise)
    assert (seize.agent_id, seize.call_id, seize.purpose) == ("1002", "c9", Purpose.SUPERVISION)
    assert (watch.call_id, watch.agent_id, watch.supervisor_agent_id, watch.mode) == ("c9", "1001", "1002", mode)
    assert (watch.actor, scope) == ("boss@example.com", "gw-1")
    line = (await desk.operations())[0]
    assert (line["actor"], line["action"], line["kind"], line["id"]) == ("boss@example.com", "supervise", "agent", "1001")


async def test_a_supervisor_is_rung_at_a_number_and_nobody_is_seized(desk: Desk) -> None:
    assert (await desk.do("/v1/agents/1001/listen", {"number": "13800000001"}, who=desk.boss))[0] == 200
    ((watch, _),) = desk.sent()
    assert isinstance(watch, calls.Supervise)
    assert (watch.number, watch.supervisor_agent_id) == ("13800000001", "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"agent_id": "1002"}, 200),
        ({"agent_id": "2001"}, 403),
        ({"agent_id": "9999"}, 404),
        ({"agent_id": "1001"}, 422),
        ({"agent_id": "1002", "number": "1"}, 422),
        ({}, 422),
    ],
)
async def test_a_supervisor_without_a_phone_names_one_of_their_agents(desk: Desk, body: dict[str, str], status: int) -> None:
    who = await desk.house.token("supervisor@example.com")
    assert (await desk.do("/v1/agents/1001/listen", body, who=who))[0] == status
    assert desk.names() == (["seize", "supervise"] if status == 200 else [])


async def test_a_supervisor_who_has_not_signed_in_hears_all_the_same(desk: Desk) -> None:
    desk.house.commands.replies[calls.SeizeAgent] = refused(Reason.NOT_SIGNED_IN)
    assert (await desk.do("/v1/agents/1001/listen", who=desk.boss))[0] == 200
    desk.house.commands.replies[calls.SeizeAgent] = refused(Reason.ILLEGAL_STATE)
    assert (await desk.do("/v1/agents/1001/listen", who=desk.boss))[0] == 409
    assert desk.names() == ["seize", "supervise", "seize"]


async def test_a_refused_supervision_gives_the_supervisor_back(desk: Desk) -> None:
    desk.house.commands.replies[calls.Supervise] = refused(Reason.ILLEGAL_STATE)
    assert (await desk.do("/v1/agents/1001/barge", who=desk.boss))[0] == 409
    assert desk.names() == ["seize", "supervise", "release"]


async def test_supervision_ends(desk: Desk) -> None:
    assert (await desk.do("/v1/agents/1001/supervision", method="DELETE", who=desk.boss))[0] == 200
    ((command, scope),) = desk.sent()
    assert isinstance(command, calls.EndSupervision)
    assert (command.call_id, command.agent_id, scope) == ("c9", "1001", "gw-1")


@pytest.mark.feature("F226")
@pytest.mark.parametrize("action", ["listen", "whisper", "barge", "play", "supervision"])
async def test_agents_of_other_groups_and_idle_ones_are_not_watched(desk: Desk, action: str) -> None:
    method = "DELETE" if action == "supervision" else "POST"
    body = {"text": "x"} if action == "play" else None
    for agent_id, who, status in (
        ("2001", desk.boss, 403),
        ("1002", desk.boss, 409),
        ("9999", desk.boss, 404),
        ("1001", desk.agent, 403),
    ):
        assert (await desk.do(f"/v1/agents/{agent_id}/{action}", body, method, who))[0] == status, agent_id
    assert desk.sent() == []


async def test_a_supervisor_plays_to_the_customer_and_it_is_noted(desk: Desk) -> None:
    status, body = await desk.do("/v1/agents/1001/play", {"text": "Please be patient."}, who=desk.boss)
    command = desk.sent()[0][0]
    assert isinstance(command, calls.PlayToCustomer)
    assert (status, body) == (200, {"play_id": command.play_id})
    assert (command.agent_id, command.actor) == ("1001", "boss@example.com")
    assert (await desk.operations())[0]["action"] == "play-to-customer"


def test_every_state_of_the_story_is_an_agent_of_the_centre() -> None:
    assert all(isinstance(each, AgentView) for each in STATES.values())
