"""Who may do what (F271), as one table. Every check happens here, on the server."""

from collections.abc import Iterable
from enum import StrEnum

from callstream.contracts.roles import Principal, Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason


class Action(StrEnum):
    """What a request wants to do."""

    READ_CONFIGURATION = "read-configuration"
    CHANGE_CONFIGURATION = "change-configuration"
    READ_OPERATION_LOG = "read-operation-log"
    READ_AGENTS = "read-agents"
    ACT_AS_SELF = "act-as-self"
    ACT_FOR_OWN_GROUPS = "act-for-own-groups"
    ACT_FOR_ANY_AGENT = "act-for-any-agent"
    FORCE_OFFLINE = "force-offline"
    SUPERVISE = "supervise"


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.ADMIN: frozenset(Action),
    Role.SUPERVISOR: frozenset(
        {
            Action.READ_CONFIGURATION,
            Action.READ_AGENTS,
            Action.ACT_AS_SELF,
            Action.ACT_FOR_OWN_GROUPS,
            Action.SUPERVISE,
        }
    ),
    Role.AGENT: frozenset({Action.ACT_AS_SELF}),
    Role.REVIEWER: frozenset({Action.READ_CONFIGURATION}),
    Role.ANALYST: frozenset({Action.READ_CONFIGURATION, Action.READ_AGENTS}),
}


def require(principal: Principal, action: Action) -> None:
    """Raise Refusal(forbidden) unless the principal's role allows the action."""
    if action not in ALLOWED[principal.role]:
        raise Refusal(Reason.FORBIDDEN, f"role '{principal.role}' may not {action}")


def require_agent(principal: Principal, agent_id: str, groups: Iterable[str] | None) -> None:
    """Raise Refusal(forbidden) unless the principal is this agent, has one of the agent's groups, or may act for any (F226).

    `groups` None: there is no such agent; whoever may act for others is told so, elsewhere.
    """
    if agent_id and agent_id == principal.agent_id:
        return require(principal, Action.ACT_AS_SELF)
    if Action.ACT_FOR_ANY_AGENT in ALLOWED[principal.role]:
        return None
    require(principal, Action.ACT_FOR_OWN_GROUPS)
    if groups is not None and not sees(principal, groups):
        raise Refusal(Reason.FORBIDDEN, f"agent {agent_id} is in none of your groups", "agent_id")
    return None


def sees(principal: Principal, groups: Iterable[str]) -> bool:
    """Whether an agent or a request of these groups is the principal's: a supervisor sees their own groups' (F226)."""
    return principal.role is not Role.SUPERVISOR or not set(principal.groups).isdisjoint(groups)
