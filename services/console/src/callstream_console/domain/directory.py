"""Who can be called or handed a call to: colleagues and groups, by id, name, pinyin and number (F023). Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from callstream.contracts.commands import AgentView
from callstream.contracts.config import Agent, SkillGroup
from callstream.contracts.states import AgentState, Presence
from callstream_console.domain.pinyin import sounds_like

SHORTEST_NUMBER = 7
"""Digits of a mobile number's end that find its agent: who types them knows the number."""


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as others see them. The mobile number itself is told to nobody here."""

    agent_id: str
    name: str
    groups: tuple[str, ...]
    extension: str
    """The desk phone that they answer on."""
    state: AgentState | None
    """None: not known now."""
    since: str
    presence: Presence | None
    reached_by: str | None
    """`phone`, or `mobile` for who is offline and has bound one; None: not now."""


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A group with those of its agents that were found: a branch of the tree."""

    group_id: str
    name: str
    agents: tuple[str, ...]


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: the best first."""

    agents: list[Colleague]
    groups: list[Team]


def search(
    query: str, agents: Iterable[Agent], groups: Iterable[SkillGroup], views: Mapping[str, AgentView], limit: int
) -> Directory:
    """Everybody when `query` is empty; groups that are named by it, or hold somebody who was found."""
    wanted = typed(query)
    ranked = sorted((rank, agent.name, agent.id, agent) for agent in agents if (rank := _rank(wanted, agent, views)) is not None)
    found = [agent for *_, agent in ranked[:limit]]
    teams = [
        Team(group_id=group.id, name=group.name, agents=tuple(agent.id for agent in found if group.id in agent.groups))
        for group in sorted(groups, key=lambda each: (each.name, each.id))
    ]
    named = {group.id for group in groups if _named(wanted, group.id, group.name) is not None}
    return Directory(
        agents=[_colleague(agent, views.get(agent.id)) for agent in found],
        groups=[team for team in teams if team.agents or team.group_id in named],
    )


def typed(query: str) -> str:
    """A query as names are compared with it."""
    return "".join(query.casefold().split())


def rank_of_name(wanted: str, name: str) -> int | None:
    """How well a name fits what was `typed`: 1 it begins so, 2 holds it, 3 sounds like it; None: not at all."""
    shown = typed(name)
    if shown.startswith(wanted):
        return 1
    if wanted in shown:
        return 2
    return 3 if sounds_like(wanted, name) else None


def _rank(wanted: str, agent: Agent, views: Mapping[str, AgentView]) -> int | None:
    """0 the best; None: not found."""
    view = views.get(agent.id)
    extension = (view.extension if view is not None else "") or agent.sip_user
    if wanted in (agent.id.casefold(), extension.casefold()):
        return 0
    if extension.casefold().startswith(wanted):
        return 1
    digits = wanted.removeprefix("+")
    if digits.isdecimal() and len(digits) >= SHORTEST_NUMBER and agent.mobile is not None and agent.mobile.endswith(digits):
        return 1
    return _named(wanted, agent.id, agent.name)


def _named(wanted: str, key_id: str, name: str) -> int | None:
    return 1 if key_id.casefold().startswith(wanted) else rank_of_name(wanted, name)


def _colleague(agent: Agent, view: AgentView | None) -> Colleague:
    state = view.state if view is not None else None
    reached_by = None
    if state is AgentState.IDLE:
        reached_by = "phone"
    elif state is AgentState.OFFLINE and agent.mobile is not None:
        reached_by = "mobile"
    return Colleague(
        agent_id=agent.id,
        name=agent.name,
        groups=agent.groups,
        extension=(view.extension if view is not None else "") or agent.sip_user,
        state=state,
        since=view.since if view is not None else "",
        presence=view.presence if view is not None else None,
        reached_by=reached_by,
    )
