"""The finder of colleagues and groups: what is found by what, in which order, and what is told of whom."""

from typing import Any

import pytest

from callstream.contracts.commands import AgentView, ListAgents, Reply
from callstream.contracts.config import Agent, SkillGroup
from callstream.contracts.roles import Role
from callstream.contracts.states import AgentState, AnswerOnMobile, Presence
from callstream.kernel.outcomes import Reason
from callstream_console.domain.directory import search
from callstream_console.domain.pinyin import sounds_like

from .test_api import House, house  # noqa: F401
from .test_supervision import CENTRE


def agent(number: str, name: str, *groups: str, mobile: str | None = None) -> Agent:
    when = AnswerOnMobile.WHEN_OFFLINE if mobile else AnswerOnMobile.NEVER
    return Agent(id=number, name=name, email="a@b", sip_user=f"8{number}", groups=groups, mobile=mobile, answer_on_mobile=when)


PEOPLE = [
    agent("1001", "张三", "sales"),
    agent("1002", "单雄信", "sales", "help", mobile="+8613700001234"),
    agent("1003", "Ann Zhang", "help"),
    agent("2001", "Zoë"),
]
GROUPS = [SkillGroup(id="sales", name="销售"), SkillGroup(id="help", name="Help desk"), SkillGroup(id="night", name="Night")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["1003", "2001", "1002", "1001"]),
        ("1001", ["1001"]),
        ("100", ["1003", "1002", "1001"]),
        ("81002", ["1002"]),
        ("张", ["1001"]),
        ("三", ["1001"]),
        ("zhang", ["1003", "1001"]),
        ("zs", ["1001"]),
        ("ZHANG SAN", ["1001"]),
        ("zhangs", ["1001"]),
        ("san", ["1001"]),
        ("shanxx", ["1002"]),
        ("sxx", ["1002"]),
        ("danxiongxin", ["1002"]),
        ("ann", ["1003"]),
        ("zoë", ["2001"]),
        ("13700001234", ["1002"]),
        ("+8613700001234", ["1002"]),
        ("0001234", ["1002"]),
        ("001234", []),
        ("1370000", []),
        ("nobody", []),
    ],
)
def test_who_is_found(query: str, found: list[str]) -> None:
    assert [each.agent_id for each in search(query, PEOPLE, GROUPS, {}, 50).agents] == found


def test_an_exact_id_comes_before_names_that_only_sound_like_it() -> None:
    people = [agent("zs", "Bob"), agent("a1", "张三"), agent("a2", "zs the second")]
    assert [each.agent_id for each in search("zs", people, (), {}, 50).agents] == ["zs", "a2", "a1"]
    assert len(search("zs", people, (), {}, 2).agents) == 2


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("", {"help": ("1003", "1002"), "night": None, "sales": ("1002", "1001")}),
        ("1001", {"sales": ("1001",)}),
        ("xiaoshou", {"sales": ()}),
        ("night", {"night": ()}),
        ("2001", {}),
    ],
)
def test_the_tree_holds_the_groups_that_are_meant_or_have_somebody(query: str, groups: dict[str, Any]) -> None:
    found = {team.group_id: team.agents for team in search(query, PEOPLE, GROUPS, {}, 50).groups}
    assert found == {group: members or () for group, members in groups.items()}


def view(agent_id: str, state: AgentState, extension: str = "") -> AgentView:
    return AgentView(agent_id=agent_id, state=state, since="2026-03-01", presence=Presence.ONLINE, extension=extension)


def test_how_somebody_is_reached_now() -> None:
    views = {
        "1001": view("1001", AgentState.IDLE, extension="9001"),
        "1002": view("1002", AgentState.OFFLINE),
        "1003": view("1003", AgentState.BUSY),
    }
    found = {each.agent_id: each for each in search("", PEOPLE, GROUPS, views, 50).agents}
    assert [found[each].reached_by for each in ("1001", "1002", "1003", "2001")] == ["phone", "mobile", None, None]
    assert (found["1001"].extension, found["1001"].state, found["2001"].state) == ("9001", AgentState.IDLE, None)
    assert [each.agent_id for each in search("9001", PEOPLE, GROUPS, views, 50).agents] == ["1001"]


@pytest.mark.parametrize(
    ("query", "name", "said"),
    [
        ("zgf", "曾国藩", True),
        ("cengguofan", "曾国藩", True),
        ("nvlu", "女路", True),
        ("lvb", "吕布", True),
        ("zhangsanx", "张三", False),
        ("zhongsan", "张三", False),
        ("", "张三", False),
        ("x", "Ann", False),
    ],
)
def test_how_names_sound(query: str, name: str, said: bool) -> None:
    assert sounds_like(query, name) is said


async def test_the_directory_over_http(house: House) -> None:  # noqa: F811
    admin = await house.token("admin@example.com")
    assert (await house.client.post("/v1/apply", json=CENTRE, headers=admin)).status_code == 200
    house.commands.replies[ListAgents] = [view("1001", AgentState.IDLE)]
    ann = await house.token("agent@example.com")
    found = (await house.client.get("/v1/directory", params={"q": "1001"}, headers=ann)).json()
    (colleague,) = found["agents"]
    assert (colleague["agent_id"], colleague["state"], colleague["reached_by"]) == ("1001", "idle", "phone")
    assert "mobile" not in colleague
    assert found["groups"] == [{"group_id": "sales", "name": "Sales", "agents": ["1001"]}]

    house.commands.replies[ListAgents] = Reply(accepted=False, reason=Reason.UNAVAILABLE, message="away")
    found = (await house.client.get("/v1/directory", headers=ann)).json()
    assert [(each["agent_id"], each["state"]) for each in found["agents"]] == [("1001", None), ("1002", None), ("2001", None)]

    assert (await house.client.get("/v1/directory?q=" + "x" * 65, headers=ann)).status_code == 422
    assert (await house.client.get("/v1/directory", headers=await house.token("reviewer@example.com"))).status_code == 403
    assert (await house.client.get("/v1/directory")).status_code == 401
    await house.add("other@example.com", Role.AGENT, tenant="other", agent_id="1001")
    theirs = (await house.client.get("/v1/directory", headers=await house.token("other@example.com"))).json()
    assert theirs == {"agents": [], "groups": [], "contacts": []}
