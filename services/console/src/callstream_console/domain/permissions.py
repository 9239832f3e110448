"""Who may do what (F271), as one table. Every check happens here, on the server."""

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
    ACT_FOR_ANY_AGENT = "act-for-any-agent"


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.ADMIN: frozenset(Action),
    Role.SUPERVISOR: frozenset({Action.READ_CONFIGURATION, Action.READ_AGENTS, Action.ACT_AS_SELF, Action.ACT_FOR_ANY_AGENT}),
    Role.AGENT: frozenset({Action.ACT_AS_SELF}),
    Role.REVIEWER: frozenset({Action.READ_CONFIGURATION}),
    Role.ANALYST: frozenset({Action.READ_CONFIGURATION, Action.READ_AGENTS}),
}


def require(principal: Principal, action: Action) -> None:
    """Raise Refusal(forbidden) unless the principal's role allows the action."""
    if action not in ALLOWED[principal.role]:
        raise Refusal(Reason.FORBIDDEN, f"role '{principal.role}' may not {action}")


def require_agent(principal: Principal, agent_id: str) -> None:
    """Raise Refusal(forbidden) unless the principal is this agent or may act for any."""
    if agent_id == principal.agent_id:
        return require(principal, Action.ACT_AS_SELF)
    return require(principal, Action.ACT_FOR_ANY_AGENT)
