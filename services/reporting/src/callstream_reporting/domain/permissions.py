"""Who may read which records: agents their own (F064, F207), supervisors those of their groups (F226), the others
all of their tenant's."""

from collections.abc import Mapping

from callstream.contracts.roles import Principal, Role
from callstream.contracts.states import Direction
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_reporting.domain.record import ServiceRecord, people

_ALL = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.ANALYST})
_HEAR_ALL = frozenset({Role.ADMIN, Role.SUPERVISOR})


def visible_agent(principal: Principal, wanted: str) -> str:
    """The agent whose records may be listed: `wanted` for those who see all, themselves for agents; else Refusal."""
    if principal.role in _ALL:
        return wanted
    if principal.role is Role.AGENT and principal.agent_id and wanted in ("", principal.agent_id):
        return principal.agent_id
    raise Refusal(Reason.FORBIDDEN, f"role '{principal.role}' may not read these records")


def visible_agents(principal: Principal, groups: Mapping[str, tuple[str, ...]], wanted: str = "") -> list[str]:
    """The agents whose states a person may read: their own, those of a supervisor's groups (F226), or all.

    `groups` of all agents of the tenant. `wanted`: this one alone, else Refusal.
    """
    if principal.role is Role.AGENT and principal.agent_id:
        seen = [principal.agent_id]
    elif principal.role is Role.SUPERVISOR:
        seen = [agent_id for agent_id, its in groups.items() if not set(principal.groups).isdisjoint(its)]
    elif principal.role in _ALL:
        seen = [*groups, wanted] if wanted else list(groups)
    else:
        seen = []
    if wanted:
        seen = [wanted] if wanted in seen else []
    if not seen and (wanted or principal.role not in _ALL):
        raise Refusal(Reason.FORBIDDEN, f"role '{principal.role}' may not read the states of {wanted or 'agents'}", "agent_id")
    return seen


def visible_groups(principal: Principal) -> tuple[str, ...] | None:
    """The groups whose calls may be listed: a supervisor's own (F226), None: all."""
    return principal.groups if principal.role is Role.SUPERVISOR else None


def visible_people(principal: Principal, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The agents whose calls of no group may be listed: for a supervisor those of their groups."""
    if principal.role is not Role.SUPERVISOR:
        return ()
    return tuple(agent_id for agent_id, its in groups.items() if not set(principal.groups).isdisjoint(its))


def may_read(principal: Principal, record: ServiceRecord, groups: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the record and its timeline are for this person. `groups` of all agents of the tenant."""
    return (principal.role in _ALL and _in_groups(principal, record, groups)) or _own(principal, record)


def may_hear(principal: Principal, record: ServiceRecord, groups: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the recording is for this person (F207)."""
    return (principal.role in _HEAR_ALL and _in_groups(principal, record, groups)) or _own(principal, record)


def open_boxes(principal: Principal, groups: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """The mailboxes that a person may open (F205); None: all. `groups` of all agents of the tenant."""
    if principal.role is Role.ADMIN:
        return None
    agents, teams = {principal.agent_id} - {""}, set(groups.get(principal.agent_id, ()))
    if principal.role is Role.SUPERVISOR:
        teams |= set(principal.groups)
        agents |= set(visible_people(principal, groups))
    if principal.role not in (Role.AGENT, Role.SUPERVISOR):
        raise Refusal(Reason.FORBIDDEN, f"role '{principal.role}' has no mailboxes")
    return sorted({f"agent:{agent}" for agent in agents} | {f"group:{team}" for team in teams})


def require_access_log(principal: Principal) -> None:
    """Raise Refusal unless this person may read who listened to what."""
    if principal.role not in (Role.ADMIN, Role.ANALYST):
        raise Refusal(Reason.FORBIDDEN, f"role '{principal.role}' may not read who listened to recordings")


def _in_groups(principal: Principal, record: ServiceRecord, groups: Mapping[str, tuple[str, ...]]) -> bool:
    """An inbound call is its group's; one that an agent began is that of the agents who have part in it."""
    if principal.role is not Role.SUPERVISOR:
        return True
    if record.group_id is not None or record.call_type == Direction.INBOUND:
        return record.group_id in principal.groups
    return not people(record).isdisjoint(visible_people(principal, groups))


def _own(principal: Principal, record: ServiceRecord) -> bool:
    return principal.role is Role.AGENT and bool(principal.agent_id) and principal.agent_id in people(record)
