"""Who may do what: the closed list of roles (F271) and the principal that a token stands for."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """A person's role in their tenant."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    REVIEWER = "reviewer"
    ANALYST = "analyst"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The person behind a request, as their access token says."""

    user_id: str
    tenant: str
    role: Role
    agent_id: str = ""
    """The agent that this person is, or empty."""
    groups: tuple[str, ...] = ()
    """Of a supervisor: the groups that they see and act on (F226)."""
